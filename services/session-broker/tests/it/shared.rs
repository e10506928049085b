//! A store that several processes have open: SQLite under the name of one, so that what instances share can be tested.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use async_trait::async_trait;
use session_broker::SCHEMA;
use store::{Commit, Document, Error, Key, Page, Query, Store, Write, sqlite::Sqlite};
use tempfile::TempDir;

use crate::{
    broker::{Broker, Setup},
    upstream::Time,
};

/// A store of several instances, which can be cut off.
pub(crate) struct Shared {
    inner: Sqlite,
    pub(crate) is_down: AtomicBool,
    pub(crate) commits: AtomicUsize,
    _dir: TempDir,
}

impl Shared {
    pub(crate) fn new() -> Arc<Self> {
        let dir = tempfile::tempdir().unwrap();
        let inner = Sqlite::open(&dir.path().join("it.db"), SCHEMA, Time::start().clock()).unwrap();
        Arc::new(Self { inner, is_down: AtomicBool::new(false), commits: AtomicUsize::new(0), _dir: dir })
    }

    fn reach(&self) -> Result<(), Error> {
        if self.is_down.load(SeqCst) { Err(Error::Unavailable("cut off".into())) } else { Ok(()) }
    }

    /// Two instances over it.
    pub(crate) async fn instances<const N: usize>(
        self: &Arc<Self>,
        settings: [(&'static str, &str); N],
    ) -> [Broker; 2] {
        let setup = || Setup { store: Some(self.clone()), ..Setup::with(settings) };
        [setup().start().await, setup().start().await]
    }
}

#[async_trait]
impl Store for Shared {
    async fn get(&self, key: &Key) -> Result<Option<Document>, Error> {
        self.reach()?;
        self.inner.get(key).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, Error> {
        self.reach()?;
        self.inner.get_many(keys).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Commit, Error> {
        self.reach()?;
        self.commits.fetch_add(1, SeqCst);
        self.inner.commit(writes).await
    }

    async fn query(&self, query: Query) -> Result<Page, Error> {
        self.inner.query(query).await
    }

    fn is_shared(&self) -> bool {
        true
    }
}
