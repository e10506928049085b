//! A store that says that it is shared, counts its calls and fails on demand; and the limiters over it.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    task::Poll,
};

use domain::limit::Limit;
use jiff::Timestamp;
use tempfile::TempDir;

use crate::{
    Clock, Commit, Document, Error, Key, Page, Query, Schema, Store, Write, limiter::Limiter, sqlite::Sqlite,
};

pub(super) const SECOND: i64 = 1_000_000_000;
const SCHEMA: Schema = Schema { version: 1, indexes: &[], expiring: &["limits"] };

/// How the store behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Mood {
    /// As it should.
    Well,
    /// It cannot be reached.
    Down,
    /// It never answers.
    Silent,
    /// It does what it is told and loses its answers.
    Forgetful,
    /// Somebody else is always quicker.
    Contended,
}

/// The store.
pub(super) struct Rig {
    inner: Sqlite,
    mood: AtomicU32,
    reads: AtomicU32,
    commits: AtomicU32,
    _dir: TempDir,
}

/// A store, a time and instances.
pub(super) struct World {
    pub(super) rig: Arc<Rig>,
    pub(super) instances: Vec<Limiter>,
    now: Arc<AtomicI64>,
}

/// Polls all at once until all are done.
pub(super) async fn together<F: Future>(calls: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut calls: Vec<_> = calls.into_iter().map(|call| (Box::pin(call), None)).collect();
    std::future::poll_fn(|cx| {
        for (call, answer) in &mut calls {
            if answer.is_none()
                && let Poll::Ready(value) = call.as_mut().poll(cx)
            {
                *answer = Some(value);
            }
        }
        if calls.iter().all(|(_, answer)| answer.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    calls.into_iter().filter_map(|(_, answer)| answer).collect()
}

// === impl Rig ===

impl Rig {
    pub(super) fn mood(&self, mood: Mood) {
        self.mood.store(mood as u32, Ordering::SeqCst);
    }

    fn is(&self, mood: Mood) -> bool {
        self.mood.load(Ordering::SeqCst) == mood as u32
    }

    /// Reads and commits since the last time.
    pub(super) fn calls(&self) -> (u32, u32) {
        (self.reads.swap(0, Ordering::SeqCst), self.commits.swap(0, Ordering::SeqCst))
    }

    async fn reach(&self) -> Result<(), Error> {
        if self.is(Mood::Silent) {
            std::future::pending::<()>().await;
        }
        if self.is(Mood::Down) { Err(Error::Unavailable("cut off".into())) } else { Ok(()) }
    }
}

#[async_trait::async_trait]
impl Store for Rig {
    async fn get(&self, key: &Key) -> Result<Option<Document>, Error> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.reach().await?;
        self.inner.get(key).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, Error> {
        self.inner.get_many(keys).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Commit, Error> {
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.reach().await?;
        if self.is(Mood::Contended) {
            return Ok(Commit::Conflict);
        }
        let done = self.inner.commit(writes).await?;
        Ok(if self.is(Mood::Forgetful) { Commit::Unknown } else { done })
    }

    async fn query(&self, query: Query) -> Result<Page, Error> {
        self.inner.query(query).await
    }

    fn is_shared(&self) -> bool {
        true
    }
}

// === impl World ===

impl World {
    pub(super) fn new(limit: &str, instances: usize) -> Self {
        let now = Arc::new(AtomicI64::new(1_800_000_000 * SECOND));
        let time = Arc::clone(&now);
        let clock: Clock =
            Arc::new(move || Timestamp::from_nanosecond(time.load(Ordering::SeqCst).into()).unwrap());
        let dir = tempfile::tempdir().unwrap();
        let inner = Sqlite::open(&dir.path().join("it.db"), SCHEMA, clock.clone()).unwrap();
        let rig = Arc::new(Rig {
            inner,
            mood: AtomicU32::new(Mood::Well as u32),
            reads: AtomicU32::new(0),
            commits: AtomicU32::new(0),
            _dir: dir,
        });
        let limit: Limit = limit.parse().unwrap();
        let limiter = || Limiter::over(limit, rig.clone(), "calls", clock.clone());
        let instances = (0..instances).map(|_| limiter()).collect();
        Self { rig, instances, now }
    }

    pub(super) fn pass(&self, nanos: i64) {
        self.now.fetch_add(nanos, Ordering::SeqCst);
    }

    /// Whether an instance lets a call of the usual key through.
    pub(super) async fn call(&self, instance: usize) -> bool {
        self.instances[instance].check("ada").await.is_ok()
    }

    /// How many of so many calls in a row go through.
    pub(super) async fn burst(&self, instance: usize, calls: usize) -> usize {
        let mut passed = 0;
        for _ in 0..calls {
            passed += usize::from(self.call(instance).await);
        }
        passed
    }
}
