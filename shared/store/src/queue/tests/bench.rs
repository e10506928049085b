//! What the tests of the queue stand on.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tokio::sync::Semaphore;

use crate::{
    Clock, Commit, Schema, Store, Work, erasing,
    queue::{Handler, Job, Next, Queue, Trouble, Worker},
    sqlite::Sqlite,
};

pub(super) static JOBS: Queue<String> = Queue::new("jobs");
pub(super) static KEPT: Queue<String> = Queue::keeping("kept_jobs", 30);

const SCHEMA: Schema = Schema {
    version: 1,
    indexes: &[JOBS.index(), KEPT.index()],
    expiring: &[KEPT.collection(), erasing::COLLECTION],
};

/// A store, a clock that a test moves, and a handler that a test scripts.
pub(super) struct Bench {
    pub(super) queue: &'static Queue<String>,
    pub(super) store: Arc<dyn Store>,
    pub(super) dir: Arc<TempDir>,
    now: Arc<Mutex<Timestamp>>,
    pub(super) hand: Arc<Hand>,
}

/// Does jobs, and remembers which.
pub(super) struct Hand {
    /// Id and payload of what was begun.
    pub(super) begun: Mutex<Vec<String>>,
    /// What comes of it.
    pub(super) outcome: Mutex<Result<Next, Trouble>>,
    /// Each job takes a permit of it before it ends.
    pub(super) gate: Semaphore,
    pub(super) panics: Mutex<bool>,
}

#[async_trait::async_trait]
impl Handler<String> for Hand {
    async fn handle(&self, id: &str, payload: &String) -> Result<Next, Trouble> {
        self.begun.lock().unwrap().push(format!("{id} {payload}"));
        self.gate.acquire().await.unwrap().forget();
        assert!(!*self.panics.lock().unwrap(), "scripted");
        self.outcome.lock().unwrap().clone()
    }
}

// === impl Bench ===

impl Bench {
    pub(super) fn of(queue: &'static Queue<String>) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let now = Arc::new(Mutex::new("2026-03-01T12:00:00Z".parse().unwrap()));
        let hand = Hand {
            begun: Mutex::default(),
            outcome: Mutex::new(Ok(Next::Done)),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            panics: Mutex::new(false),
        };
        let store = open(dir.path(), &now);
        Self { queue, store, dir, now, hand: Arc::new(hand) }
    }

    pub(super) fn new() -> Self {
        Self::of(&JOBS)
    }

    /// What a process finds that starts after another has died.
    pub(super) fn reopen(self) -> Self {
        let Self { queue, store, dir, now, hand } = self;
        drop(store);
        let store = open(dir.path(), &now);
        Self { queue, store, dir, now, hand }
    }

    pub(super) fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    pub(super) fn pass(&self, seconds: i64) {
        *self.now.lock().unwrap() += SignedDuration::from_secs(seconds);
    }

    pub(super) fn worker(&self) -> Worker<String> {
        Worker::new(self.queue, self.store.clone(), clock(&self.now), self.hand.clone())
    }

    pub(super) async fn put(&self, id: &str, payload: &str) {
        self.put_at(id, payload, self.now()).await;
    }

    pub(super) async fn put_at(&self, id: &str, payload: &str, due_at: Timestamp) {
        let mut work = Work::new(&*self.store);
        self.queue.put(&mut work, id, &payload.to_owned(), due_at).await.unwrap();
        assert!(matches!(work.commit().await.unwrap(), Commit::Done(_)));
    }

    pub(super) async fn tick(&self) -> i64 {
        let ticked = self.worker().tick(100).await.unwrap();
        ticked.done.get(self.queue.collection()).copied().unwrap_or_default()
    }

    pub(super) async fn job(&self, id: &str) -> Option<Job> {
        self.queue.jobs().get(&*self.store, id).await.unwrap().map(|found| found.value)
    }

    pub(super) fn begun(&self) -> Vec<String> {
        self.hand.begun.lock().unwrap().clone()
    }

    pub(super) fn fails_with(&self, trouble: Trouble) {
        *self.hand.outcome.lock().unwrap() = Err(trouble);
    }

    pub(super) fn succeeds(&self, next: Next) {
        *self.hand.outcome.lock().unwrap() = Ok(next);
    }

    /// Jobs begin and do not end until [`Self::open_gate`].
    pub(super) fn shut_gate(&self) {
        self.hand.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(super) fn open_gate(&self) {
        self.hand.gate.add_permits(1_000);
    }

    /// Waits until so many jobs have begun.
    pub(super) async fn until_begun(&self, number: usize) {
        let wait = async {
            while self.begun().len() < number {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), wait).await.expect("jobs begin");
    }
}

fn open(dir: &Path, now: &Arc<Mutex<Timestamp>>) -> Arc<dyn Store> {
    Arc::new(Sqlite::open(&dir.join("it.db"), SCHEMA, clock(now)).unwrap())
}

fn clock(now: &Arc<Mutex<Timestamp>>) -> Clock {
    let now = now.clone();
    Arc::new(move || *now.lock().unwrap())
}
