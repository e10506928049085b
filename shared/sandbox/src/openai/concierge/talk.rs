//! The conversation as the concierge sees it: what the visitor said, and the calls since then.
//!
//! The invariant: quoted data about the visitor counts as nobody's words.

use serde_json::Value;

use super::{facts::Facts, findings, wish};

/// A function call with its output.
pub(super) struct Call {
    pub(super) name: String,
    /// Null where they are no JSON.
    pub(super) arguments: Value,
    pub(super) output: String,
    /// Its place in the conversation.
    at: usize,
}

/// A conversation.
pub(super) struct Talk {
    /// What the visitor said, with its place.
    said: Vec<(usize, String)>,
    pub(super) facts: Facts,
    /// All calls, the oldest first.
    pub(super) past: Vec<Call>,
}

// === impl Call ===

impl Call {
    pub(super) fn failure(&self) -> Option<String> {
        findings::failure(&self.output)
    }

    /// The output as JSON; null where it is none.
    pub(super) fn answer(&self) -> Value {
        serde_json::from_str(&self.output).unwrap_or_default()
    }
}

// === impl Talk ===

impl Talk {
    pub(super) fn new(items: &[Value]) -> Self {
        let said: Vec<(usize, String)> =
            items.iter().enumerate().filter_map(|(at, item)| Some((at, words(item)?))).collect();
        let mut facts = Facts::default();
        for (_, text) in &said {
            facts.read(text);
        }
        facts.intent = said.iter().rev().map(|(_, text)| text).find(|text| wish::is_interest(text)).cloned();
        let calls = items.iter().enumerate().filter(|(_, item)| item["type"] == "function_call");
        let call = |(at, item): (usize, &Value)| Call {
            name: item["name"].as_str().unwrap_or_default().to_owned(),
            arguments: item["arguments"]
                .as_str()
                .and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or_default(),
            output: output(&items[at..], &item["call_id"]),
            at,
        };
        Self { past: calls.map(call).collect(), said, facts }
    }

    /// Calls after the visitor's last message.
    pub(super) fn calls(&self) -> impl DoubleEndedIterator<Item = &Call> {
        let since = self.said.last().map_or(0, |(at, _)| *at);
        self.past.iter().filter(move |call| call.at >= since)
    }

    /// What the visitor said after a call, the newest first.
    pub(super) fn said_after(&self, call: &Call) -> impl Iterator<Item = &str> {
        self.said.iter().rev().take_while(|(at, _)| *at > call.at).map(|(_, text)| text.as_str())
    }

    /// The visitor's last message.
    pub(super) fn last(&self) -> &str {
        self.said.last().map_or("", |(_, text)| text)
    }

    /// The first call of a function after the visitor's last message.
    pub(super) fn call(&self, name: &str) -> Option<&Call> {
        self.calls().find(|call| call.name == name)
    }

    pub(super) fn called(&self, name: &str) -> bool {
        self.call(name).is_some()
    }
}

/// The words of a visitor in this item: what stands outside of quoted blocks. A note in parentheses is nobody's.
fn words(item: &Value) -> Option<String> {
    if item["role"] != "user" {
        return None;
    }
    let text = text(&item["content"]);
    let lines: Vec<&str> = text.lines().collect();
    let after = lines.iter().rposition(|line| line.starts_with("</") && line.ends_with('>'));
    let words = lines[after.map_or(0, |at| at + 1)..].join("\n").trim().to_owned();
    let nobody = after.is_some() && words.is_empty();
    let note = words.starts_with('(') && words.ends_with(')');
    (!nobody && !note).then_some(words)
}

/// The text of a content: itself, or its parts.
fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

fn output(items: &[Value], call_id: &Value) -> String {
    let output = |item: &&Value| item["type"] == "function_call_output" && &item["call_id"] == call_id;
    items.iter().find(output).map(|item| text(&item["output"])).unwrap_or_default()
}
