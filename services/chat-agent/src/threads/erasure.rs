//! What the forgetting of a person removes beside threads, and how far it has come.

use store::{
    Attempts, Error, Work,
    erasing::{Erasures, Progress},
};

use super::Threads;
use crate::brain;

impl Threads {
    /// How far this erasure is.
    pub(crate) async fn progress(&self, id: &str) -> Result<Progress, Error> {
        self.erasures().get(id).await
    }

    /// Makes sure that what was removed is gone from the disk as well; false while a backup holds it.
    pub(crate) async fn scrub(&self, id: &str) -> Result<bool, Error> {
        self.erasures().scrub(id).await
    }

    /// Removes the counters of what this visitor has used.
    pub(crate) async fn forget_usage(&self, id: &str, visitor: &str) -> Result<(), Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            let counters = brain::forget_usage(&mut work, visitor, self.now()).await?;
            if counters == 0 {
                return Ok(());
            }
            self.erasures().note_in(&mut work, id, |progress| progress.count("usage", counters)).await?;
            if attempts.commit(work).await? {
                return Ok(());
            }
        }
    }

    pub(super) fn erasures(&self) -> Erasures {
        Erasures::new(self.store.clone(), self.clock.clone())
    }
}
