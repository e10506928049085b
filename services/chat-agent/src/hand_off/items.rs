//! What a hand-off puts into its thread.
//!
//! The invariant: every id follows from the hand-off, so nothing stands there twice, and from an id one sees who wrote.

use domain::id;

use super::HandOff;
use crate::protocol::{AssistantContent, AssistantMessage, Head, HiddenContext, Item};

/// What the ids of people's messages begin with.
const PERSON: &str = "opr_";
/// What the ids of the server's own words begin with.
const SERVER: &str = "srv_";

const CALLED: &str = "A person of the team was called to this conversation. They answer the visitor, and you say nothing \
    until the conversation is given back to you.";
const RELEASED: &str = "The conversation was given back to you: answer the visitor again. Messages that are marked as a \
    person's were written by a person of the team; keep to what they said.";
const EXPIRED: &str = "No person has written for a long time, so the conversation was given back to you: answer the visitor \
    again. Do not promise when a person will come.";

/// Whether a person of the team wrote this item.
pub(crate) fn is_of_person(item_id: &str) -> bool {
    item_id.starts_with(PERSON)
}

/// Whether the server wrote this item in its own words.
pub(crate) fn is_of_server(item_id: &str) -> bool {
    item_id.starts_with(SERVER)
}

/// Head of an item of the server's that a hand-off leaves, one of each `kind`.
pub(crate) fn head(kind: &str, hand_off: &HandOff, thread_id: &str, at: jiff::Timestamp) -> Head {
    let id = id::digest(&["hand_off", thread_id, &hand_off.number.to_string(), kind]);
    Head { id: format!("{SERVER}{id}"), thread_id: thread_id.to_owned(), created_at: at }
}

/// For the model: a person was called.
pub(super) fn called(hand_off: &HandOff, thread_id: &str, at: jiff::Timestamp) -> Item {
    hidden(head("called", hand_off, thread_id, at), CALLED)
}

/// For the model: the person gave it back.
pub(super) fn released(hand_off: &HandOff, thread_id: &str, at: jiff::Timestamp) -> Item {
    hidden(head("released", hand_off, thread_id, at), RELEASED)
}

/// For the model: the time was up.
pub(crate) fn expired(hand_off: &HandOff, thread_id: &str, at: jiff::Timestamp) -> Item {
    hidden(head("released", hand_off, thread_id, at), EXPIRED)
}

/// For the visitor: words of the server's.
pub(crate) fn words(head: Head, text: &str) -> Item {
    Item::AssistantMessage(AssistantMessage { head, content: vec![AssistantContent::text(text)] })
}

/// What a person says, under their name.
pub(super) fn message(
    thread_id: &str,
    request_id: &str,
    author: &str,
    text: &str,
    at: jiff::Timestamp,
) -> Item {
    let id = format!("{PERSON}{}", id::digest(&["message", thread_id, request_id]));
    let head = Head { id, thread_id: thread_id.to_owned(), created_at: at };
    words(head, &format!("**{author}:** {text}"))
}

fn hidden(head: Head, text: &str) -> Item {
    Item::HiddenContextItem(HiddenContext { head, content: text.to_owned() })
}
