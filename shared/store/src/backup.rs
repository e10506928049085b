//! Taking everything out of a store, and putting it into an empty one.
//!
//! A backup shows one moment of one store. A restore is a note in the store and commits of documents that must not be
//! there yet; it may end anywhere and be begun again. The invariants: a restore never changes a document that somebody
//! else made, and whoever must not work with half of the documents sees by [`is_under_way`] that the rest is to come.

mod names;
mod service;

use std::{collections::VecDeque, sync::Arc};

use domain::{Fault, Kind, Reason};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Clock, Collection, Commit, Error, Key, Op, Precondition, Record, Scan, Store, Work, Write, limiter,
    scan::PAGE_BYTES,
};
use names::name;

pub use service::Service;

/// The note about a restore; one document.
const RESTORES: Collection<Note> = Collection::new("restores");
const LAST: &str = "last";
/// Collections that say nothing once their store is gone.
const LEFT_OUT: [&str; 2] = [limiter::COLLECTION, RESTORES.name()];
/// Most documents of one commit, and most bytes of documents, but for one.
const AT_ONCE: usize = 100;
const BYTES: usize = 2 << 20;
/// How often a commit is tried whose documents somebody else may be writing.
const TRIES: u32 = 5;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    backup_id: String,
    /// The same backup may be restored more than once. Older notes lack it.
    #[serde(default)]
    began_at: Timestamp,
    done: bool,
}

/// A document that a service makes when it starts. An empty store may have it, and a restore goes over it.
#[derive(Clone, Copy, Debug)]
pub struct Own {
    /// Its collection.
    pub collection: &'static str,
    /// Its id.
    pub id: &'static str,
    /// Makes of the one in a backup what is right after a restore.
    pub prepare: fn(&mut Value),
}

/// The backups of one service's store.
#[derive(Clone)]
pub struct Backup {
    store: Arc<dyn Store>,
    clock: Clock,
    schema: u32,
    own: &'static [Own],
}

/// A backup being taken.
pub struct Export {
    scan: Box<dyn Scan>,
    /// Read and not handed out yet.
    rest: VecDeque<Record>,
}

/// How a restore stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Documents may be put.
    Open,
    /// This very backup was restored before.
    Done,
}

/// What became of documents that were put.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Put {
    /// They were written.
    pub written: u64,
    /// They were there already, with the same content.
    pub known: u64,
    /// They have expired and were left out.
    pub expired: u64,
}

/// Why a restore does not go on.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The documents are of another shape.
    #[error("the backup has schema version {found} and this program restores version {known}")]
    Schema {
        /// Version in the backup.
        found: u32,
        /// Version that this program knows.
        known: u32,
    },
    /// Somebody works with the store.
    #[error("the store is not empty, it has {0}; restore into an empty one")]
    NotEmpty(String),
    /// The rest of another backup is to come.
    #[error("a restore of another backup was begun and never finished; finish that one, or empty the store")]
    Other,
    /// It was not begun.
    #[error("the restore was not begun, or is done")]
    Closed,
    /// Somebody made the same document meanwhile.
    #[error("somebody made a document of {0} since the restore began; empty the store and restore again")]
    Changed(String),
    /// It is no document that a store keeps.
    #[error("a document of {0} in the backup is malformed")]
    Malformed(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<&Refusal> for Fault {
    fn from(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Store(error) => error.into(),
            Refusal::Malformed(_) => Self::invalid("documents", refusal.to_string()),
            _ => Self::new(Kind::Precondition, Reason::StateWrong, refusal.to_string()),
        }
    }
}

/// Whether a restore has begun and is not done. Whoever has found documents before they ask knows of no restore that
/// is to come: it begins in an empty store.
pub async fn is_under_way(store: &dyn Store) -> Result<bool, Error> {
    Ok(RESTORES.get(store, LAST).await?.is_some_and(|note| !note.value.done))
}

