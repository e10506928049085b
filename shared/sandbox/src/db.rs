//! The SQLite file behind the stand-ins.
//!
//! The invariant: a commit that returned is on the disk (`synchronous=FULL`).

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::Connection;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS workflows (id TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL, json TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS responses (id TEXT PRIMARY KEY, created_at INTEGER NOT NULL, json TEXT NOT NULL,
        context TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS sheets (id INTEGER PRIMARY KEY, position INTEGER NOT NULL, json TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS rows (sheet_id INTEGER NOT NULL, row INTEGER NOT NULL, json TEXT NOT NULL,
        PRIMARY KEY (sheet_id, row)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS metadata (id INTEGER PRIMARY KEY, json TEXT NOT NULL);
";

/// One connection, shared. Hold it for one transaction.
#[derive(Clone)]
pub(crate) struct Db(Arc<Mutex<Connection>>);

impl Db {
    /// Opens or makes the file; without a path the database lives in memory.
    pub(crate) fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let connection = match path {
            Some(path) => Connection::open(path)?,
            None => Connection::open_in_memory()?,
        };
        connection
            .execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000;")?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// The connection. A panic elsewhere rolled its transaction back, so a poisoned lock is still sound.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
