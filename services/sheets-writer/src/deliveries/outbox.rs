//! The store as those who write the books see it: each commit carries the deliveries that it causes.
//!
//! What a commit tells the world is read from what it writes, here and nowhere else, so that no way of changing a
//! contact, a lead or a booking can forget to tell of it. The invariant: an event is due if and only if the commit
//! that it tells of happened.

use std::sync::Arc;

use domain::id;
use jiff::{SignedDuration, Timestamp};
use store::{Clock, Commit, Document, Error, Key, Page, Precondition, Query, Store, Write};

use super::{
    Outlet, causes,
    event::Event,
    record::{DELIVERIES, Record},
};

/// A store that adds deliveries.
pub(super) struct Outbox {
    pub(super) store: Arc<dyn Store>,
    pub(super) outlets: Arc<[Arc<Outlet>]>,
    pub(super) clock: Clock,
}

// === impl Outbox ===

impl Outbox {
    /// The deliveries of some events: one for each destination that wants it.
    fn deliveries(&self, events: &[Event], now: Timestamp) -> Vec<Write> {
        let mut writes = Vec::new();
        for outlet in &*self.outlets {
            let wanted: Vec<_> = events.iter().filter(|event| outlet.destination.wants(event)).collect();
            // a microsecond apart, so that what happened first is due first; all of it is due now
            let began = now - SignedDuration::from_micros(wanted.len() as i64);
            writes.extend(wanted.into_iter().zip(0..).map(|(event, place)| {
                let due_at = began + SignedDuration::from_micros(place);
                let record = Record::new(&outlet.destination.name, event, due_at);
                let id = id::digest(&["delivery", &outlet.destination.name, &event.id]);
                DELIVERIES.put(id, &record, Precondition::Any)
            }));
        }
        writes
    }
}

#[tonic::async_trait]
impl Store for Outbox {
    async fn get(&self, key: &Key) -> Result<Option<Document>, Error> {
        self.store.get(key).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, Error> {
        self.store.get_many(keys).await
    }

    async fn commit(&self, mut writes: Vec<Write>) -> Result<Commit, Error> {
        let now = (self.clock)();
        let events = causes::of(&*self.store, &writes, now).await?;
        let deliveries = self.deliveries(&events, now);
        let any = !deliveries.is_empty();
        writes.extend(deliveries);
        let outcome = self.store.commit(writes).await;
        if any {
            // whatever the outcome: where it is unknown, there may be something to send
            self.outlets.iter().for_each(|outlet| outlet.wake.notify_one());
        }
        outcome
    }

    async fn query(&self, query: Query) -> Result<Page, Error> {
        self.store.query(query).await
    }

    fn is_shared(&self) -> bool {
        self.store.is_shared()
    }
}
