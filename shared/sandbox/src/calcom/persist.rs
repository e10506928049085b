//! The calendar in SQLite: bookings and reservations, each in a table of its own.
//!
//! The invariant: one change of the book is one transaction, and it writes only what changed.

use std::sync::Arc;

use rusqlite::{Connection, params};

use super::model::{Book, Booking, Reservation};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS calcom_bookings (id INTEGER PRIMARY KEY, json TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS calcom_reservations (uid TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
";

/// Makes room, and reads what is there.
pub(super) fn load(connection: &Connection) -> anyhow::Result<Book> {
    connection.execute_batch(SCHEMA)?;
    let mut book = Book::default();
    for json in texts(connection, "SELECT json FROM calcom_bookings")? {
        let booking: Booking = serde_json::from_str(&json)?;
        book.put(booking);
    }
    for json in texts(connection, "SELECT json FROM calcom_reservations")? {
        let kept: Reservation = serde_json::from_str(&json)?;
        book.reservations.insert(kept.uid.clone(), Arc::new(kept));
    }
    Ok(book)
}

fn texts(connection: &Connection, query: &str) -> rusqlite::Result<Vec<String>> {
    connection.prepare(query)?.query_map([], |row| row.get(0))?.collect()
}

/// Writes what differs between two states of the book.
pub(super) fn save(connection: &mut Connection, old: &Book, new: &Book) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for (id, booking) in &new.bookings {
        if old.bookings.get(id).is_none_or(|before| !Arc::ptr_eq(before, booking)) {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO calcom_bookings (id, json) VALUES (?1, ?2)")?
                .execute(params![id, json(&**booking)?])?;
        }
    }
    for uid in old.reservations.keys().filter(|uid| !new.reservations.contains_key(*uid)) {
        transaction.prepare_cached("DELETE FROM calcom_reservations WHERE uid = ?1")?.execute([uid])?;
    }
    for (uid, kept) in &new.reservations {
        if old.reservations.get(uid).is_none_or(|before| !Arc::ptr_eq(before, kept)) {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO calcom_reservations (uid, json) VALUES (?1, ?2)")?
                .execute(params![uid, json(&**kept)?])?;
        }
    }
    transaction.commit()
}

fn json<T: serde::Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}