/// Names the last restore, the one under way included; none where there was none. What a store counts may have been
/// counted before up to a higher number, and this tells the two apart.
pub async fn last(store: &dyn Store) -> Result<Option<String>, Error> {
    let note = RESTORES.get(store, LAST).await?.map(|found| found.value);
    Ok(note.map(|note| format!("{} {}", note.backup_id, note.began_at.as_microsecond())))
}

// === impl Export ===

impl Export {
    /// The next documents, a megabyte of them but for the last one; none when there are no more.
    pub async fn next(&mut self) -> Result<Vec<Record>, Error> {
        while self.rest.is_empty() {
            let records = self.scan.next().await?;
            if records.is_empty() {
                return Ok(records);
            }
            self.rest
                .extend(records.into_iter().filter(|record| !LEFT_OUT.contains(&record.collection.as_str())));
        }
        let (mut records, mut bytes) = (Vec::new(), 0);
        while bytes < PAGE_BYTES
            && let Some(record) = self.rest.pop_front()
        {
            bytes += record.body.len();
            records.push(record);
        }
        Ok(records)
    }
}

// === impl Backup ===

impl Backup {
    /// Backups of `store`, whose documents have this schema version.
    pub fn new(store: Arc<dyn Store>, clock: Clock, schema: u32, own: &'static [Own]) -> Self {
        Self { store, clock, schema, own }
    }

    /// Version of the documents' shape.
    pub fn schema(&self) -> u32 {
        self.schema
    }

    /// Takes a backup as of now; what has expired is left out.
    pub async fn export(&self) -> Result<Export, Error> {
        Ok(Export { scan: self.store.scan().await?, rest: VecDeque::new() })
    }

