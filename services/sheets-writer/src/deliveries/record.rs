//! Deliveries as documents: one for each event and destination.
//!
//! The invariant: a delivery is waiting from the commit that caused it until its receiver has answered 2xx and that is
//! recorded, or until it is parked with its reason. What dies in between sends it once more.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Collection, Commit, Error, Found, Index, Precondition, Query, Store};

use super::{backoff, event::Event, post::Answer};

/// All deliveries.
pub(crate) const DELIVERIES: Collection<Record> = Collection::new("deliveries");
/// By where they stand and where they go, in the order in which they are due.
pub(crate) const BY_STATE: Index = Index {
    collection: "deliveries",
    name: "by_state",
    fields: &["state", "destination", "due_at"],
    orders: store::ASCENDING,
};

/// For how long a failing delivery is tried.
const TRIED: SignedDuration = SignedDuration::from_hours(24);
/// For how long what is done is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// For how long what was given up waits for somebody who sends it again.
const KEPT_PARKED: SignedDuration = SignedDuration::from_hours(30 * 24);
const ERASED: &str = "its person was forgotten";

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Due now or later.
    Waiting,
    /// Given up.
    Parked,
    /// Taken by its receiver.
    Done,
}

/// One delivery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) state: State,
    /// Name of the destination.
    pub(crate) destination: String,
    /// When it is sent next, in microseconds, so that it sorts as a number.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub(crate) due_at: Timestamp,
    pub(crate) event_id: String,
    pub(crate) kind: String,
    pub(crate) version: u32,
    /// What the event is about.
    pub(crate) subject: String,
    /// Who the event is about.
    pub(crate) contact_ids: Vec<String>,
    /// What is sent, byte by byte.
    pub(crate) body: String,
    pub(crate) created_at: Timestamp,
    pub(crate) first_sent_at: Option<Timestamp>,
    pub(crate) attempts: u32,
    /// Status of the last answer.
    pub(crate) status: Option<u16>,
    /// Why the last attempt failed.
    pub(crate) error: Option<String>,
    pub(crate) done_at: Option<Timestamp>,
    /// The person was forgotten: there is nothing left to send.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) erased: bool,
}

// === impl Record ===

impl Record {
    pub(super) fn new(destination: &str, event: &Event, due_at: Timestamp) -> Self {
        Self {
            state: State::Waiting,
            destination: destination.to_owned(),
            due_at,
            event_id: event.id.clone(),
            kind: event.kind.to_owned(),
            version: event.version,
            subject: event.subject.clone(),
            contact_ids: event.contact_ids.clone(),
            body: event.body(),
            created_at: due_at,
            first_sent_at: None,
            attempts: 0,
            status: None,
            error: None,
            done_at: None,
            erased: false,
        }
    }

    /// Takes down what an attempt that began at `began` came to. `dice` is 0 to 1.
    pub(super) fn tried(&mut self, answer: &Answer, began: Timestamp, now: Timestamp, dice: f64) {
        self.attempts += 1;
        self.status = answer.status;
        self.error.clone_from(&answer.error);
        let first = *self.first_sent_at.get_or_insert(began);
        if answer.error.is_none() {
            (self.state, self.done_at) = (State::Done, Some(now));
        } else if answer.is_gone() || now >= first + TRIED {
            self.state = State::Parked;
        } else {
            let wait = answer.retry_after.unwrap_or_else(|| backoff::wait(self.attempts, dice));
            self.due_at = (now + wait).min(first + TRIED);
        }
    }

    /// Gives it up.
    pub(super) fn park(&mut self, why: &str) {
        self.state = State::Parked;
        self.error = Some(why.to_owned());
    }

    /// Blanks what it would have told; what waits is not sent any more.
    pub(crate) fn erase(&mut self) {
        self.body.clear();
        // The subject may be an id that a sender chose.
        self.subject.clear();
        self.error = Some(ERASED.to_owned());
        self.erased = true;
        if self.state == State::Waiting {
            self.state = State::Parked;
        }
    }

    /// When it is let go.
    pub(crate) fn expires_at(&self) -> Option<Timestamp> {
        match self.state {
            State::Waiting => None,
            State::Parked => Some(self.created_at + KEPT_PARKED),
            State::Done => self.done_at.map(|at| at + KEPT),
        }
    }

    /// Makes it due, as if it had never been tried.
    pub(super) fn renew(&mut self, now: Timestamp) {
        self.state = State::Waiting;
        self.due_at = now;
        (self.first_sent_at, self.attempts) = (None, 0);
        (self.status, self.error, self.done_at) = (None, None, None);
    }
}

/// Writes a delivery over the state in which it was found. Anything but done means that somebody else was faster, or
/// that nobody knows.
pub(super) async fn save(store: &dyn Store, found: &Found<Record>) -> Result<Commit, Error> {
    let expires_at = found.value.expires_at();
    let precondition = Precondition::Version(found.version);
    store.commit(vec![DELIVERIES.put_until(&*found.id, &found.value, precondition, expires_at)]).await
}

/// Keeps others from sending it for as long as `lease`; `None` if somebody else has it.
pub(super) async fn claim(
    store: &dyn Store,
    mut found: Found<Record>,
    now: Timestamp,
    lease: Duration,
) -> Result<Option<Found<Record>>, Error> {
    found.value.due_at = now + lease;
    Ok(match save(store, &found).await? {
        Commit::Done(version) => Some(Found { version, ..found }),
        Commit::Conflict | Commit::Unknown => None,
    })
}

/// The first deliveries of a destination that wait, due or not, at most `limit`.
pub(super) async fn waiting(
    store: &dyn Store,
    destination: &str,
    limit: u32,
) -> Result<Vec<Found<Record>>, Error> {
    let page =
        store.query(Query::new(&BY_STATE, [json!(State::Waiting), json!(destination)]).limit(limit)).await?;
    page.documents.into_iter().map(|document| DELIVERIES.read(document)).collect()
}

/// One page of the deliveries in a state, of one destination or all, and the cursor of the next.
pub(crate) async fn list(
    store: &dyn Store,
    state: State,
    destination: &str,
    limit: u32,
    after: Option<String>,
) -> Result<(Vec<Found<Record>>, Option<String>), Error> {
    let of = (!destination.is_empty()).then(|| json!(destination));
    let query = Query::new(&BY_STATE, std::iter::once(json!(state)).chain(of));
    let page = store.query(query.limit(limit).after(after)).await?;
    let found = page.documents.into_iter().map(|document| DELIVERIES.read(document));
    Ok((found.collect::<Result<_, _>>()?, page.next))
}
