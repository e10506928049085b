//! Threads and what was said in them, as the operator sees them.

use jiff::Timestamp;
use proto::chat::v1::{Thread, ThreadMessage, ThreadState};
use serde_json::Value;

use crate::{
    hand_off::{self, State, Times},
    protocol::{AssistantContent, FormStatus, Item, StructuredInput, Widget},
    threads::Record,
};

pub(super) fn thread(record: &Record, now: Timestamp, times: &Times) -> Thread {
    let owner = record.owner();
    let state = record.standing.state(now, times);
    let called = record.standing.hand_off().filter(|_| state != State::Active);
    let reason = called.and_then(|hand_off| hand_off.reason.clone());
    let updated = Timestamp::from_microsecond(record.updated_us).unwrap_or(record.thread.created_at);
    Thread {
        thread_id: record.thread.id.clone(),
        title: record.thread.title.clone().unwrap_or_default(),
        workflow: owner.workflow,
        visitor_id: owner.visitor.to_string(),
        state: match state {
            State::Active => ThreadState::Active,
            State::Waiting => ThreadState::WaitingHuman,
            State::Person => ThreadState::WithHuman,
        }
        .into(),
        create_time: Some(time(record.thread.created_at)),
        update_time: Some(time(updated)),
        hand_off_time: called.filter(|_| reason.is_some()).map(|hand_off| time(hand_off.since)),
        hand_off_reason: reason.unwrap_or_default(),
        hand_off_problem: record.standing.problem().unwrap_or_default().to_owned(),
    }
}

/// What an item says; `None` if it says nothing to people.
pub(super) fn message(item: &Item) -> Option<ThreadMessage> {
    let (author, text) = match item {
        Item::UserMessage(message) => ("visitor", message.text()),
        Item::AssistantMessage(message) => {
            let parts = message.content.iter().map(|AssistantContent::OutputText { text, .. }| text.as_str());
            (author(&message.head.id), plain(&message.head.id, parts.collect()))
        }
        Item::Widget(widget) => ("server", shown(widget)),
        Item::StructuredInput(form) => form_said(form),
        Item::ClientToolCall(_)
        | Item::Task(_)
        | Item::Workflow(_)
        | Item::EndOfTurn(_)
        | Item::HiddenContextItem(_) => return None,
    };
    let head = item.head();
    (!text.is_empty()).then(|| ThreadMessage {
        item_id: head.id.clone(),
        author: author.to_owned(),
        text,
        create_time: Some(time(head.created_at)),
    })
}

fn author(item_id: &str) -> &'static str {
    if hand_off::is_of_person(item_id) {
        "person"
    } else if hand_off::is_of_server(item_id) {
        "server"
    } else {
        "assistant"
    }
}

/// A person's name stands in bold before what they say; here it just stands before it.
fn plain(item_id: &str, text: String) -> String {
    let named = text.strip_prefix("**").filter(|_| hand_off::is_of_person(item_id));
    named
        .and_then(|named| named.split_once(":** "))
        .map(|(name, said)| format!("{name}: {said}"))
        .unwrap_or(text)
}

fn shown(widget: &Widget) -> String {
    let title = || widget.widget["children"][0]["value"].as_str().map(str::to_owned);
    widget.copy_text.clone().or_else(title).unwrap_or_else(|| match &widget.widget["type"] {
        Value::String(kind) => kind.clone(),
        _ => String::new(),
    })
}

fn form_said(form: &StructuredInput) -> (&'static str, String) {
    let lines = form.inputs.iter().map(|question| match &question.answer {
        Some(answer) if !answer.values.is_empty() => {
            format!("{} {}", question.question, answer.values.join(", "))
        }
        _ => question.question.clone(),
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    (if form.status == FormStatus::Answered { "visitor" } else { "server" }, text)
}

fn time(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}
