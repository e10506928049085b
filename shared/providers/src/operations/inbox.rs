//! The inbox on the wire, and beside it the queues of what a service does of its own accord.
//!
//! A message keeps its id; a job of another queue is known as `queue/id`. The invariant: whoever follows the tokens has seen
//! every job that was there, in whatever queue; what merely waits for its time, only if its queue was named.

use std::sync::Arc;

use domain::{Fault, Kind, Reason};
use proto::common::v1::{InboxMessage, InboxState, ListInboxRequest, ListInboxResponse};
use store::{
    inbox::{INBOX, Inbox},
    queue::{Listed, State},
};

use crate::{
    error::Error,
    jobs::{About, Jobs, told},
    wire::wire_time,
};

/// Messages of a page, unless it is said otherwise, and at most.
const USUAL: u32 = 100;
const MOST: u32 = 500;

/// All queues, the inbox among them.
pub(crate) struct Queues {
    /// What came in.
    pub(crate) inbox: Inbox,
    /// All queues.
    pub(crate) all: Vec<Arc<dyn Jobs>>,
}

/// What a list goes through, one after the other.
enum Part<'q> {
    /// Jobs of one queue in one state.
    Own(&'q dyn Jobs, State),
    /// What came in.
    Messages,
}

/// What is wanted of each part.
struct Wanted {
    state: Option<State>,
    source: String,
}

/// Where in a list a page begins: the part and the cursor within it.
struct Place {
    part: usize,
    after: Option<String>,
}

// === impl Queues ===

impl Queues {
    pub(crate) async fn list(&self, request: ListInboxRequest) -> Result<ListInboxResponse, Error> {
        let ListInboxRequest { message_id, state, page_size, page_token, source } = request;
        if !message_id.is_empty() {
            return self.show(&message_id).await;
        }
        let wanted = Wanted { state: wanted(state)?, source };
        let limit = limit(page_size)?;
        let parts = self.parts(&wanted);
        let mut place = Place::of(&page_token, parts.len()).ok_or_else(alien)?;
        let mut messages = Vec::new();
        while place.part < parts.len() {
            let left = limit.saturating_sub(u32::try_from(messages.len()).unwrap_or(u32::MAX));
            if left == 0 {
                break;
            }
            let Place { part, after } = place;
            let (found, next) = self.read(&parts[part], &wanted, left, after).await.map_err(foreign)?;
            messages.extend(found);
            place = Place { part: part + usize::from(next.is_none()), after: next };
            // One look at what may be long: the rest is for the next page.
            if place.after.is_some() {
                break;
            }
        }
        let next_page_token = if place.part < parts.len() { place.token() } else { String::new() };
        Ok(ListInboxResponse { messages, next_page_token })
    }

    pub(crate) async fn replay(&self, message_id: &str) -> Result<InboxMessage, Error> {
        let (queue, id) = self.find(message_id)?;
        let job = queue.replay(id).await?.ok_or_else(|| unknown(message_id))?;
        Ok(wire(queue.queue(), job).0)
    }

    async fn show(&self, message_id: &str) -> Result<ListInboxResponse, Error> {
        let (queue, id) = self.find(message_id)?;
        let (message, body) = wire(queue.queue(), queue.get(id).await?.ok_or_else(|| unknown(message_id))?);
        let message = InboxMessage { body: body.into(), ..message };
        Ok(ListInboxResponse { messages: vec![message], next_page_token: String::new() })
    }

