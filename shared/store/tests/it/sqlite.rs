//! The SQLite engine.

mod file;
mod killed;
mod remnants;

use std::{any::Any, sync::Arc};

use store::{Clock, Schema, Store, sqlite::Sqlite};
use tempfile::TempDir;

use crate::conformance::{Engine, conformance};

/// A file of its own for every case.
pub(crate) struct Fresh;

impl Engine for Fresh {
    async fn fresh(self, schema: Schema, clock: Clock) -> (Arc<dyn Store>, Box<dyn Any + Send>) {
        let directory = TempDir::new().unwrap();
        let store = Sqlite::open(&directory.path().join("it.db"), schema, clock).unwrap();
        (Arc::new(store), Box::new(directory))
    }
}

conformance!([] crate::sqlite::Fresh);
