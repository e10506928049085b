//! A unit of work: reads and writes that become one commit.
//!
//! What was written earlier in the same work is what a later read of it sees; every document that is written is
//! guarded by the state in which it was read. So a work that ends in [`Commit::Conflict`] is simply done again.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    Collection, Commit, Document, Error, Key, Op, Precondition, Store, Write, backoff::jittered, read_body,
};

/// How often a conflicting work is done again before it counts as contended.
const ATTEMPTS: u32 = 100;

/// The conflict after which pauses grow no longer.
const LONGEST_PAUSE: u32 = 3;

/// Reads and writes on their way into one commit.
pub struct Work<'s> {
    store: &'s dyn Store,
    read: HashMap<Key, Option<Document>>,
    written: BTreeMap<Key, Op>,
}

/// Counts how often a work was in conflict.
///
/// ```text
/// let mut attempts = Attempts::default();
/// loop {
///     let mut work = Work::new(store);
///     let answer = step(&mut work).await?;
///     if attempts.commit(work).await? {
///         return Ok(answer);
///     }
/// }
/// ```
#[derive(Debug, Default)]
pub struct Attempts(u32);

impl Attempts {
    /// Commits `work`; false if somebody interfered and it must be done again.
    ///
    /// # Errors
    /// The store's; [`Error::Contended`] after a hundred conflicts; [`Error::Unknown`] when the answer was lost.
    pub async fn commit(&mut self, work: Work<'_>) -> Result<bool, Error> {
        match work.commit().await? {
            Commit::Done(_) => Ok(true),
            Commit::Unknown => Err(Error::Unknown),
            Commit::Conflict if self.0 + 1 == ATTEMPTS => Err(Error::Contended(ATTEMPTS)),
            Commit::Conflict => {
                self.0 += 1;
                // Those who met at a document go their ways before they come again.
                tokio::time::sleep(jittered(self.0.min(LONGEST_PAUSE))).await;
                Ok(false)
            }
        }
    }
}

impl<'s> Work<'s> {
    /// An empty work.
    pub fn new(store: &'s dyn Store) -> Self {
        Self { store, read: HashMap::new(), written: BTreeMap::new() }
    }

    /// Reads many documents at once, so that later reads of them cost nothing.
    pub async fn prefetch(&mut self, keys: Vec<Key>) -> Result<(), Error> {
        let missing: Vec<Key> = keys.into_iter().filter(|key| !self.read.contains_key(key)).collect();
        let documents = self.store.get_many(&missing).await?;
        self.read.extend(missing.into_iter().zip(documents));
        Ok(())
    }

    /// The document as this work sees it.
    pub async fn get<T: Serialize + DeserializeOwned>(
        &mut self,
        collection: &Collection<T>,
        id: &str,
    ) -> Result<Option<T>, Error> {
        let key = collection.key(id);
        let body = match self.written.get(&key) {
            Some(Op::Put { body, .. }) => Some(body.clone()),
            Some(Op::Delete) => None,
            None => self.load(key.clone()).await?,
        };
        body.map(|body| read_body(&key, &body)).transpose()
    }

    async fn load(&mut self, key: Key) -> Result<Option<Value>, Error> {
        if !self.read.contains_key(&key) {
            let document = self.store.get(&key).await?;
            self.read.insert(key.clone(), document);
        }
        Ok(self.read[&key].as_ref().map(|document| document.body.clone()))
    }

    /// Makes a new document; if there is one already, the commit is a conflict.
    pub fn create<T: Serialize + DeserializeOwned>(
        &mut self,
        collection: &Collection<T>,
        id: &str,
        value: &T,
    ) {
        self.read.entry(collection.key(id)).or_insert(None);
        self.put(collection, id, value);
    }

    /// Makes a document `value`. It must have been read by this work, so that the write can be guarded.
    pub fn put<T: Serialize + DeserializeOwned>(&mut self, collection: &Collection<T>, id: &str, value: &T) {
        self.put_until(collection, id, value, None);
    }

    /// As [`Self::put`]; the document counts as absent from `expires_at` on.
    pub fn put_until<T: Serialize + DeserializeOwned>(
        &mut self,
        collection: &Collection<T>,
        id: &str,
        value: &T,
        expires_at: Option<Timestamp>,
    ) {
        let write = collection.put_until(id, value, Precondition::Any, expires_at);
        self.written.insert(write.key, write.op);
    }

    /// Removes a document. It must have been read by this work, so that the write can be guarded.
    pub fn delete<T>(&mut self, collection: &Collection<T>, id: &str) {
        self.written.insert(collection.key(id), Op::Delete);
    }

    /// Nothing was written.
    pub fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// Commits what was written; nothing to write is done already.
    pub async fn commit(self) -> Result<Commit, Error> {
        if self.written.is_empty() {
            return Ok(Commit::Done(crate::Version(0)));
        }
        let Self { store, read, written } = self;
        let mut writes = Vec::with_capacity(written.len());
        for (key, op) in written {
            let precondition = match read.get(&key) {
                Some(Some(document)) => Precondition::Version(document.version),
                Some(None) => Precondition::Absent,
                None => return Err(Error::Invalid(format!("{key} was written and never read"))),
            };
            writes.push(Write { key, precondition, op });
        }
        store.commit(writes).await
    }
}
