//! Threads and their items, as documents.
//!
//! A thread is a document and so is every item of it. The invariant: whatever changes a thread or its items goes
//! through the thread's document and its version, so an item never outlives its thread and no two items share a place.

mod pages;
mod record;

use std::sync::Arc;

use domain::id::VisitorId;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use store::{Attempts, Clock, Error, Order, Query, Store, Work};

use crate::protocol::{Item, Thread};
use pages::after_place;
pub(crate) use pages::{Direction, Paging};
pub use record::SCHEMA;
use record::{BY_PLACE, FEEDBACK, Feedback, ITEMS, THREADS, item_key};
pub(crate) use record::{Placed, Record};

/// How long a thread is kept that nobody touches.
const KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);
/// Most bytes of an item.
const ITEM: usize = 256_000;
/// Most items that are removed in one commit.
const BATCH: u32 = 200;

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
}

// === impl Threads ===

impl Threads {
    /// The threads in this store.
    pub(crate) fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        // OpenAI's own server sends microseconds; what a browser reads of more digits is its own business.
        let now = (self.clock)();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    /// A new id that begins with `prefix`.
    pub(crate) fn new_id(&self, prefix: &str) -> String {
        let mut random = [0; 16];
        getrandom::fill(&mut random).expect("the operating system gives random bits");
        let millis = u64::try_from(self.now().as_millisecond()).unwrap_or_default();
        format!("{prefix}{}", ulid::Ulid::from_parts(millis, u128::from_be_bytes(random)))
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

    /// A thread of this owner.
    pub(crate) async fn find(&self, owner: &Owner, id: &str) -> Result<Option<Record>, Error> {
        if domain::id::check(id).is_err() {
            return Ok(None);
        }
        let found = THREADS.get(&*self.store, id).await?;
        Ok(found.map(|found| found.value).filter(|record| record.belongs_to(owner)))
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

    /// The newest items, hidden ones included, oldest first.
    pub(crate) async fn newest(&self, id: &str, limit: u32) -> Result<Vec<Item>, Error> {
        let mut query = Query::new(&BY_PLACE, [Value::from(id)]).limit(limit);
        query.order = Order::Descending;
        let page = self.store.query(query).await?;
        page.documents.into_iter().rev().map(|document| Ok(ITEMS.read(document)?.value.item)).collect()
    }

    /// Removes every item behind a place.
    pub(crate) async fn cut_after(&self, id: &str, seq: i64) -> Result<(), Error> {
        loop {
            // the newest first: whatever interrupts this leaves the beginning whole
            let items = self.behind(id, seq).await?;
            if items.is_empty() {
                return Ok(());
            }
            self.edit(id, items.into_iter().map(Edit::Remove).collect()).await?;
        }
    }

    /// Removes a thread with all its items.
    pub(crate) async fn delete(&self, owner: &Owner, id: &str) -> Result<bool, Error> {
        let mut attempts = Attempts::default();
        while self.find(owner, id).await?.is_some() {
            let mut work = Work::new(&*self.store);
            let Some(record) = work.get(&THREADS, id).await? else { break };
            let items = self.behind(id, -1).await?;
            let all = items.len() < BATCH as usize;
            for item in &items {
                remove(&mut work, id, item).await?;
            }
            if all {
                work.delete(&THREADS, id);
            } else {
                // so that no item comes in between
                self.keep(&mut work, &record);
            }
            if attempts.commit(work).await? && all {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Keeps what a visitor thinks of an item.
    pub(crate) async fn judge(&self, record: &Record, items: &[String], positive: bool) -> Result<(), Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
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

    /// Ids of the last items behind a place, newest first.
    async fn behind(&self, id: &str, seq: i64) -> Result<Vec<String>, Error> {
        let mut query = Query::new(&BY_PLACE, [Value::from(id)]).limit(BATCH);
        query.order = Order::Descending;
        query.range = Some(after_place(seq, Direction::Ascending));
        let page = self.store.query(query).await?;
        let id = |document| Ok(ITEMS.read(document)?.value.item.id().to_owned());
        page.documents.into_iter().map(id).collect()
    }

    async fn apply(&self, work: &mut Work<'_>, record: &mut Record, edits: &[Edit]) -> Result<(), Error> {
        for edit in edits {
            match edit {
                Edit::Put(item) => self.put(work, record, item).await?,
                Edit::Remove(item) => remove(work, &record.thread.id, item).await?,
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
        work.put_until(&ITEMS, &key, &placed, Some(self.now() + KEPT));
        Ok(())
    }

    fn keep(&self, work: &mut Work<'_>, record: &Record) {
        work.put_until(&THREADS, &record.thread.id, record, Some(self.now() + KEPT));
    }
}

/// Whether an item is small enough to be kept.
pub(crate) fn fits(item: &Item) -> bool {
    serde_json::to_vec(item).is_ok_and(|json| json.len() <= ITEM)
}

async fn remove(work: &mut Work<'_>, thread: &str, item: &str) -> Result<(), Error> {
    let key = item_key(thread, item);
    if work.get(&ITEMS, &key).await?.is_some() {
        work.delete(&ITEMS, &key);
    }
    if work.get(&FEEDBACK, &key).await?.is_some() {
        work.delete(&FEEDBACK, &key);
    }
    Ok(())
}
