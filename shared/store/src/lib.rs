//! Documents that survive: one trait, two engines, one conformance suite.
//!
//! A service keeps JSON documents in named collections and changes several of them in one atomic commit, guarded by
//! preconditions. The invariant: when [`Store::commit`] answers [`Commit::Done`], the writes survive a `kill -9` and
//! a power cut; when it answers [`Commit::Conflict`] or an error, none of them happened.

mod backoff;
pub mod backup;
mod collection;
mod config;
mod cursor;
mod document;
pub mod erasing;
mod error;
pub mod firestore;
pub mod inbox;
pub mod limiter;
mod location;
mod query;
pub mod queue;
mod rules;
mod scan;
pub mod sqlite;
mod work;

pub use collection::{Collection, Found};
pub use config::Config;
pub use document::{Document, Key, Op, Precondition, Version, Write};
pub use error::{Error, Flaw, read_body};
pub use firestore::{Indexes, indexes};
pub use location::Location;
pub use query::{ASCENDING, BOTH, DESCENDING, Index, Order, Page, Query, Range};
pub use scan::{Record, Scan};
pub use work::{Attempts, Work};

use jiff::Timestamp;
use std::sync::Arc;

/// Where an engine reads the time: expiry is checked on every read.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The system's clock.
pub fn system_clock() -> Clock {
    Arc::new(Timestamp::now)
}

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a commit may not have happened"]
pub enum Commit {
    /// All writes happened and are durable; the documents that were put have this version now.
    Done(Version),
    /// A precondition did not hold; nothing happened.
    Conflict,
    /// The answer was lost; the writes happened all or not at all.
    Unknown,
}

/// An engine. One collection belongs to one service.
#[async_trait::async_trait]
pub trait Store: Send + Sync + 'static {
    /// The document, unless it is absent or has expired.
    async fn get(&self, key: &Key) -> Result<Option<Document>, Error>;

    /// The documents of `keys`, in their order, as of one moment.
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, Error>;

    /// Does all writes or none. No key may stand twice. An expired document counts as absent. An error means that
    /// nothing happened.
    async fn commit(&self, writes: Vec<Write>) -> Result<Commit, Error>;

    /// One page of the documents that a declared index finds. Expired documents are left out, and so are those that
    /// lack a field of the index.
    async fn query(&self, query: Query) -> Result<Page, Error>;

    /// Begins a walk through all documents of all collections, as they are now.
    async fn scan(&self) -> Result<Box<dyn Scan>, Error> {
        Err(Error::Invalid("this store cannot be walked through".into()))
    }

    /// Leaves nothing of what was deleted or overwritten before, as far as the engine keeps it at all: not in what it
    /// sets aside for reuse, nor in its log. [`Error::Busy`] while somebody walks through what was there before; it keeps
    /// nobody else from committing then.
    async fn scrub(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Whether other processes may have the same documents open.
    fn is_shared(&self) -> bool;
}

/// What a service declares about its documents when it opens its store.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// Version of the documents' shape, from 1 on. A store with a newer one is refused.
    pub version: u32,
    /// The indexes that queries name.
    pub indexes: &'static [&'static Index],
    /// The collections whose documents may expire.
    pub expiring: &'static [&'static str],
}
