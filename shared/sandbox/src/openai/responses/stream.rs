//! A response as server-sent events, and what a fault makes of them.
//!
//! The invariant: without a fault the events are those of OpenAI, in its order, numbered from 0 without a gap.

use std::{io, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::answer::{Answer, End, Head, Piece};
use crate::faults::FaultKind;

/// Deltas are padded to a multiple of this, as OpenAI does against observers of their sizes.
const PADDED: usize = 16;
const PADDING: &str = "x8Kd2mQ0vT5bLw9z";

/// Something that goes down the wire.
enum Step {
    Event(Value),
    Garbled,
    Cut,
}

/// The events of one response.
struct Events {
    list: Vec<Value>,
    obfuscation: bool,
}

/// Streams the answer with this pause before each event.
pub(super) fn respond(
    head: &Head,
    answer: &Answer,
    obfuscation: bool,
    pace: Duration,
    fault: Option<FaultKind>,
) -> Response {
    let mut events = Events { list: Vec::new(), obfuscation };
    events.push("response.created", json!({"response": head.begun()}));
    events.push("response.in_progress", json!({"response": head.begun()}));
    for (index, piece) in answer.pieces.iter().enumerate() {
        events.add(index, piece);
    }
    let output = answer.output();
    events.end(head, &answer.end, output, answer.tokens());
    let pace = match fault {
        Some(FaultKind::SlowStream { per_event }) => per_event,
        _ => pace,
    };
    let body = Body::from_stream(futures_util::stream::unfold(
        steps(events, head, fault).into_iter(),
        move |mut steps| async move {
            let step = steps.next()?;
            // Every event goes out by itself, so that what came before a cut arrives.
            match pace.is_zero() {
                true => tokio::task::yield_now().await,
                false => tokio::time::sleep(pace).await,
            }
            Some((frame(step), steps))
        },
    ));
    ([(header::CONTENT_TYPE, "text/event-stream; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")], body)
        .into_response()
}

fn frame(step: Step) -> io::Result<Bytes> {
    match step {
        Step::Event(event) => {
            let kind = event["type"].as_str().unwrap_or_default();
            Ok(format!("event: {kind}\ndata: {event}\n\n").into())
        }
        Step::Garbled => {
            Ok(Bytes::from_static(b"event: response.output_text.delta\ndata: {\"type\":\"response.outp\n\n"))
        }
        Step::Cut => Err(io::ErrorKind::ConnectionReset.into()),
    }
}

/// What the fault leaves of the events.
fn steps(mut events: Events, head: &Head, fault: Option<FaultKind>) -> Vec<Step> {
    let last = events.list.len() - 1;
    if let Some(FaultKind::FailedAfter(count)) = fault {
        events.list.truncate(count.min(last));
        let done = events.list.iter().filter(|event| event["type"] == "response.output_item.done");
        let output = done.map(|event| event["item"].clone()).collect();
        events.end(head, &failure(), output, 0);
    }
    let mut steps: Vec<_> = events.list.into_iter().map(Step::Event).collect();
    match fault {
        Some(FaultKind::CutAfter(count)) => {
            steps.truncate(count);
            steps.push(Step::Cut);
        }
        Some(FaultKind::GarbledAfter(count)) => steps.insert(count.min(last), Step::Garbled),
        _ => {}
    }
    steps
}

/// How a response ends that failed for no reason of the client's.
pub(super) fn failure() -> End {
    End::Failed {
        code: "server_error".to_owned(),
        message: "An error occurred while processing your request. You can retry your request.".to_owned(),
    }
}

// === impl Events ===

impl Events {
    fn push(&mut self, kind: &str, mut event: Value) {
        event["type"] = kind.into();
        event["sequence_number"] = self.list.len().into();
        if self.obfuscation
            && let Some(delta) = event["delta"].as_str()
        {
            let padding = &PADDING[delta.len() % PADDED..];
            event["obfuscation"] = padding.into();
        }
        self.list.push(event);
    }

    fn add(&mut self, index: usize, piece: &Piece) {
        self.push("response.output_item.added", json!({"output_index": index, "item": piece.begun()}));
        match piece.function() {
            Some(name) => self.add_arguments(index, piece, name),
            None => self.add_text(index, piece),
        }
        self.push("response.output_item.done", json!({"output_index": index, "item": piece.done()}));
    }

    fn add_arguments(&mut self, index: usize, piece: &Piece, name: &str) {
        let chunks = piece.chunks();
        let of = |name: &str, value: &Value| json!({"item_id": piece.id, "output_index": index, name: value});
        for chunk in &chunks {
            self.push("response.function_call_arguments.delta", of("delta", &json!(chunk)));
        }
        let mut done = of("arguments", &json!(chunks.concat()));
        done["name"] = name.into();
        self.push("response.function_call_arguments.done", done);
    }

    fn add_text(&mut self, index: usize, piece: &Piece) {
        let chunks = piece.chunks();
        let text = chunks.concat();
        let (kind, whole) = if piece.is_refusal() { ("refusal", "refusal") } else { ("output_text", "text") };
        let of = |name: &str, value: Value| {
            let mut event =
                json!({"item_id": piece.id, "output_index": index, "content_index": 0, name: value});
            if kind == "output_text" && name != "part" {
                event["logprobs"] = json!([]);
            }
            event
        };
        self.push("response.content_part.added", of("part", piece.part("")));
        for chunk in &chunks {
            self.push(&format!("response.{kind}.delta"), of("delta", json!(chunk)));
        }
        self.push(&format!("response.{kind}.done"), of(whole, json!(text)));
        self.push("response.content_part.done", of("part", piece.part(&text)));
    }

    fn end(&mut self, head: &Head, end: &End, output: Vec<Value>, output_tokens: usize) {
        let kind = match end {
            End::Completed => "response.completed",
            End::Incomplete => "response.incomplete",
            End::Failed { .. } => "response.failed",
        };
        self.push(kind, json!({"response": head.ended(end, output, output_tokens)}));
    }
}
