//! A store that can fail and that several instances share, and a time that tests move.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering::SeqCst},
};

use async_trait::async_trait;
use chat_agent::SCHEMA;
use jiff::Timestamp;
use store::{Clock, Commit, Document, Error, Key, Page, Query, Store, Write, sqlite::Sqlite};
use tempfile::TempDir;

/// Commits until it is told not to.
pub(crate) struct Frail {
    inner: Sqlite,
    /// Commits that are left before it is cut off.
    pub(crate) left: AtomicI64,
    /// Several instances have it open.
    pub(crate) shared: AtomicBool,
    _dir: TempDir,
}

/// The time of a test.
#[derive(Clone)]
pub(crate) struct Time(Arc<AtomicI64>);

impl Time {
    pub(crate) fn start() -> Self {
        Self(Arc::new(AtomicI64::new(1_800_000_000)))
    }

    pub(crate) fn advance_hours(&self, hours: i64) {
        self.0.fetch_add(hours * 3_600, SeqCst);
    }

    pub(crate) fn advance_minutes(&self, minutes: i64) {
        self.0.fetch_add(minutes * 60, SeqCst);
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(SeqCst)).unwrap()
    }

    pub(crate) fn clock(&self) -> Clock {
        let time = self.clone();
        Arc::new(move || time.now())
    }
}

impl Frail {
    pub(crate) fn new(time: &Time) -> Arc<Self> {
        let dir = tempfile::tempdir().unwrap();
        let inner = Sqlite::open(&dir.path().join("it.db"), SCHEMA, time.clock()).unwrap();
        let (left, shared) = (AtomicI64::new(i64::MAX), AtomicBool::new(false));
        Arc::new(Self { inner, left, shared, _dir: dir })
    }
}

#[async_trait]
impl Store for Frail {
    async fn get(&self, key: &Key) -> Result<Option<Document>, Error> {
        self.inner.get(key).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, Error> {
        self.inner.get_many(keys).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Commit, Error> {
        if self.left.fetch_sub(1, SeqCst) <= 0 {
            return Err(Error::Unavailable("cut off".into()));
        }
        self.inner.commit(writes).await
    }

    async fn query(&self, query: Query) -> Result<Page, Error> {
        self.inner.query(query).await
    }

    fn is_shared(&self) -> bool {
        self.shared.load(SeqCst)
    }
}
