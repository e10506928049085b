//! What all parts share, over gRPC and SQLite, with a provider that a test scripts and a sheets-writer that can be away.

mod books;
mod duties;
mod erasing;
mod inbox;
mod operator;
mod provider;
mod reconciling;
mod telling;
mod world;

use std::sync::Arc;

use store::{
    Index, Schema, Store,
    inbox::{INBOX, NEWEST},
    sqlite::Sqlite,
};
use tempfile::TempDir;

use crate::{books::TELLINGS, forgotten::FORGOTTEN, traces};

/// What all services of this sort declare.
pub(crate) const SCHEMA: Schema = Schema { version: 1, indexes: INDEXES, expiring: EXPIRING };
const INDEXES: &[&Index] = &[INBOX.index(), &NEWEST, TELLINGS.index(), &traces::BY_KEY];
const EXPIRING: &[&str] = &[store::erasing::COLLECTION, INBOX.collection(), FORGOTTEN.name()];

/// A store that lives as long as its directory.
pub(crate) fn open() -> (TempDir, Arc<dyn Store>) {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&dir.path().join("it.db"), SCHEMA, store::system_clock()).unwrap();
    (dir, Arc::new(store))
}
