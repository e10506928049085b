//! Removing what names a person, whether it waits or is parked.
//!
//! The invariant: what is counted was removed in the commit that counts it, and what somebody is just working on is
//! waited for, because what they do of it would outlive it.

use serde_json::Value;

use super::{Queue, State};
use crate::{
    Attempts, Clock, Error, Query, Store, Work,
    erasing::{Erasures, Progress},
};

/// Jobs that are read at once.
const STEP: u32 = 100;

/// Who is to be forgotten, and where that is counted.
pub struct Purge<'p> {
    /// Whether this text of a job names the person.
    pub names: &'p (dyn Fn(&Value) -> bool + Sync),
    /// Where the erasure stands.
    pub erasures: &'p Erasures,
    /// Its id.
    pub erasure: &'p str,
}

/// What became of a job that names the person.
enum Outcome {
    Removed,
    /// Somebody is working on it.
    Held,
    /// It is gone, or names them no longer.
    Gone,
}

/// What a walk through the queue did.
#[derive(Default)]
struct Walk {
    removed: bool,
    held: bool,
}

impl<T> Queue<T> {
    /// Removes what names a person, in whatever state, and counts it in the erasure; false if somebody is working on one
    /// of them, so that it is to be called again.
    ///
    /// # Errors
    /// The store's.
    pub async fn purge(
        &'static self,
        store: &dyn Store,
        clock: &Clock,
        purge: &Purge<'_>,
    ) -> Result<bool, Error> {
        loop {
            let Walk { removed, held } = self.walk(store, clock, purge).await?;
            // Jobs change their place in the index while it is walked through.
            if !removed {
                return Ok(!held);
            }
        }
    }

    async fn walk(&'static self, store: &dyn Store, clock: &Clock, purge: &Purge<'_>) -> Result<Walk, Error> {
        let mut walk = Walk::default();
        for state in [State::Waiting, State::Parked, State::Done] {
            let state = serde_json::to_value(state).expect("a state serializes to JSON");
            let mut after = None;
            loop {
                let query = Query::new(self.index(), [state.clone()]).limit(STEP).after(after);
                let page = store.query(query).await?;
                for document in page.documents {
                    // Of what is no job, too, it must be said whether it names them.
                    if (purge.names)(&document.body) {
                        match self.purge_one(store, clock, &document.id, purge).await? {
                            Outcome::Removed => walk.removed = true,
                            Outcome::Held => walk.held = true,
                            Outcome::Gone => {}
                        }
                    }
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(walk)
    }

    async fn purge_one(
        &self,
        store: &dyn Store,
        clock: &Clock,
        id: &str,
        purge: &Purge<'_>,
    ) -> Result<Outcome, Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(store);
            let Some(job) = work.get(self.jobs(), id).await? else { return Ok(Outcome::Gone) };
            if !(purge.names)(&job.payload) {
                return Ok(Outcome::Gone);
            }
            if job.is_claimed(clock()) {
                return Ok(Outcome::Held);
            }
            work.delete(self.jobs(), id);
            let count = |progress: &mut Progress| progress.count(self.collection(), 1);
            purge.erasures.note_in(&mut work, purge.erasure, count).await?;
            if attempts.commit(work).await? {
                return Ok(Outcome::Removed);
            }
        }
    }
}