    /// The queue of a job, and its id there.
    fn find<'i>(&self, message_id: &'i str) -> Result<(&dyn Jobs, &'i str), Error> {
        let (queue, id) = message_id.split_once('/').unwrap_or((INBOX.collection(), message_id));
        let found = self.all.iter().find(|jobs| jobs.queue() == queue);
        found.map(|jobs| (&**jobs, id)).ok_or_else(|| unknown(message_id))
    }

    /// Jobs of our own first, since they are few: those that are parked, then those that wait; then what came in.
    fn parts(&self, Wanted { state, source }: &Wanted) -> Vec<Part<'_>> {
        let is_wanted = |queue| queue != INBOX.collection() && (source.is_empty() || queue == source);
        let own: Vec<_> = self.all.iter().filter(|jobs| is_wanted(jobs.queue())).collect();
        let mut parts = Vec::new();
        for of in [State::Parked, State::Waiting] {
            if state.is_none_or(|state| state == of) {
                parts.extend(own.iter().map(|jobs| Part::Own(&***jobs, of)));
            }
        }
        if source.is_empty() || own.is_empty() {
            parts.push(Part::Messages);
        }
        parts
    }

    async fn read(
        &self,
        part: &Part<'_>,
        Wanted { state, source }: &Wanted,
        limit: u32,
        after: Option<String>,
    ) -> Result<(Vec<InboxMessage>, Option<String>), store::Error> {
        let (queue, jobs, next) = match part {
            Part::Own(queue, state) => {
                let page = queue.list(*state, limit, after).await?;
                (queue.queue(), page.jobs, page.next)
            }
            Part::Messages => {
                let page = self.inbox.list(*state, limit, after).await?;
                (INBOX.collection(), page.jobs.into_iter().map(told).collect(), page.next)
            }
        };
        let waits = matches!(part, Part::Own(_, State::Waiting));
        let is_planned = |job: &InboxMessage| waits && job.problem.is_empty();
        let is_wanted = |job: &InboxMessage| match &**source {
            "" => !is_planned(job),
            source => job.source == source,
        };
        Ok((jobs.into_iter().map(|job| wire(queue, job).0).filter(is_wanted).collect(), next))
    }
}

// === impl Place ===

impl Place {
    /// `None` if the token is from no list of so many parts.
    fn of(token: &str, parts: usize) -> Option<Self> {
        if token.is_empty() {
            return Some(Self { part: 0, after: None });
        }
        let (part, after) = token.split_once('.')?;
        let part = part.parse().ok().filter(|part| *part < parts)?;
        Some(Self { part, after: (!after.is_empty()).then(|| after.to_owned()) })
    }

    fn token(&self) -> String {
        format!("{}.{}", self.part, self.after.as_deref().unwrap_or_default())
    }
}

/// A job, and what it is about, which only the answer about one job has.
fn wire(queue: &str, listed: Listed<About>) -> (InboxMessage, Vec<u8>) {
    let Listed { id, state, received_at, tries, problem, next_at, payload } = listed;
    let state = match state {
        State::Waiting => InboxState::Waiting,
        State::Done => InboxState::Done,
        State::Parked => InboxState::Parked,
    };
    let unreadable = || About { source: queue.to_owned(), kind: String::new(), body: Vec::new() };
    let About { source, kind, body } = payload.unwrap_or_else(unreadable);
    let message = InboxMessage {
        message_id: if queue == INBOX.collection() { id } else { format!("{queue}/{id}") },
        source,
        r#type: kind,
        state: state.into(),
        receive_time: Some(wire_time(received_at)),
        tries: i32::try_from(tries).unwrap_or(i32::MAX),
        problem,
        next_time: next_at.map(wire_time),
        body: Default::default(),
    };
    (message, body)
}

fn wanted(state: i32) -> Result<Option<State>, Fault> {
    match InboxState::try_from(state) {
        Ok(InboxState::Unspecified) => Ok(None),
        Ok(InboxState::Waiting) => Ok(Some(State::Waiting)),
        Ok(InboxState::Done) => Ok(Some(State::Done)),
        Ok(InboxState::Parked) => Ok(Some(State::Parked)),
        Err(_) => Err(Fault::invalid("state", "state is none that messages have")),
    }
}

fn limit(asked: i32) -> Result<u32, Fault> {
    match u32::try_from(asked) {
        Ok(0) => Ok(USUAL),
        Ok(asked @ 1..=MOST) => Ok(asked),
        _ => Err(Fault::invalid("page_size", format!("page_size must be 1 to {MOST}"))),
    }
}

fn unknown(message_id: &str) -> Error {
    let why = if message_id.contains('/') {
        "there is no such job: it never was, or it is done"
    } else {
        "there is no such message"
    };
    Fault::new(Kind::NotFound, Reason::MessageUnknown, why).into()
}

fn alien() -> Error {
    Fault::invalid("page_token", "page_token is not from this list").into()
}

/// A cursor that the store does not know is the caller's mistake.
fn foreign(error: store::Error) -> Error {
    match error {
        store::Error::Invalid(_) => alien(),
        error => error.into(),
    }
}
