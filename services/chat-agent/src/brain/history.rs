//! A thread as the model reads it.
//!
//! The invariants: a call and its output stay together or go together; the newest message is always there; and what
//! the browser or the visitor put into hidden items is quoted.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    facts,
    responses::request::{InputItem, Role},
};
use crate::{
    hand_off::is_of_person,
    notices::is_notice,
    protocol::{
        AssistantContent, AssistantMessage, CallStatus, ClientToolCall, Item, StructuredInput, UserMessage,
        Widget,
    },
    turn::Turn,
};

/// Most bytes of input that the history takes, about 15,000 tokens.
const MOST: usize = 60_000;
/// Most bytes of one text in it.
const LONGEST: usize = 16_000;
const MARK: &str = " […]";

/// A call of a tool that ran on the server, as the thread keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ToolCall {
    /// The model's id of it.
    pub(crate) call_id: String,
    /// The tool.
    pub(crate) name: String,
    /// As the model wrote them.
    pub(crate) arguments: String,
    /// What came of it.
    pub(crate) output: Value,
    /// It has not done its work.
    #[serde(default)]
    pub(crate) is_error: bool,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    tool_call: ToolCall,
}

// === impl ToolCall ===

impl ToolCall {
    /// The call that a hidden item keeps, if it keeps one.
    pub(crate) fn read(hidden: &str) -> Option<Self> {
        if !hidden.starts_with("{\"tool_call\"") {
            return None;
        }
        serde_json::from_str::<Kept>(hidden).ok().map(|kept| kept.tool_call)
    }

    /// Whether it did what its tool may be said to have done: a summary that was only read is not sent, and a notice for
    /// which no way to anybody is set up is not either.
    pub(crate) fn has_effect(&self) -> bool {
        let reaches = |ways: &Value| ways.as_array().is_none_or(|ways| !ways.is_empty());
        !self.is_error && self.output["published"] != false && reaches(&self.output["channels"])
    }

    /// As a hidden item keeps it.
    pub(crate) fn write(self) -> String {
        serde_json::to_string(&Kept { tool_call: self }).expect("a call is JSON")
    }

    /// As the model reads it.
    pub(crate) fn input(self) -> [InputItem; 2] {
        let Self { call_id, name, arguments, output, .. } = self;
        pair(call_id, name, arguments, output.to_string())
    }
}

/// What a hidden item says of something that was pressed.
pub(crate) fn pressed(item_id: Option<&str>, kind: &str, payload: &Value) -> String {
    let pressed = json!({"item_id": item_id, "action": kind, "payload": payload});
    format!("The visitor pressed something.\n{}", facts::quote("data", &pressed))
}

/// The input of a turn: the facts about the visitor, `memberships` of a member's among them, then as much of the history as
/// fits, newest kept.
pub(crate) fn input(turn: &Turn, history: &[Item], memberships: Option<&Value>) -> Vec<InputItem> {
    let facts = facts::block(&turn.session, &turn.thread, history, memberships);
    let block = InputItem::said(Role::User, cut(facts));
    let mut units: Vec<Vec<InputItem>> = Vec::new();
    let mut room = MOST.saturating_sub(block.size());
    for item in history.iter().rev() {
        let unit = unit(item);
        let size: usize = unit.iter().map(InputItem::size).sum();
        if size > room && !units.iter().all(Vec::is_empty) {
            break;
        }
        room = room.saturating_sub(size);
        units.push(unit);
    }
    std::iter::once(block).chain(units.into_iter().rev().flatten()).collect()
}

