//! Whop's records in SQLite, and one transaction on them.
//!
//! The invariant: what one request changes is one transaction, and is told after it.

use std::cell::RefCell;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde::de::DeserializeOwned;

use super::{
    error::{Refusal, Taken},
    notice::Notice,
    records::{Membership, Record},
};
use crate::random;

pub(super) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS whop (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL, json TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS whop_kind ON whop (kind, seq);
    CREATE TABLE IF NOT EXISTS whop_keys (key TEXT PRIMARY KEY, request TEXT NOT NULL, at INTEGER NOT NULL,
        json TEXT NOT NULL) WITHOUT ROWID;
";

/// One transaction.
pub(super) struct Desk<'a> {
    tx: &'a Transaction<'a>,
    pub(super) now: Timestamp,
    /// What is to be told of it, oldest first.
    pub(super) told: RefCell<Vec<Notice>>,
}

/// An id as Whop's look: a prefix and 14 letters and digits.
pub(super) fn new_id(prefix: &str) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let letters = random::bytes::<14>().map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
    format!("{prefix}_{}", letters.iter().collect::<String>())
}

// === impl Desk ===

impl<'a> Desk<'a> {
    pub(super) fn new(tx: &'a Transaction<'a>, now: Timestamp) -> Self {
        Self { tx, now, told: RefCell::default() }
    }

    /// The connection of the transaction.
    pub(super) fn connection(&self) -> &rusqlite::Connection {
        self.tx
    }

    /// The record of this id, if there is one of this kind.
    pub(super) fn find<T: Record>(&self, id: &str) -> Taken<Option<T>> {
        let mut statement = self.tx.prepare_cached("SELECT json FROM whop WHERE id = ?1 AND kind = ?2")?;
        Ok(statement.query_row(params![id, T::KIND], |row| read(row)).optional()?)
    }

    /// The record of this id, or a refusal that it is not there.
    pub(super) fn get<T: Record>(&self, id: &str) -> Taken<T> {
        self.find(id)?.ok_or_else(|| Refusal::no_such(T::KIND))
    }

    /// The membership of this id or licence key.
    pub(super) fn membership(&self, id: &str) -> Taken<Membership> {
        if let Some(found) = self.find(id)? {
            return Ok(found);
        }
        let all = self.all::<Membership>()?;
        let found = all.into_iter().find(|one| one.license_key.as_deref() == Some(id));
        found.ok_or_else(|| Refusal::no_such(Membership::KIND))
    }

    /// Keeps a new record.
    pub(super) fn add<T: Record>(&self, record: &T) -> Taken<()> {
        let mut statement =
            self.tx.prepare_cached("INSERT INTO whop (id, kind, json) VALUES (?1, ?2, ?3)")?;
        statement.execute(params![record.id(), T::KIND, json(record)?])?;
        Ok(())
    }

    /// Keeps what has become of a record.
    pub(super) fn put<T: Record>(&self, record: &T) -> Taken<()> {
        let mut statement = self.tx.prepare_cached("UPDATE whop SET json = ?2 WHERE id = ?1")?;
        statement.execute(params![record.id(), json(record)?])?;
        Ok(())
    }

    /// Forgets a record.
    pub(super) fn remove<T: Record>(&self, id: &str) -> Taken<()> {
        self.tx.execute("DELETE FROM whop WHERE id = ?1 AND kind = ?2", params![id, T::KIND])?;
        Ok(())
    }

    /// All records of a kind, newest first.
    pub(super) fn all<T: Record>(&self) -> Taken<Vec<T>> {
        let mut statement =
            self.tx.prepare_cached("SELECT json FROM whop WHERE kind = ?1 ORDER BY seq DESC")?;
        Ok(statement.query_map([T::KIND], |row| read(row))?.collect::<Result<_, _>>()?)
    }

    /// Has something told.
    pub(super) fn tell(&self, notice: Notice) {
        self.told.borrow_mut().push(notice);
    }
}

fn json<T: Record>(record: &T) -> Result<String, rusqlite::Error> {
    serde_json::to_string(record).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn read<T: DeserializeOwned>(row: &rusqlite::Row<'_>) -> rusqlite::Result<T> {
    let json: String = row.get(0)?;
    serde_json::from_str(&json).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error.into())
    })
}
