//! Reads, on a few connections of their own beside the writer.
//!
//! The invariant: one read sees the file as of one moment, after every commit that was answered before the read began.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{CachedStatement, Connection, OptionalExtension};
use tokio::sync::Semaphore;

use super::{file, unavailable};
use crate::{Document, Error, Key, Version};

/// Reads that run at once.
const CONNECTIONS: usize = 4;

/// The connections for reading, opened when they are first needed.
pub(super) struct Readers {
    path: Arc<Path>,
    idle: Arc<Mutex<Vec<Connection>>>,
    turns: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.into(), idle: Arc::default(), turns: Arc::new(Semaphore::new(CONNECTIONS)) }
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Does `read` on a thread where it may block.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(unavailable)?;
        let (path, idle) = (Arc::clone(&self.path), Arc::clone(&self.idle));
        let work = move || {
            let _turn = turn;
            let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection =
                taken.map_or_else(|| file::open_read_only(&path), Ok).map_err(unavailable)?;
            // A connection that has failed is not used again.
            let answer = read(&mut connection)?;
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            Ok(answer)
        };
        tokio::task::spawn_blocking(work).await.map_err(unavailable)?
    }
}

/// The documents of `keys` that are there at `now`, as of one moment.
pub(super) fn get_many(
    connection: &mut Connection,
    keys: &[Key],
    now: i64,
) -> Result<Vec<Option<Document>>, Error> {
    let transaction = connection.transaction().map_err(unavailable)?;
    // The first statement that reads fixes the moment; a missing table is found before anything is read.
    pin(&transaction).map_err(unavailable)?;
    keys.iter().map(|key| get(&transaction, key, now)).collect()
}

/// Fixes the moment of a transaction.
pub(super) fn pin(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare_cached("SELECT value FROM meta WHERE key = 'commits'")?.query_row([], |_| Ok(()))
}

fn get(connection: &Connection, key: &Key, now: i64) -> Result<Option<Document>, Error> {
    let Some(mut statement) = select(connection, key.collection).map_err(unavailable)? else {
        return Ok(None);
    };
    let row = statement.query_row((&key.id, now), |row| Ok((row.get(0)?, row.get::<_, String>(1)?)));
    let row = row.optional().map_err(unavailable)?;
    row.map(|(version, body)| document(key.collection, key.id.clone(), version, &body)).transpose()
}

/// `None` when nothing was ever written to the collection.
fn select<'c>(connection: &'c Connection, collection: &str) -> rusqlite::Result<Option<CachedStatement<'c>>> {
    let table = file::table(collection);
    let sql = format!(
        "SELECT version, body FROM {table} WHERE id = ?1 AND (expires_at IS NULL OR expires_at > ?2)"
    );
    match connection.prepare_cached(&sql) {
        Ok(statement) => Ok(Some(statement)),
        Err(_) if !file::has_table(connection, &table)? => Ok(None),
        Err(error) => Err(error),
    }
}

/// A document out of its row.
pub(super) fn document(collection: &str, id: String, version: u64, body: &str) -> Result<Document, Error> {
    match serde_json::from_str(body) {
        Ok(body) => Ok(Document { id, version: Version(u128::from(version)), body }),
        Err(error) => Err(Error::corrupt(format!("{collection}/{id}"), &error)),
    }
}
