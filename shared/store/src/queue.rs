//! Documents that wait to be worked on: messages that came in, tellings to another service, things to do later.
//!
//! A job is put in the very commit that makes it necessary, and a [`Worker`] claims what is due, lets its [`Handler`] do
//! it, and notes what came of it. The invariant: a job that was committed is worked on until it is done or parked with its
//! reason, whatever dies in between; it may be worked on twice, so handlers do nothing twice. What is put again while it
//! is worked on is worked on again afterwards.

mod backoff;
mod job;
mod listing;
mod purge;
#[cfg(test)]
mod tests;
mod worker;

use std::{marker::PhantomData, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Collection, Error, Index, Work, query::ASCENDING};

pub(crate) use job::Job;
pub use job::State;
pub use listing::{Listed, Listing};
pub use purge::Purge;
pub use worker::Worker;

/// Jobs of one kind, in a collection of their own.
pub struct Queue<T> {
    jobs: Collection<Job>,
    by_due: Index,
    keep: Option<SignedDuration>,
    /// What keeps failing is parked after a day.
    parks: bool,
    of: PhantomData<fn() -> T>,
}

/// What comes after work that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing.
    Done,
    /// It is due again then.
    At(Timestamp),
}

/// Why work did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Trouble {
    /// The reason, which is logged and listed: it names no person and holds nothing secret.
    pub why: String,
    /// Not before this time has passed; it may be later, since each failure doubles the pause.
    pub retry_after: Option<Duration>,
    /// Another try would fail the same way.
    pub hopeless: bool,
}

/// Who does the work of a queue.
#[async_trait::async_trait]
pub trait Handler<T>: Send + Sync + 'static {
    /// Does one job. It may have been done before, in part or as a whole.
    ///
    /// # Errors
    /// Why it is to be tried again, or never.
    async fn handle(&self, id: &str, payload: &T) -> Result<Next, Trouble>;
}

// === impl Queue ===

impl<T> Queue<T> {
    /// The queue in this collection. What is done is removed.
    pub const fn new(collection: &'static str) -> Self {
        let by_due = Index { collection, name: "by_due", fields: &["state", "due_at"], orders: ASCENDING };
        Self { jobs: Collection::new(collection), by_due, keep: None, parks: true, of: PhantomData }
    }

    /// As [`Queue::new`]; what is done is kept for so many days. Its collection expires.
    pub const fn keeping(collection: &'static str, days: u16) -> Self {
        let keep = Some(SignedDuration::from_hours(24 * days as i64));
        Self { keep, ..Self::new(collection) }
    }

    /// As [`Queue::new`]; what keeps failing is tried for ever, unless it is hopeless: for what must be done whenever it can.
    pub const fn patient(collection: &'static str) -> Self {
        Self { parks: false, ..Self::new(collection) }
    }

    /// The index that its service declares.
    pub const fn index(&'static self) -> &'static Index {
        &self.by_due
    }

    /// The name of its collection.
    pub const fn collection(&self) -> &'static str {
        self.jobs.name()
    }

    pub(crate) const fn parks(&self) -> bool {
        self.parks
    }

    pub(crate) const fn jobs(&self) -> &Collection<Job> {
        &self.jobs
    }

    /// When what is done now is forgotten, if it is kept at all.
    pub(crate) fn expiry(&self, now: Timestamp) -> Option<Timestamp> {
        self.keep.map(|keep| now.saturating_add(keep).unwrap_or(Timestamp::MAX))
    }
}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Queue<T> {
    /// Puts a job as part of `work`, to be worked on from `due_at` on. A known id gets this payload and is due anew, as if
    /// it had never been tried.
    ///
    /// # Errors
    /// The store's.
    pub async fn put(
        &self,
        work: &mut Work<'_>,
        id: &str,
        payload: &T,
        due_at: Timestamp,
    ) -> Result<(), Error> {
        let known = work.get(&self.jobs, id).await?;
        let payload = serde_json::to_value(payload).expect("a payload serializes to JSON");
        work.put(&self.jobs, id, &Job::new(payload, due_at).in_place_of(known));
        Ok(())
    }

    /// Removes a job as part of `work`; what is being done meanwhile may still be done.
    ///
    /// # Errors
    /// The store's.
    pub async fn remove(&self, work: &mut Work<'_>, id: &str) -> Result<(), Error> {
        if work.get(&self.jobs, id).await?.is_some() {
            work.delete(&self.jobs, id);
        }
        Ok(())
    }
}

// === impl Trouble ===

impl Trouble {
    /// Trouble that may pass.
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), retry_after: None, hopeless: false }
    }

    /// Trouble that stays: the job is parked at once.
    pub fn hopeless(why: impl Into<String>) -> Self {
        Self { hopeless: true, ..Self::new(why) }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::new(error.to_string())
    }
}
