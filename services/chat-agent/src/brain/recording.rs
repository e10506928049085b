//! What the books are told of a conversation.
//!
//! It happens in the background, so that no visitor waits for it. The invariants: the same turn is one row however
//! often it is told; a failure is logged without a word of the conversation; whoever forgets a visitor waits for what
//! is on its way.

use std::time::Duration;

use chassis::{
    Context,
    client::Link,
    request_id,
    retry::{Policy, Verdict, retry},
};
use domain::{id::EventId, money::Currency};
use jiff::Timestamp;
use proto::{
    common::v1::Caller,
    sheets::v1::{RecordEventsRequest, event_service_client::EventServiceClient},
};
use serde_json::{Value, json};
use tonic::Code;
use tracing::Instrument as _;

use super::{budget::Taken, facts};
use crate::{
    protocol::{Item, UserMessage},
    turn::{Input, Session, Turn},
};

/// Patient, for nobody waits; within what a drain may take.
const RETRY: Policy =
    Policy { attempts: 5, base: Duration::from_millis(200), cap: Duration::from_millis(2_000) };
/// Longest message that is told, in characters.
const LONGEST: usize = 4_000;

/// Tells the books.
#[derive(Clone)]
pub(crate) struct Recorder {
    events: EventServiceClient<Link>,
    ctx: Context,
}

/// An answer of the model, for reports.
pub(crate) struct Answered<'a> {
    /// Which model.
    pub(crate) model: &'a str,
    /// What it took.
    pub(crate) taken: Taken,
    /// What that cost: billionths of a major unit, and the currency.
    pub(crate) cost: (u64, Currency),
    /// How long the visitor waited for all of it.
    pub(crate) took: Duration,
    /// The tools that were called, in order.
    pub(crate) tools: &'a [String],
}

// === impl Recorder ===

impl Recorder {
    pub(crate) fn new(link: Link, ctx: Context) -> Self {
        Self { events: EventServiceClient::new(link), ctx }
    }

    /// A visitor's message, the newest in the thread. One that is answered again is the same.
    pub(crate) fn turn(&self, turn: &Turn, history: &[Item], flagged: bool) {
        let newest = history.iter().rev().find_map(|item| match item {
            Item::UserMessage(message) => Some(message),
            _ => None,
        });
        if let Some(message) = newest {
            self.record(turn, of_message(turn, message, flagged));
        }
    }

    /// What an answer cost and how long it took. `cause` is the message that it answers; an answer that goes on after the
    /// browser was asked, and one that is given once more, is another.
    pub(crate) fn answered(&self, turn: &Turn, cause: &str, answer: &Answered<'_>) {
        let part = match &turn.input {
            Input::Message(_) => String::new(),
            Input::ToolOutput(call) => call.head.id.clone(),
            _ => turn.new_id("ans_"),
        };
        let Answered { model, taken, cost: (billionths, currency), took, tools } = answer;
        let event = json!({
            "id": EventId::derive(&["chat.answered", &turn.thread.id, cause, &part]).as_str(),
            "type": "chat.answered",
            "occurred_at": turn.now().to_string(),
            "item_id": cause,
            "model": model,
            "input_tokens": taken.input_tokens,
            "output_tokens": taken.output_tokens,
            "cost": {"billionths": billionths, "currency": currency.as_str()},
            "duration_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "tools": tools,
        });
        self.record(turn, event);
    }

    /// A question to which nothing was found.
    pub(crate) fn unanswered(&self, turn: &Turn, call_id: &str, question: &str) {
        self.record(turn, of_question(&turn.thread.id, call_id, question, turn.now()));
    }

    /// The same, where another agent has asked for somebody, outside of any thread.
    pub(crate) fn unanswered_outside(&self, session: &tools::Session, question: &str) {
        let tools::Session { caller, turn, workflow, now, .. } = session;
        let event = of_question(&caller.session_id, turn, question, *now);
        self.tell(caller.clone(), &caller.session_id, &workflow.slug, event, ());
    }

    fn record(&self, turn: &Turn, mut event: Value) {
        let Session { caller, session_id, workflow, .. } = &turn.session;
        event["thread_id"] = json!(turn.thread.id);
        self.tell(caller.clone(), session_id, &workflow.slug, event, turn.trail());
    }

    /// Tells an event of a session; `trail` is held until it is told.
    fn tell(
        &self,
        caller: Caller,
        session_id: &str,
        workflow: &str,
        mut event: Value,
        trail: impl Send + 'static,
    ) {
        event["session_id"] = json!(session_id);
        event["workflow_id"] = json!(workflow);
        event["site"] = json!(caller.site);
        let id = event["id"].as_str().unwrap_or_default().to_owned();
        let request = RecordEventsRequest {
            caller: Some(caller),
            request_id: format!("req_{}", domain::id::digest(&[&id])),
            events: event.to_string().into(),
        };
        let events = self.events.clone();
        let work = async move {
            let _trail = trail;
            let again = move || {
                let (mut events, request) = (events.clone(), request.clone());
                async move { events.record_events(request).await }
            };
            let verdict = |status: &tonic::Status| match status.code() {
                Code::Unavailable | Code::DeadlineExceeded => Verdict::Again(None),
                _ => Verdict::Stop,
            };
            if let Err(status) = retry(RETRY, verdict, again).await {
                tracing::error!(event.id = id, code = ?status.code(), "the books have not taken an event");
            }
        };
        // In the background, and still a part of the request that it tells of.
        let work = request_id::scope(request_id::current().unwrap_or_else(request_id::make), work);
        self.ctx.spawn(work.in_current_span());
    }
}

/// A question to which nothing was found, by the place and the call in which it was asked.
fn of_question(place: &str, call: &str, question: &str, now: Timestamp) -> Value {
    json!({
        "id": EventId::derive(&["knowledge.unanswered", place, call]).as_str(),
        "type": "knowledge.unanswered",
        "occurred_at": now.to_string(),
        "question": question.chars().take(LONGEST).collect::<String>(),
    })
}

fn of_message(turn: &Turn, message: &UserMessage, flagged: bool) -> Value {
    let id = EventId::derive(&["chat.turn", &turn.thread.id, &message.head.id]);
    let traits = facts::traits(&turn.thread);
    let mut event = json!({
        "id": id.as_str(),
        "type": "chat.turn",
        "occurred_at": message.head.created_at.to_string(),
        "item_id": message.head.id,
        "message": message.text().chars().take(LONGEST).collect::<String>(),
        "page": traits.get("page"),
        "traits": traits,
    });
    if flagged {
        event["flagged"] = json!(true);
    }
    event
}
