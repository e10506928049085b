//! The inbox: events as they came, and working on one once more.
//!
//! An event is worked on in the commit that takes it, so none ever waits. The invariant: working on it again does what
//! the rules of today say, and nothing a second time.

use domain::{Cell, Fault, Kind, Reason, Tab};
use jiff::Timestamp;
use serde_json::json;
use store::{Attempts, Order, Query, Store, Work};

use super::{EVENTS, EventDoc, Rules, doc_id, follow};
use crate::{
    error::{Error, erased},
    event::{self, Event},
    rows::{self, ROWS, RowKey},
};

/// An event that came in.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) received_at: Timestamp,
    /// One of our own services told it.
    pub(crate) own: bool,
    /// It had left a Frontdesk before.
    pub(crate) hop: bool,
    /// Its person was forgotten.
    pub(crate) erased: bool,
}

impl From<EventDoc> for Message {
    fn from(doc: EventDoc) -> Self {
        let EventDoc { id, kind, received_at, hop, own, erased } = doc;
        Self { id, kind, received_at, own, hop, erased }
    }
}

/// One page of the events, the newest first by when they say they happened, and the cursor of the next.
pub(crate) async fn list(
    store: &dyn Store,
    limit: u32,
    after: Option<String>,
) -> Result<(Vec<Message>, Option<String>), store::Error> {
    // The tab `chat_events` has exactly them: an index of their own would be one more on a growing field.
    let query = Query::new(&rows::BY_TAB, [json!(Tab::ChatEvents)]).limit(limit).after(after);
    let page = store.query(Query { order: Order::Descending, ..query }).await?;
    let ids = page.documents.into_iter().map(|document| Ok(ROWS.read(document)?.value.id));
    let ids = ids.collect::<Result<Vec<String>, store::Error>>()?;
    let keys: Vec<_> = ids.iter().map(|id| EVENTS.key(doc_id(id))).collect();
    let mut messages = Vec::with_capacity(keys.len());
    for document in store.get_many(&keys).await?.into_iter().flatten() {
        messages.push(EVENTS.read(document)?.value.into());
    }
    Ok((messages, page.next))
}

/// One event and what it says; blank if its person was forgotten.
pub(crate) async fn get(store: &dyn Store, event_id: &str) -> Result<(Message, String), Error> {
    let mut work = Work::new(store);
    let message = load(&mut work, event_id).await?;
    let body = body(&mut work, event_id).await?;
    Ok((message, body))
}

/// Works on an event by the rules of today.
pub(crate) async fn replay(
    store: &dyn Store,
    rules: &Rules,
    event_id: &str,
    now: Timestamp,
) -> Result<Message, Error> {
    let mut attempts = Attempts::default();
    loop {
        let mut work = Work::new(store);
        let message = load(&mut work, event_id).await?;
        let body = body(&mut work, event_id).await?;
        if message.erased || body.is_empty() {
            return Err(erased());
        }
        let event = stored(&body)?;
        let occurred_at = event.occurred_at.unwrap_or(message.received_at);
        follow(&mut work, rules, &event, occurred_at, now).await?;
        if attempts.commit(work).await? {
            tracing::info!(event.id = event_id, "an event was worked on again");
            return Ok(message);
        }
    }
}

fn stored(body: &str) -> Result<Event, Error> {
    let events = event::parse(body.as_bytes())?;
    events.into_iter().next().ok_or_else(|| Fault::internal().into())
}

async fn load(work: &mut Work<'_>, event_id: &str) -> Result<Message, Error> {
    let unknown = || Fault::new(Kind::NotFound, Reason::MessageUnknown, "there is no such message");
    Ok(work.get(&EVENTS, &doc_id(event_id)).await?.ok_or_else(unknown)?.into())
}

async fn body(work: &mut Work<'_>, event_id: &str) -> Result<String, Error> {
    let key = RowKey { tab: Tab::ChatEvents, id: event_id.to_owned() };
    let row = work.get(&ROWS, &key.doc_id()).await?;
    Ok(match row.as_ref().and_then(|row| row.cells.get("payload_json")) {
        Some(Cell::Text(body)) => body.clone(),
        _ => String::new(),
    })
}
