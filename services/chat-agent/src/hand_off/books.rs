//! What the books are told of hand-offs.
//!
//! The invariant: the id of an event follows from the hand-off, so whoever tells it again tells nothing new.

use std::time::Duration;

use chassis::{
    client::Link,
    retry::{Policy, Verdict, retry},
};
use domain::{id::EventId, notice};
use proto::{
    common::v1::Caller,
    ops::v1::{NotifyEventRequest, notify_service_client::NotifyServiceClient},
    sheets::v1::{RecordEventsRequest, event_service_client::EventServiceClient},
};
use serde_json::{Value, json};
use tonic::{Code, Status};

use super::{Untold, Word};
use crate::threads::Record;

/// The outcome by which the books know that a person is called.
const NEEDS_HUMAN: &str = "needs_human";

/// Quick, for a turn waits; what is not told now is told by the tick.
const RETRY: Policy =
    Policy { attempts: 3, base: Duration::from_millis(100), cap: Duration::from_millis(1_000) };

/// The way to the books.
#[derive(Clone)]
pub(crate) struct Books {
    events: EventServiceClient<Link>,
    /// Whoever tells people, if anybody does.
    people: Option<NotifyServiceClient<Link>>,
}

// === impl Books ===

impl Books {
    /// The books, and the service that tells people, for what the books refuse.
    pub(crate) fn new(link: Link, people: Option<Link>) -> Self {
        Self { events: EventServiceClient::new(link), people: people.map(NotifyServiceClient::new) }
    }

    /// Tells one thing of a thread.
    pub(super) async fn tell(&self, record: &Record, untold: &Untold) -> Result<(), Status> {
        let owner = record.owner();
        let mut event = body(untold, &record.thread.id);
        event["thread_id"] = json!(record.thread.id);
        event["session_id"] = json!(untold.session_id);
        event["workflow_id"] = json!(owner.workflow);
        event["page"] = json!(crate::brain::traits(&record.thread).get("page"));
        let caller = Caller {
            visitor_id: owner.visitor.to_string(),
            workflow: owner.workflow,
            session_id: untold.session_id.clone(),
            ..Caller::default()
        };
        self.record(caller, &event).await
    }

    /// Tells people themselves that a person was called, in the words in which the books would; whether anybody is there who
    /// tells them.
    pub(super) async fn tell_people(&self, record: &Record, untold: &Untold) -> Result<bool, Status> {
        let (Some(people), Word::Called { reason }) = (&self.people, &untold.what) else { return Ok(false) };
        let (owner, thread) = (record.owner(), &record.thread.id);
        let id = EventId::derive(&[notice::HANDOFF, thread, "hand_off", &untold.number.to_string()]);
        let event = json!({
            "id": id.as_str(),
            "type": notice::HANDOFF,
            "version": 1,
            "occurred_at": untold.at.to_string(),
            "data": {
                "event_id": body(untold, thread)["id"],
                "thread_id": thread,
                "visitor_id": owner.visitor.to_string(),
                "session_id": untold.session_id,
                "workflow_id": owner.workflow,
                "page": crate::brain::traits(&record.thread).get("page"),
                "outcome": NEEDS_HUMAN,
                "message": reason,
            },
        });
        let request =
            NotifyEventRequest { caller: None, request_id: id.to_string(), event: event.to_string().into() };
        people.clone().notify_event(request).await.map(|_| true)
    }

    /// Tells that a person is wanted outside of any thread.
    pub(super) async fn call(
        &self,
        session: &tools::Session,
        request_id: &str,
        reason: &str,
    ) -> Result<(), Status> {
        let event = json!({
            "id": EventId::derive(&["chat.outcome", NEEDS_HUMAN, request_id]).as_str(),
            "type": "chat.outcome",
            "occurred_at": session.now.to_string(),
            "outcome": NEEDS_HUMAN,
            "message": reason,
            "session_id": session.caller.session_id,
            "workflow_id": session.workflow.slug,
            "page": session.traits.get("page"),
        });
        self.record(session.caller.clone(), &event).await
    }

    async fn record(&self, caller: Caller, event: &Value) -> Result<(), Status> {
        let id = event["id"].as_str().unwrap_or_default();
        let request = RecordEventsRequest {
            caller: Some(caller),
            request_id: format!("req_{}", domain::id::digest(&[id])),
            events: event.to_string().into(),
        };
        let again = || {
            let (mut events, request) = (self.events.clone(), request.clone());
            async move { events.record_events(request).await }
        };
        let verdict = |status: &Status| match status.code() {
            Code::Unavailable => Verdict::Again(chassis::status::fault(status).retry_after),
            _ => Verdict::Stop,
        };
        retry(RETRY, verdict, again).await.map(drop)
    }
}

pub(super) fn body(untold: &Untold, thread_id: &str) -> Value {
    let id = |kind| EventId::derive(&[kind, thread_id, "hand_off", &untold.number.to_string()]).to_string();
    let occurred_at = untold.at.to_string();
    match &untold.what {
        Word::Called { reason } => json!({
            "id": id("chat.outcome"),
            "type": "chat.outcome",
            "occurred_at": occurred_at,
            "outcome": NEEDS_HUMAN,
            "message": reason,
        }),
        Word::Answered { waited_seconds } => json!({
            "id": id("chat.person_answered"),
            "type": "chat.person_answered",
            "occurred_at": occurred_at,
            "waited_seconds": waited_seconds,
        }),
    }
}
