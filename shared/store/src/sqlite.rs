//! The SQLite engine: one file, one process, one writer.
//!
//! Each collection is a table of JSON documents, each declared index an SQL index over fields of them. The invariant:
//! a commit is answered only when SQLite has synced it to the disk, and while an engine lives no other process has
//! the file.

mod collector;
mod file;
mod reader;
mod scan;
mod search;
mod writer;

use std::path::Path;

use crate::{
    Clock, Commit, Document, Error, Key, Op, Page, Query, Scan, Schema, Store, Write, cursor,
    rules::{self, Plan},
};
use file::Lock;
use reader::Readers;
use writer::{Action, Change, Writer};

/// A store in one SQLite file. Dropping it waits for the commits on their way and then lets go of the file.
pub struct Sqlite {
    // Dropped in this order: the lock goes when the last connection is closed.
    readers: Readers,
    writer: Writer,
    _lock: Lock,
    schema: Schema,
    clock: Clock,
}

impl Sqlite {
    /// Opens the file, or makes it and its directory.
    ///
    /// # Errors
    /// [`Error::Locked`] while another engine has it, [`Error::TooNew`] when a newer program wrote it,
    /// [`Error::Invalid`] when `schema` is malformed, [`Error::Unavailable`] when the file cannot be used.
    pub fn open(path: &Path, schema: Schema, clock: Clock) -> Result<Self, Error> {
        rules::check_schema(&schema)?;
        let lock = Lock::take(path)?;
        let (connection, commits) = file::open(path, &schema)?;
        let writer = Writer::start(connection, commits, clock.clone())?;
        Ok(Self { readers: Readers::new(path), writer, _lock: lock, schema, clock })
    }

    fn now(&self) -> i64 {
        (self.clock)().as_millisecond()
    }
}

#[async_trait::async_trait]
impl Store for Sqlite {
    async fn get(&self, key: &Key) -> Result<Option<Document>, Error> {
        Ok(self.get_many(std::slice::from_ref(key)).await?.pop().flatten())
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, Error> {
        keys.iter().try_for_each(rules::check_key)?;
        let (keys, now) = (keys.to_vec(), self.now());
        self.readers.read(move |connection| reader::get_many(connection, &keys, now)).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Commit, Error> {
        rules::check_writes(&writes, &self.schema)?;
        let changes = writes.into_iter().map(change).collect::<Result<_, _>>()?;
        self.writer.commit(changes).await
    }

    async fn query(&self, query: Query) -> Result<Page, Error> {
        let (plan, now) = (Plan::new(&query, &self.schema)?, self.now());
        let found = self.readers.read(move |connection| search::run(connection, &plan, now)).await?;
        Ok(Page {
            next: found.last.map(|position| cursor::encode(position, &query)),
            documents: found.documents,
        })
    }

    async fn scan(&self) -> Result<Box<dyn Scan>, Error> {
        Ok(Box::new(scan::Walk::begin(self.readers.path(), self.now()).await?))
    }

    async fn scrub(&self) -> Result<(), Error> {
        self.writer.scrub().await
    }

    fn is_shared(&self) -> bool {
        false
    }
}

fn change(write: Write) -> Result<Change, Error> {
    let Write { key, precondition, op } = write;
    let action = match op {
        Op::Put { body, expires_at } => Action::Put {
            body: rules::encode(key.collection, &body)?,
            expires_at: expires_at.map(|at| at.as_millisecond()),
        },
        Op::Delete => Action::Delete,
    };
    Ok(Change { key, precondition, action })
}

/// The failure of a connection, as callers see it.
fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Unavailable(Box::new(error))
}
