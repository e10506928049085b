//! The records of sessions: whose each is, of which workflow, until when.
//!
//! They exist so that a visitor can end a session and nobody else's. The invariant: no record holds a secret.

use std::sync::Arc;

use domain::id::{self, VisitorId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{
    Attempts, Collection, Commit, Error, Index, Precondition, Query, Schema, Store, Work, Write,
    erasing::{self, Erasures},
};

use crate::memory::Key;

const SESSIONS: Collection<Record> = Collection::new("sessions");
/// What these documents ask of a store.
pub const SCHEMA: Schema =
    Schema { version: 1, indexes: &[&BY_VISITOR], expiring: &[erasing::COLLECTION, "limits", "sessions"] };
/// The sessions of a visitor.
static BY_VISITOR: Index =
    Index { collection: "sessions", name: "by_visitor", fields: &["visitor"], orders: store::ASCENDING };
/// Sessions of a page.
const PAGE: u32 = 100;
/// How long a record outlives its session.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// What became of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// It is good until it expires.
    Active,
    /// Its visitor ended it.
    Cancelled,
}

/// A session, without its secret. Its id is the document's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Whose it is.
    pub(crate) visitor: VisitorId,
    /// Slug of its workflow.
    pub(crate) workflow: String,
    /// When it ends.
    pub(crate) expires_at: Timestamp,
    /// What became of it.
    pub(crate) status: Status,
    /// Where the memory of its process holds it; absent if it is one of our own, of which nothing is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<Key>,
}

/// A new id of a session of our own.
pub(crate) fn own_id(now: Timestamp) -> String {
    format!("ses_{}", id::ulid(now))
}

// === impl Record ===

impl Record {
    /// The record of a session that is good until it expires.
    pub(crate) fn new(visitor: VisitorId, workflow: &str, expires_at: Timestamp, key: Option<Key>) -> Self {
        Self { visitor, workflow: workflow.to_owned(), expires_at, status: Status::Active, key }
    }
}

// === impl Sessions ===

/// All records.
#[derive(Clone)]
pub(crate) struct Sessions {
    store: Arc<dyn Store>,
}

impl Sessions {
    /// The records in this store.
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// The record of a session, unless it ended more than a day ago.
    pub(crate) async fn get(&self, id: &str) -> Result<Option<Record>, Error> {
        Ok(SESSIONS.get(&*self.store, id).await?.map(|found| found.value))
    }

    /// Whether another process has ended this session, whose secret ours still holds, or has erased its record. Where
    /// the store has no answer the visitor's chat is worth more: OpenAI takes no secret of a session that was ended.
    pub(crate) async fn is_cancelled_elsewhere(&self, id: &str) -> bool {
        let is_ended =
            |record: Option<Record>| record.is_none_or(|record| record.status == Status::Cancelled);
        self.store.is_shared() && self.get(id).await.is_ok_and(is_ended)
    }

    /// Some sessions of a visitor with their ids; none when there are none.
    pub(crate) async fn some_of(&self, visitor: &str) -> Result<Vec<(String, Record)>, Error> {
        let page = self.store.query(Query::new(&BY_VISITOR, [Value::from(visitor)]).limit(PAGE)).await?;
        let read = |document| SESSIONS.read(document).map(|found| (found.id, found.value));
        page.documents.into_iter().map(read).collect()
    }

    /// Removes a record for an erasure, which counts it.
    pub(crate) async fn remove(&self, id: &str, erasures: &Erasures, erasure: &str) -> Result<(), Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            if work.get(&SESSIONS, id).await?.is_none() {
                return Ok(());
            }
            work.delete(&SESSIONS, id);
            erasures.note_in(&mut work, erasure, |progress| progress.count("sessions", 1)).await?;
            if attempts.commit(work).await? {
                return Ok(());
            }
        }
    }

    /// Keeps a new record. Its id is new, and guarded by that a commit whose answer is lost can be found out.
    pub(crate) async fn add(&self, id: &str, record: &Record) -> Result<(), Error> {
        match self.commit(write(id, record, Precondition::Absent)).await? {
            Commit::Done(_) => Ok(()),
            Commit::Conflict | Commit::Unknown => Err(Error::Unknown),
        }
    }

    /// Marks a session as cancelled.
    pub(crate) async fn mark_cancelled(&self, id: &str, record: Record) -> Result<(), Error> {
        let record = Record { status: Status::Cancelled, ..record };
        match self.commit(write(id, &record, Precondition::Exists)).await? {
            // A conflict is a record that has expired meanwhile: there is nothing left to mark.
            Commit::Done(_) | Commit::Conflict => Ok(()),
            Commit::Unknown => Err(Error::Unknown),
        }
    }

    async fn commit(&self, write: Write) -> Result<Commit, Error> {
        self.store.commit(vec![write]).await
    }
}

fn write(id: &str, record: &Record, precondition: Precondition) -> Write {
    SESSIONS.put_until(id, record, precondition, Some(record.expires_at + KEPT))
}
