//! What the model put out, as output items and as the object `Response`.
//!
//! The invariant: every object has all members that the schema requires, at every stage of its life.

use serde_json::{Value, json};

use super::{super::script::Output, order::Order};
use crate::random::token;

/// Characters in one delta of a call's arguments.
const ARGUMENTS_CHUNK: usize = 12;

/// An answer with the ids of its items.
pub(super) struct Answer {
    pub(super) pieces: Vec<Piece>,
    pub(super) end: End,
}

/// One output item.
pub(super) struct Piece {
    pub(super) id: String,
    call_id: String,
    output: Output,
    whole: bool,
}

/// How a response ended.
#[derive(Clone)]
pub(super) enum End {
    Completed,
    /// `max_output_tokens` were used up.
    Incomplete,
    Failed {
        code: String,
        message: String,
    },
}

/// The members that one response keeps from its first event to its last.
pub(super) struct Head {
    id: String,
    created_at: i64,
    echo: Value,
    input_tokens: usize,
}

/// Tokens of a text, at four characters each.
pub(super) fn tokens(text: &str) -> usize {
    text.chars().count().div_ceil(4)
}

// === impl Answer ===

impl Answer {
    pub(super) fn new(outputs: Vec<Output>, end: End) -> Self {
        Self { pieces: outputs.into_iter().map(Piece::new).collect(), end }
    }

    pub(super) fn tokens(&self) -> usize {
        self.pieces.iter().map(Piece::tokens).sum()
    }

    /// Cuts the answer off after so many tokens.
    pub(super) fn limit(&mut self, most: usize) {
        if self.tokens() <= most {
            return;
        }
        let mut left = most;
        let whole = self.pieces.iter().take_while(|piece| {
            let fits = piece.tokens() <= left;
            left -= if fits { piece.tokens() } else { 0 };
            fits
        });
        let cut = whole.count();
        self.pieces.truncate(cut + 1);
        if let Some(piece) = self.pieces.last_mut() {
            piece.cut(left);
        }
        self.end = End::Incomplete;
    }

    pub(super) fn output(&self) -> Vec<Value> {
        self.pieces.iter().map(Piece::done).collect()
    }
}

// === impl Piece ===

impl Piece {
    fn new(output: Output) -> Self {
        let prefix = if matches!(output, Output::Call { .. }) { "fc_" } else { "msg_" };
        Self { id: token(prefix), call_id: token("call_"), output, whole: true }
    }

    pub(super) fn function(&self) -> Option<&str> {
        match &self.output {
            Output::Call { name, .. } => Some(name),
            Output::Text(_) | Output::Refusal(_) => None,
        }
    }

    pub(super) fn is_refusal(&self) -> bool {
        matches!(self.output, Output::Refusal(_))
    }

    /// The deltas of its text or its arguments.
    pub(super) fn chunks(&self) -> Vec<String> {
        match &self.output {
            Output::Text(chunks) => chunks.clone(),
            Output::Refusal(text) => text.split_inclusive(' ').map(str::to_owned).collect(),
            Output::Call { arguments, .. } => {
                let chars: Vec<char> = arguments.chars().collect();
                chars.chunks(ARGUMENTS_CHUNK).map(|chunk| chunk.iter().collect()).collect()
            }
        }
    }

    fn tokens(&self) -> usize {
        self.chunks().iter().map(|chunk| tokens(chunk)).sum()
    }

    /// Keeps the chunks that fit.
    fn cut(&mut self, most: usize) {
        let mut used = 0;
        let fits = |chunk: &String| {
            used += tokens(chunk);
            used <= most
        };
        let kept: Vec<String> = self.chunks().into_iter().take_while(fits).collect();
        match &mut self.output {
            Output::Text(chunks) => *chunks = kept,
            Output::Refusal(text) => *text = kept.concat(),
            Output::Call { arguments, .. } => *arguments = kept.concat(),
        }
        self.whole = false;
    }

    /// The content part of a message with this much of its text.
    pub(super) fn part(&self, text: &str) -> Value {
        if self.is_refusal() {
            return json!({"type": "refusal", "refusal": text});
        }
        json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
    }

    /// The item as it is announced: still empty.
    pub(super) fn begun(&self) -> Value {
        self.item("in_progress", "", &[])
    }

    /// The item as it stays.
    pub(super) fn done(&self) -> Value {
        let text = self.chunks().concat();
        self.item(if self.whole { "completed" } else { "incomplete" }, &text, &[self.part(&text)])
    }

    fn item(&self, status: &str, arguments: &str, content: &[Value]) -> Value {
        match self.function() {
            Some(name) => json!({
                "id": self.id, "type": "function_call", "status": status,
                "call_id": self.call_id, "name": name, "arguments": arguments,
            }),
            None => json!({
                "id": self.id, "type": "message", "status": status, "role": "assistant", "content": content,
            }),
        }
    }
}

// === impl Head ===

impl Head {
    pub(super) fn new(order: &Order, items: &[Value], now: i64) -> Self {
        let input: usize = items.iter().map(|item| tokens(&item.to_string())).sum();
        Self {
            id: token("resp_"),
            created_at: now,
            echo: order.echo.clone(),
            input_tokens: input + order.overhead,
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The response while it is made.
    pub(super) fn begun(&self) -> Value {
        self.response(&json!({
            "status": "in_progress", "completed_at": null, "error": null, "incomplete_details": null, "output": [],
        }))
    }

    /// The response when it has ended with this output.
    pub(super) fn ended(&self, end: &End, output: Vec<Value>, output_tokens: usize) -> Value {
        let (status, error, details) = match end {
            End::Completed => ("completed", Value::Null, Value::Null),
            End::Incomplete => ("incomplete", Value::Null, json!({"reason": "max_output_tokens"})),
            End::Failed { code, message } => {
                ("failed", json!({"code": code, "message": message}), Value::Null)
            }
        };
        let completed_at = matches!(end, End::Completed).then_some(self.created_at);
        self.response(&json!({
            "status": status, "completed_at": completed_at, "error": error, "incomplete_details": details,
            "output": output,
            "usage": {
                "input_tokens": self.input_tokens,
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": output_tokens,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": self.input_tokens + output_tokens,
            },
        }))
    }

    fn response(&self, stage: &Value) -> Value {
        let mut response = self.echo.clone();
        response["id"] = self.id.clone().into();
        response["object"] = "response".into();
        response["created_at"] = self.created_at.into();
        for (name, value) in stage.as_object().into_iter().flatten() {
            response[name] = value.clone();
        }
        response
    }
}