/// One item as the model reads it: nothing, a message, or a call with its output.
fn unit(item: &Item) -> Vec<InputItem> {
    match item {
        Item::UserMessage(message) => vec![InputItem::said(Role::User, cut(said(message)))],
        Item::AssistantMessage(message) if is_of_person(&message.head.id) => {
            vec![InputItem::said(Role::User, cut(of_person(message)))]
        }
        Item::AssistantMessage(message) => {
            let parts = message.content.iter().map(|AssistantContent::OutputText { text, .. }| text.as_str());
            let text: String = parts.collect();
            if text.is_empty() { Vec::new() } else { vec![InputItem::said(Role::Assistant, cut(text))] }
        }
        Item::ClientToolCall(call) => client_call(call),
        Item::StructuredInput(form) => vec![InputItem::said(Role::User, cut(filled_in(form)))],
        Item::HiddenContextItem(hidden) => match ToolCall::read(&hidden.content) {
            Some(call) => call.input().to_vec(),
            None => {
                vec![InputItem::said(Role::User, cut(format!("(Note of the server: {})", hidden.content)))]
            }
        },
        Item::Widget(card) if is_notice(&card.head.id) => {
            vec![InputItem::said(Role::User, cut(notice(card)))]
        }
        // a receipt says nothing that the call's output does not say
        Item::Widget(_) | Item::Task(_) | Item::Workflow(_) | Item::EndOfTurn(_) => Vec::new(),
    }
}

/// What a person of the team told the visitor; the visitor has not said it, and the model has not either.
fn of_person(message: &AssistantMessage) -> String {
    let parts = message.content.iter().map(|AssistantContent::OutputText { text, .. }| text.as_str());
    let text: String = parts.collect();
    format!(
        "(Note of the server: a person of the team wrote this to the visitor.)\n{}",
        facts::quote("data", &json!(text))
    )
}

/// What the server itself told the visitor of a booking or a payment, when it came about.
fn notice(card: &Widget) -> String {
    let lines: Vec<&str> = card.copy_text.as_deref().unwrap_or_default().lines().collect();
    let told = json!({"at": card.head.created_at, "told": lines});
    format!(
        "(Note of the server: this has happened, and the visitor sees it.)\n{}",
        facts::quote("data", &told)
    )
}

fn said(message: &UserMessage) -> String {
    match message.quoted_text.as_deref().map(str::trim).filter(|quoted| !quoted.is_empty()) {
        Some(quoted) => format!("In reply to {}\n\n{}", facts::quote("data", &json!(quoted)), message.text()),
        None => message.text(),
    }
}

fn client_call(call: &ClientToolCall) -> Vec<InputItem> {
    let output = match (call.status, &call.output) {
        (CallStatus::Completed, Some(output)) => output.to_string(),
        (CallStatus::Completed, None) => "null".to_owned(),
        (CallStatus::Pending, _) => json!({"error": "the page has not answered"}).to_string(),
    };
    let arguments = Value::Object(call.arguments.clone()).to_string();
    pair(call.call_id.clone(), call.name.clone(), arguments, output).to_vec()
}

fn filled_in(form: &StructuredInput) -> String {
    let answers: Vec<Value> = form
        .inputs
        .iter()
        .map(|question| {
            let answer = question.answer.as_ref().map(|answer| answer.values.join(", "));
            json!({"question": question.question, "answer": answer})
        })
        .collect();
    format!(
        "A form that the visitor was shown.\n{}",
        facts::quote("data", &json!({"status": form.status, "answers": answers}))
    )
}

fn pair(call_id: String, name: String, arguments: String, output: String) -> [InputItem; 2] {
    [
        InputItem::FunctionCall { call_id: call_id.clone(), name, arguments: cut(arguments) },
        InputItem::FunctionCallOutput { call_id, output: cut(output) },
    ]
}

/// At most [`LONGEST`] bytes of a text, cut between characters.
fn cut(text: String) -> String {
    if text.len() <= LONGEST {
        return text;
    }
    let mut end = LONGEST;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{MARK}", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_or_reaches_nobody_has_no_effect() {
        let call = |output: Value| ToolCall {
            call_id: String::new(),
            name: String::new(),
            arguments: String::new(),
            output,
            is_error: false,
        };
        for idle in [json!({"published": false}), json!({"channels": []})] {
            assert!(!call(idle.clone()).has_effect(), "{idle}");
        }
        for done in [
            json!({"published": true}),
            json!({"channels": ["slack"]}),
            json!({"saved": true}),
            json!("words"),
        ] {
            assert!(call(done.clone()).has_effect(), "{done}");
            assert!(!ToolCall { is_error: true, ..call(done) }.has_effect());
        }
    }
}
