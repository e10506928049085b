//! How far a service has come with forgetting a person.
//!
//! A document for each erasure, under the erasure's id, that is remembered for a time. The invariants: what is counted
//! was removed in the very commit that counts it; what is done is gone from the disk as well; and nothing here tells
//! who it was.

mod service;

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Attempts, Clock, Collection, Error, Store, Work};

pub use service::{Erased, Eraser, Service};

/// What an erasure waits for where [`Store::scrub`] is [`Error::Busy`].
pub const BACKUP: &str = "the end of a backup";
/// The collection, whose documents expire.
pub const COLLECTION: &str = ERASURES.name();
const ERASURES: Collection<Progress> = Collection::new("erasures");
/// How long it is remembered, from the last step on.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// An erasure's way so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What went, by kind.
    pub erased: BTreeMap<String, i64>,
    /// It is not done before then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// How much had gone when the store was last scrubbed for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scrubbed: Option<i64>,
    /// How far walks through long collections have come, by their name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    places: BTreeMap<String, String>,
}

/// The progress of all erasures of a service.
#[derive(Clone)]
pub struct Erasures {
    store: Arc<dyn Store>,
    clock: Clock,
}

// === impl Progress ===

impl Progress {
    /// So many more of a kind are gone.
    pub fn count(&mut self, kind: &str, number: i64) {
        if number != 0 {
            *self.erased.entry(kind.to_owned()).or_default() += number;
        }
    }

    /// Where a walk goes on.
    pub(crate) fn place(&self, walk: &str) -> Option<&str> {
        self.places.get(walk).map(String::as_str)
    }

    /// A walk has come so far.
    pub(crate) fn set_place(&mut self, walk: &str, place: &str) {
        self.places.insert(walk.to_owned(), place.to_owned());
    }

    fn total(&self) -> i64 {
        self.erased.values().sum()
    }
}

// === impl Erasures ===

impl Erasures {
    /// The progress in this store.
    pub fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// How far this erasure is.
    pub async fn get(&self, id: &str) -> Result<Progress, Error> {
        Ok(ERASURES.get(&*self.store, id).await?.map(|found| found.value).unwrap_or_default())
    }

    /// Notes a step.
    pub async fn note(&self, id: &str, change: impl Fn(&mut Progress)) -> Result<(), Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            self.note_in(&mut work, id, &change).await?;
            if attempts.commit(work).await? {
                return Ok(());
            }
        }
    }

    /// Notes a step as part of `work`.
    pub async fn note_in(
        &self,
        work: &mut Work<'_>,
        id: &str,
        change: impl FnOnce(&mut Progress),
    ) -> Result<(), Error> {
        let mut progress: Progress = work.get(&ERASURES, id).await?.unwrap_or_default();
        change(&mut progress);
        work.put_until(&ERASURES, id, &progress, Some((self.clock)() + KEPT));
        Ok(())
    }

    /// Makes sure, once there is nothing left of the person, that there is nothing left of it on the disk: what others
    /// have removed before as well. False while a backup holds it.
    pub async fn scrub(&self, id: &str) -> Result<bool, Error> {
        let progress = self.get(id).await?;
        let total = progress.total();
        if progress.scrubbed == Some(total) {
            return Ok(true);
        }
        match self.store.scrub().await {
            // What goes meanwhile is not in this sum.
            Ok(()) => self.note(id, |progress| progress.scrubbed = Some(total)).await.map(|()| true),
            Err(Error::Busy) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Op, Scan, Schema, sqlite::Sqlite, system_clock};

    const SCHEMA: Schema = Schema { version: 1, indexes: &[], expiring: &[COLLECTION] };
    const CANARY: &str = "ann@canary.example";

    fn open() -> (tempfile::TempDir, Arc<dyn Store>, Erasures) {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> =
            Arc::new(Sqlite::open(&dir.path().join("it.db"), SCHEMA, system_clock()).unwrap());
        let erasures = Erasures::new(store.clone(), system_clock());
        (dir, store, erasures)
    }

    /// Makes a document, and removes it in the commit that counts it.
    async fn come_and_go(store: &Arc<dyn Store>, erasures: &Erasures) {
        let people = Collection::<serde_json::Value>::new("people");
        let write = people.put("1", &json!({"email": CANARY}), crate::Precondition::Any);
        assert!(matches!(write.op, Op::Put { .. }));
        let _ = store.commit(vec![write]).await.unwrap();
        let mut work = Work::new(&**store);
        work.get(&people, "1").await.unwrap();
        work.delete(&people, "1");
        erasures.note_in(&mut work, "era_1", |progress| progress.count("people", 1)).await.unwrap();
        assert!(matches!(work.commit().await.unwrap(), crate::Commit::Done(_)));
    }

    fn is_left(dir: &tempfile::TempDir) -> bool {
        std::fs::read_dir(dir.path()).unwrap().any(|entry| {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes())
        })
    }

    #[tokio::test]
    async fn it_is_done_when_the_disk_has_forgotten_and_again_after_more() {
        let (dir, store, erasures) = open();
        for round in 1..3 {
            come_and_go(&store, &erasures).await;
            let walk: Box<dyn Scan> = store.scan().await.unwrap();
            assert!(!erasures.scrub("era_1").await.unwrap() && is_left(&dir), "a backup is taken");
            drop(walk);
            assert!(erasures.scrub("era_1").await.unwrap() && !is_left(&dir));
            assert_eq!(erasures.get("era_1").await.unwrap().erased["people"], round);
        }
    }

    #[tokio::test]
    async fn what_is_done_is_not_done_again() {
        let (_dir, store, erasures) = open();
        come_and_go(&store, &erasures).await;
        assert!(erasures.scrub("era_1").await.unwrap());
        let _walk = store.scan().await.unwrap();
        assert!(erasures.scrub("era_1").await.unwrap(), "there is nothing left to scrub");
    }
}
