//! The file: its lock, its connections, its tables and indexes.
//!
//! The invariant: when [`open`] returns, the file has every declared index and none besides, and its schema version is
//! the program's. The documents of a file that was refused are as they were.

use std::{
    collections::BTreeMap,
    fs::{DirBuilder, File, TryLockError},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};

use super::{search, unavailable};
use crate::{Error, Schema};

/// How long a connection waits for SQLite's own locks. Only a backup or a person with a shell ever holds them.
const BUSY: Duration = Duration::from_secs(5);
/// How long scrubbing waits for those who read: commits wait for it. One page is read in less, a walk is not.
const SCRUB: Duration = Duration::from_millis(25);
/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 128;

/// The exclusive use of a file, until it is dropped or the process ends in whatever way.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of the store at `path`, whose directory is made if need be.
    ///
    /// It is on a file of its own: closing any handle of a file drops the locks that SQLite has on it.
    pub(super) fn take(path: &Path) -> Result<Self, Error> {
        if let Some(directory) = path.parent() {
            // Documents are about people: a new directory is for its owner alone.
            DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(unavailable)?;
        }
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let file = File::options().create(true).truncate(false).write(true).open(PathBuf::from(name));
        let file = file.map_err(unavailable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::Locked(path.display().to_string())),
            Err(TryLockError::Error(error)) => Err(unavailable(error)),
        }
    }
}

/// Opens the file for writing and gives it the declared shape. Answers how many commits it has seen, too.
pub(super) fn open(path: &Path, schema: &Schema) -> Result<(Connection, u64), Error> {
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)
        .map_err(unavailable)?;
    let found = version(&connection).map_err(unavailable)?;
    if let Some(found) = found.filter(|found| *found > schema.version) {
        return Err(Error::TooNew { found, known: schema.version });
    }
    let commits = shape(&mut connection, schema).map_err(unavailable)?;
    Ok((connection, commits))
}

/// Writes the file anew without what was deleted, and empties the log. `secure_delete` alone does not do it: where
/// pages are split or joined, copies of what stood in them stay in their gaps.
///
/// `written` is what the file was when it was last written anew, by the count of its changes: only what came after
/// needs it again. Where somebody goes on reading, the log cannot be emptied; nothing is written then that would only
/// make it longer.
pub(super) fn scrub(connection: &Connection, written: &mut Option<u64>) -> Result<(), Error> {
    connection.busy_timeout(SCRUB).map_err(unavailable)?;
    let outcome = empty_log(connection).and_then(|()| {
        let changes = Some(connection.total_changes());
        if *written != changes {
            connection.execute_batch("VACUUM").map_err(busy_or_unavailable)?;
            *written = changes;
        }
        empty_log(connection)
    });
    connection.busy_timeout(BUSY).map_err(unavailable)?;
    outcome
}

fn empty_log(connection: &Connection) -> Result<(), Error> {
    let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
    let busy: bool = connection.query_row(sql, [], |row| row.get(0)).map_err(busy_or_unavailable)?;
    if busy { Err(Error::Busy) } else { Ok(()) }
}

fn busy_or_unavailable(error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy) => Error::Busy,
        _ => unavailable(error),
    }
}

/// Opens the file for reading.
pub(super) fn open_read_only(path: &Path) -> rusqlite::Result<Connection> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// The schema version of the file; `None` when it is new.
fn version(connection: &Connection) -> rusqlite::Result<Option<u32>> {
    if !has_table(connection, "meta")? {
        return Ok(None);
    }
    connection.query_row("SELECT value FROM meta WHERE key = 'schema'", [], |row| row.get(0)).optional()
}

/// Whether there is a table of this name.
pub(super) fn has_table(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1")?
        .exists([name])
}

/// The tables of documents.
pub(super) fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached("SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'doc[_]*'")?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// The name of a collection's table; needs no quotes.
pub(super) fn table(collection: &str) -> String {
    format!("doc_{collection}")
}

/// Makes the table of a collection, unless it is there.
pub(super) fn create_table(connection: &Connection, collection: &str) -> rusqlite::Result<()> {
    let table = table(collection);
    connection.execute_batch(&format!(
        "CREATE TABLE IF NOT EXISTS {table} (
             id TEXT NOT NULL PRIMARY KEY,
             version INTEGER NOT NULL,
             expires_at INTEGER, -- milliseconds since 1970
             body TEXT NOT NULL  -- a JSON object
         ) STRICT, WITHOUT ROWID;
         CREATE INDEX IF NOT EXISTS \"expiry:{collection}\" ON {table} (expires_at) WHERE expires_at IS NOT NULL;"
    ))
}

fn shape(connection: &mut Connection, schema: &Schema) -> rusqlite::Result<u64> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // What expires is overwritten. It costs less than two runs of the same commits differ.
    connection.pragma_update(None, "secure_delete", true)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS meta (key TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL)
             STRICT, WITHOUT ROWID;
         INSERT INTO meta VALUES ('commits', 0) ON CONFLICT DO NOTHING;",
    )?;
    transaction.execute(
        "INSERT INTO meta VALUES ('schema', ?1) ON CONFLICT DO UPDATE SET value = excluded.value",
        [schema.version],
    )?;
    shape_indexes(&transaction, schema)?;
    let commits =
        transaction.query_row("SELECT value FROM meta WHERE key = 'commits'", [], |row| row.get(0))?;
    transaction.commit()?;
    Ok(commits)
}

/// Drops the indexes that are not declared, or not in this way, and makes those that are missing.
fn shape_indexes(transaction: &Transaction<'_>, schema: &Schema) -> rusqlite::Result<()> {
    let mut wanted = BTreeMap::new();
    for index in schema.indexes {
        create_table(transaction, index.collection)?;
        wanted.insert(search::index_name(index), search::create_index(index));
    }
    let there: Vec<(String, String)> = transaction
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND name GLOB 'index:*'")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (name, sql) in there {
        if wanted.get(&name) == Some(&sql) {
            wanted.remove(&name);
        } else {
            transaction.execute_batch(&format!("DROP INDEX \"{name}\""))?;
        }
    }
    wanted.values().try_for_each(|sql| transaction.execute_batch(sql))
}
