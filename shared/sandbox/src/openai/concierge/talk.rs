//! The conversation as the concierge sees it: what the visitor said, and the calls since then.
//!
//! The invariant: quoted data about the visitor counts as nobody's words.

use serde_json::Value;

use super::{facts::Facts, findings, wish};

/// A function call with its output.
pub(super) struct Call {
    name: String,
    pub(super) output: String,
}

/// A conversation.
pub(super) struct Talk {
    said: Vec<String>,
    pub(super) facts: Facts,
    /// Calls after the visitor's last message.
    pub(super) calls: Vec<Call>,
}

// === impl Call ===

impl Call {
    pub(super) fn failure(&self) -> Option<String> {
        findings::failure(&self.output)
    }
}

// === impl Talk ===

impl Talk {
    pub(super) fn new(items: &[Value]) -> Self {
        let said: Vec<(usize, String)> =
            items.iter().enumerate().filter_map(|(at, item)| Some((at, words(item)?))).collect();
        let since = said.last().map_or(0, |(at, _)| at + 1);
        let said: Vec<String> = said.into_iter().map(|(_, text)| text).collect();
        let mut facts = Facts::default();
        for text in &said {
            facts.read(text);
        }
        facts.intent = said.iter().rev().find(|text| wish::is_interest(text)).cloned();
        let after = &items[since..];
        let calls = after.iter().filter(|item| item["type"] == "function_call");
        let call = |item: &Value| Call {
            name: item["name"].as_str().unwrap_or_default().to_owned(),
            output: output(after, &item["call_id"]),
        };
        Self { calls: calls.map(call).collect(), said, facts }
    }

    /// The visitor's last message.
    pub(super) fn last(&self) -> &str {
        self.said.last().map_or("", String::as_str)
    }

    pub(super) fn call(&self, name: &str) -> Option<&Call> {
        self.calls.iter().find(|call| call.name == name)
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
