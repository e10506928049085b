//! Threads and their items, as documents.
//!
//! A thread is a document and so is every item of it. The invariant: whatever changes a thread or its items goes
//! through the thread's document and its version, so an item never outlives its thread and no two items share a place.

mod erasure;
mod pages;
mod record;
mod removal;
mod standing;

use std::sync::Arc;

use domain::id::VisitorId;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use store::{Attempts, Clock, Error, Order, Query, Store, Work};

use crate::{
    hand_off::{self, Times},
    protocol::{Item, Thread},
};
pub(crate) use pages::{Direction, Paging};
pub use record::SCHEMA;
use record::{BY_PLACE, FEEDBACK, Feedback, ITEMS, THREADS, item_key};
pub(crate) use record::{Placed, Record};
pub(crate) use removal::Why;
use removal::remove;
pub(crate) use standing::Stood;

/// How long a thread is kept that nobody touches, its items with it.
const KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);
/// Most bytes of an item.
const ITEM: usize = 256_000;

/// Whose a thread is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The visitor.
    pub(crate) visitor: VisitorId,
    /// Slug of the workflow.
    pub(crate) workflow: String,
}

/// One change of a thread or its items.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    /// An item, new at the end or another state of one that is there.
    Put(Item),
    /// What the model says; as [`Self::Put`], but nothing happens while a person has the thread.
    Say(Item),
    /// An item goes.
    Remove(String),
    /// Another title.
    Title(String),
    /// A title if there is none.
    TitleUnlessSet(String),
    /// Other facts of the server's own.
    Metadata(Map<String, Value>),
    /// A turn begins.
    Begin,
    /// The turn has ended.
    End,
}

/// All threads.
#[derive(Clone)]
pub(crate) struct Threads {
    store: Arc<dyn Store>,
    clock: Clock,
    times: Times,
}

// === impl Threads ===

impl Threads {
    /// The threads in this store.
    pub(crate) fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self { store, clock, times: Times::default() }
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        // OpenAI's own server sends microseconds; what a browser reads of more digits is its own business.
        let now = (self.clock)();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    /// A new id that begins with `prefix`.
    pub(crate) fn new_id(&self, prefix: &str) -> String {
        format!("{prefix}{}", domain::id::ulid(self.now()))
    }

