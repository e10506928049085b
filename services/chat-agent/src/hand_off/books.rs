//! What the books are told of hand-offs.
//!
//! The invariant: the id of an event follows from the hand-off, so whoever tells it again tells nothing new.

use std::time::Duration;

use chassis::{
    client::Link,
    retry::{Policy, Verdict, retry},
};
use domain::id::EventId;
use proto::{
    common::v1::Caller,
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
pub(crate) struct Books(EventServiceClient<Link>);

// === impl Books ===

impl Books {
    pub(crate) fn new(link: Link) -> Self {
        Self(EventServiceClient::new(link))
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
            let (mut events, request) = (self.0.clone(), request.clone());
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