    /// Whether a restore could begin or go on; nothing is written. None where it has not begun.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn check(&self, backup_id: &str, schema: u32) -> Result<Option<Begun>, Refusal> {
        if schema != self.schema {
            return Err(Refusal::Schema { found: schema, known: self.schema });
        }
        match RESTORES.get(&*self.store, LAST).await?.map(|note| note.value) {
            Some(note) if note.backup_id == backup_id && note.done => return Ok(Some(Begun::Done)),
            Some(note) if note.backup_id == backup_id => return Ok(Some(Begun::Open)),
            Some(note) if !note.done => return Err(Refusal::Other),
            _ => {}
        }
        match self.first_of_others().await? {
            Some(found) => Err(Refusal::NotEmpty(found)),
            None => Ok(None),
        }
    }

    /// Begins a restore, or goes on with it.
    ///
    /// # Errors
    /// The store is not empty, another restore is under way, the documents are of another shape.
    pub async fn begin(&self, backup_id: &str, schema: u32) -> Result<Begun, Refusal> {
        let mut work = Work::new(&*self.store);
        // Read first: whoever begins another one meanwhile makes this one a conflict.
        work.get(&RESTORES, LAST).await?;
        if let Some(begun) = self.check(backup_id, schema).await? {
            return Ok(begun);
        }
        work.put(
            &RESTORES,
            LAST,
            &Note { backup_id: backup_id.to_owned(), began_at: (self.clock)(), done: false },
        );
        for own in self.own {
            // Who holds it in memory finds out that it is gone.
            let own_documents = Collection::<Value>::new(own.collection);
            work.get(&own_documents, own.id).await?;
            work.delete(&own_documents, own.id);
        }
        match work.commit().await? {
            Commit::Done(_) => Ok(Begun::Open),
            Commit::Conflict | Commit::Unknown => Err(Error::Unknown.into()),
        }
    }

    /// The collection of the first document that is not [`Own`].
    async fn first_of_others(&self) -> Result<Option<String>, Error> {
        let mut export = self.export().await?;
        loop {
            let records = export.next().await?;
            if records.is_empty() {
                return Ok(None);
            }
            if let Some(record) = records.into_iter().find(|record| self.own(record).is_none()) {
                return Ok(Some(record.collection));
            }
        }
    }

    fn own(&self, record: &Record) -> Option<&'static Own> {
        self.own.iter().find(|own| own.collection == record.collection && own.id == record.id)
    }

    /// Writes documents of a restore that was begun.
    ///
    /// # Errors
    /// A document is there with another content, or is none. What came before it may have been written.
    pub async fn put(&self, backup_id: &str, records: Vec<Record>) -> Result<Put, Refusal> {
        let note = RESTORES.get(&*self.store, LAST).await?;
        if !note.is_some_and(|note| note.value.backup_id == backup_id && !note.value.done) {
            return Err(Refusal::Closed);
        }
        let (mut put, mut group, mut bytes) = (Put::default(), Vec::new(), 0);
        for record in records {
            if record.expires_at.is_some_and(|at| at <= (self.clock)()) {
                put.expired += 1;
                continue;
            }
            bytes += record.body.len();
            group.push(self.write(record)?);
            if group.len() == AT_ONCE || bytes > BYTES {
                self.put_group(std::mem::take(&mut group), &mut put).await?;
                bytes = 0;
            }
        }
        self.put_group(group, &mut put).await?;
        Ok(put)
    }

    fn write(&self, record: Record) -> Result<Write, Refusal> {
        let malformed = || Refusal::Malformed(record.collection.clone());
        let mut body: Value = serde_json::from_str(&record.body).map_err(|_| malformed())?;
        let collection = name(&record.collection).ok_or_else(malformed)?;
        let own = self.own(&record);
        if let Some(own) = own {
            (own.prepare)(&mut body);
        }
        Ok(Write {
            key: Key { collection, id: record.id },
            precondition: if own.is_some() { Precondition::Any } else { Precondition::Absent },
            op: Op::Put { body, expires_at: record.expires_at },
        })
    }

    async fn put_group(&self, mut writes: Vec<Write>, put: &mut Put) -> Result<(), Refusal> {
        for _ in 0..TRIES {
            if writes.is_empty() {
                return Ok(());
            }
            match self.store.commit(writes.clone()).await {
                Ok(Commit::Done(_)) => {
                    put.written += writes.len() as u64;
                    return Ok(());
                }
                Ok(Commit::Conflict | Commit::Unknown) => {}
                Err(Error::Invalid(_)) => {
                    return Err(Refusal::Malformed(writes[0].key.collection.to_owned()));
                }
                Err(error) => return Err(error.into()),
            }
            let count = writes.len();
            writes = self.without_known(writes).await?;
            put.known += (count - writes.len()) as u64;
        }
        Err(Error::Contended(TRIES).into())
    }

    /// The writes whose documents are not there yet.
    async fn without_known(&self, writes: Vec<Write>) -> Result<Vec<Write>, Refusal> {
        let keys: Vec<Key> = writes.iter().map(|write| write.key.clone()).collect();
        let found = self.store.get_many(&keys).await?;
        let mut missing = Vec::new();
        for (write, found) in writes.into_iter().zip(found) {
            match (&write.op, found) {
                (Op::Put { body, .. }, Some(found)) if *body == found.body => {}
                (_, Some(_)) if write.precondition == Precondition::Absent => {
                    return Err(Refusal::Changed(write.key.collection.to_owned()));
                }
                _ => missing.push(write),
            }
        }
        Ok(missing)
    }

    /// Ends a restore: everything was put.
    pub async fn finish(&self, backup_id: &str) -> Result<(), Refusal> {
        let mut work = Work::new(&*self.store);
        let note = work.get(&RESTORES, LAST).await?.filter(|note| note.backup_id == backup_id);
        let Some(note) = note else { return Err(Refusal::Closed) };
        if note.done {
            return Ok(());
        }
        work.put(&RESTORES, LAST, &Note { done: true, ..note });
        match work.commit().await? {
            Commit::Done(_) => Ok(()),
            Commit::Conflict | Commit::Unknown => Err(Error::Unknown.into()),
        }
    }
}