    /// Begins a thread with these changes.
    pub(crate) async fn create(
        &self,
        owner: &Owner,
        thread: Thread,
        edits: Vec<Edit>,
    ) -> Result<Record, Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            let mut record = Record::new(owner, thread.clone());
            let id = record.thread.id.clone();
            work.create(&THREADS, &id, &record);
            self.apply(&mut work, &mut record, &edits).await?;
            if attempts.commit(work).await? {
                return Ok(record);
            }
        }
    }

    /// A thread of this owner. One that nobody has touched for too long is gone, whether it was removed yet or not.
    pub(crate) async fn find(&self, owner: &Owner, id: &str) -> Result<Option<Record>, Error> {
        if domain::id::check(id).is_err() {
            return Ok(None);
        }
        let found = THREADS.get(&*self.store, id).await?;
        let idle = self.idle_since();
        let found = found.map(|found| found.value);
        Ok(found.filter(|record| record.belongs_to(owner) && record.updated_us > idle))
    }

    /// An item of a thread, and its place.
    pub(crate) async fn item(&self, thread: &str, id: &str) -> Result<Option<Placed>, Error> {
        if domain::id::check(id).is_err() {
            return Ok(None);
        }
        Ok(ITEMS.get(&*self.store, &item_key(thread, id)).await?.map(|found| found.value))
    }

    /// Makes all these changes at once. `None` if there is no such thread; nothing is changed then.
    pub(crate) async fn edit(&self, id: &str, edits: Vec<Edit>) -> Result<Option<Record>, Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            let Some(mut record) = work.get(&THREADS, id).await? else { return Ok(None) };
            self.apply(&mut work, &mut record, &edits).await?;
            if attempts.commit(work).await? {
                return Ok(Some(record));
            }
        }
    }

    /// Puts an item at the end of a thread of this owner, unless it is there; false if there is no such thread.
    pub(crate) async fn add_once(&self, owner: &Owner, id: &str, item: Item) -> Result<bool, Error> {
        let edits = [Edit::Put(item.clone())];
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            let found: Option<Record> = work.get(&THREADS, id).await?;
            let idle = self.idle_since();
            let Some(mut record) =
                found.filter(|record| record.belongs_to(owner) && record.updated_us > idle)
            else {
                return Ok(false);
            };
            if work.get(&ITEMS, &item_key(id, item.id())).await?.is_some() {
                return Ok(true);
            }
            self.apply(&mut work, &mut record, &edits).await?;
            if attempts.commit(work).await? {
                return Ok(true);
            }
        }
    }

    /// The newest items, hidden ones included, oldest first.
    pub(crate) async fn newest(&self, id: &str, limit: u32) -> Result<Vec<Item>, Error> {
        let mut query = Query::new(&BY_PLACE, [Value::from(id)]).limit(limit);
        query.order = Order::Descending;
        let page = self.store.query(query).await?;
        page.documents.into_iter().rev().map(|document| Ok(ITEMS.read(document)?.value.item)).collect()
    }

    /// Keeps what a visitor thinks of an item.
    pub(crate) async fn judge(&self, record: &Record, items: &[String], positive: bool) -> Result<(), Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            // through the thread, so that nothing of it is left where it was removed meanwhile
            let Some(thread) = work.get(&THREADS, &record.thread.id).await? else { return Ok(()) };
            self.keep(&mut work, &thread);
            for item in items {
                let key = item_key(&record.thread.id, item);
                // read, so that the write is guarded
                let _: Option<Feedback> = work.get(&FEEDBACK, &key).await?;
                let feedback = Feedback::new(record, item, positive, self.now());
                work.put_until(&FEEDBACK, &key, &feedback, Some(self.now() + KEPT));
            }
            if attempts.commit(work).await? {
                return Ok(());
            }
        }
    }

    async fn apply(&self, work: &mut Work<'_>, record: &mut Record, edits: &[Edit]) -> Result<(), Error> {
        if edits.iter().any(|edit| matches!(edit, Edit::Begin)) {
            self.give_back(work, record).await?;
        }
        for edit in edits {
            match edit {
                Edit::Put(item) => self.put(work, record, item).await?,
                Edit::Say(_) if record.standing.is_silent() => {}
                Edit::Say(item) => self.put(work, record, item).await?,
                Edit::Remove(item) => drop(remove(work, &record.thread.id, item).await?),
                Edit::Title(title) => record.thread.title = Some(title.clone()),
                Edit::TitleUnlessSet(title) => {
                    record.thread.title.get_or_insert_with(|| title.clone());
                }
                Edit::Metadata(metadata) => record.thread.metadata = metadata.clone(),
                Edit::Begin => record.running_since = Some(self.now()),
                Edit::End => record.running_since = None,
            }
        }
        record.updated_us = self.now().as_microsecond();
        self.keep(work, record);
        Ok(())
    }

    /// A hand-off whose time is up ends with the next turn, whether or not the clock has been looked at.
    async fn give_back(&self, work: &mut Work<'_>, record: &mut Record) -> Result<(), Error> {
        let now = self.now();
        match record.standing.expire(now, &self.times) {
            Some(over) => {
                let note = hand_off::expired(&over, &record.thread.id, now);
                self.put(work, record, &note).await
            }
            None => Ok(()),
        }
    }

    async fn put(&self, work: &mut Work<'_>, record: &mut Record, item: &Item) -> Result<(), Error> {
        if !fits(item) || domain::id::check(item.id()).is_err() || item.head().thread_id != record.thread.id {
            return Err(Error::Invalid("an item is too large, of another thread or without an id".into()));
        }
        let key = item_key(&record.thread.id, item.id());
        let seq = match work.get(&ITEMS, &key).await? {
            Some(Placed { seq, .. }) => seq,
            None => {
                record.next_seq += 1;
                record.next_seq - 1
            }
        };
        let placed = Placed::new(seq, item.clone());
        work.put(&ITEMS, &key, &placed);
        Ok(())
    }

    fn keep(&self, work: &mut Work<'_>, record: &Record) {
        // no expiry of its own: its items could outlive it, or it them
        work.put(&THREADS, &record.thread.id, &record.indexed());
    }
}

/// Whether an item is small enough to be kept.
pub(crate) fn fits(item: &Item) -> bool {
    serde_json::to_vec(item).is_ok_and(|json| json.len() <= ITEM)
}
