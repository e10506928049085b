//! A store that dies, and the files that it leaves.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use store::{Commit, Document, Error as Trouble, Key, Page, Query, Store, Write};
use tempfile::TempDir;

/// A store whose process dies at a commit; what it was doing then is done, or not.
pub(super) struct Mortal {
    pub(super) inner: Arc<dyn Store>,
    pub(super) left: AtomicUsize,
    pub(super) done: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("dead")]
struct Dead;

#[async_trait::async_trait]
impl Store for Mortal {
    async fn get(&self, key: &Key) -> Result<Option<Document>, Trouble> {
        self.inner.get(key).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, Trouble> {
        self.inner.get_many(keys).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Commit, Trouble> {
        let dead = || Trouble::Unavailable(Box::new(Dead));
        match self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
            Ok(2..) => self.inner.commit(writes).await,
            Ok(_) if self.done => {
                let _ = self.inner.commit(writes).await?;
                Err(dead())
            }
            _ => Err(dead()),
        }
    }

    async fn query(&self, query: Query) -> Result<Page, Trouble> {
        self.inner.query(query).await
    }

    async fn scrub(&self) -> Result<(), Trouble> {
        if self.left.load(Ordering::SeqCst) == 0 {
            return Err(Trouble::Unavailable(Box::new(Dead)));
        }
        self.inner.scrub().await
    }

    fn is_shared(&self) -> bool {
        false
    }
}

/// How often a word stands in the files of a store, its log included.
pub(super) fn found(dir: &Path, what: &str) -> usize {
    let files = fs::read_dir(dir).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    files.map(|bytes| bytes.windows(what.len()).filter(|part| *part == what.as_bytes()).count()).sum()
}

/// A directory with the same files.
pub(super) fn copy(dir: &Path) -> TempDir {
    let to = tempfile::tempdir_in(dir.parent().unwrap()).unwrap();
    for entry in fs::read_dir(dir).unwrap() {
        let from = entry.unwrap().path();
        fs::copy(&from, to.path().join(from.file_name().unwrap())).unwrap();
    }
    to
}
