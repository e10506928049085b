//! Looking at what is in a queue, and one more try.
//!
//! The invariant: a job is listed whatever became of it; one that says what this version cannot read is parked for that,
//! and is listed too.

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use super::{Job, Queue, State, Worker};
use crate::{Document, Error, Query, Store, read_body};

/// A job as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub state: State,
    /// When it first came.
    pub received_at: Timestamp,
    /// How often it was worked on.
    pub tries: u32,
    /// Why the last try failed; empty if it did not.
    pub problem: String,
    /// When it is tried next; only while it waits.
    pub next_at: Option<Timestamp>,
    /// What it says; `None` if this version cannot read it.
    pub payload: Option<T>,
}

/// A page of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing<T> {
    /// The jobs.
    pub jobs: Vec<Listed<T>>,
    /// Cursor of the next page; `None` when there is none.
    pub next: Option<String>,
}

// === impl Listed ===

impl<T> Listed<T> {
    /// The same job, of which `tell` says something else.
    pub fn map<U>(self, tell: impl FnOnce(T) -> U) -> Listed<U> {
        let Self { id, state, received_at, tries, problem, next_at, payload } = self;
        Listed { id, state, received_at, tries, problem, next_at, payload: payload.map(tell) }
    }
}

// === impl Queue ===

impl<T: DeserializeOwned> Queue<T> {
    pub(crate) async fn get(&self, store: &dyn Store, id: &str) -> Result<Option<Listed<T>>, Error> {
        if domain::id::check(id).is_err() {
            return Ok(None);
        }
        store.get(&self.jobs().key(id)).await?.map(|document| self.listed(document)).transpose()
    }

    pub(crate) async fn page(&self, store: &dyn Store, query: Query) -> Result<Listing<T>, Error> {
        let page = store.query(query).await?;
        let jobs = page.documents.into_iter().map(|document| self.listed(document));
        Ok(Listing { jobs: jobs.collect::<Result<_, _>>()?, next: page.next })
    }

    fn listed(&self, document: Document) -> Result<Listed<T>, Error> {
        let found = self.jobs().read(document)?;
        let Job { state, came_at, tries, problem, due_at, payload, .. } = found.value;
        let payload = read_body(self.jobs().key(&found.id), &payload).ok();
        let next_at = (state == State::Waiting).then_some(due_at);
        Ok(Listed { id: found.id, state, received_at: came_at, tries, problem, next_at, payload })
    }
}

// === impl Worker ===

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Worker<T> {
    /// Lists jobs in this state: those that wait by when they are due, others by since when they are in it.
    ///
    /// # Errors
    /// The store's; [`Error::Invalid`] for a cursor that is none.
    pub async fn list(&self, state: State, limit: u32, after: Option<String>) -> Result<Listing<T>, Error> {
        let state = serde_json::to_value(state).expect("a state serializes to JSON");
        let query = Query::new(self.queue().index(), [state]).limit(limit).after(after);
        self.queue().page(self.store(), query).await
    }

    /// One job.
    ///
    /// # Errors
    /// The store's.
    pub async fn get(&self, id: &str) -> Result<Option<Listed<T>>, Error> {
        self.queue().get(self.store(), id).await
    }

    /// Does one job now, as [`Worker::work_on`]; how it stands then, `None` if there was none.
    ///
    /// # Errors
    /// The store's.
    pub async fn replay(&self, id: &str) -> Result<Option<Listed<T>>, Error> {
        let Some(before) = self.get(id).await? else { return Ok(None) };
        self.work_on(id).await?;
        // What is done may be gone at once.
        let gone = || Listed {
            state: State::Done,
            tries: before.tries + 1,
            problem: String::new(),
            next_at: None,
            ..before
        };
        Ok(Some(self.get(id).await?.unwrap_or_else(gone)))
    }
}
