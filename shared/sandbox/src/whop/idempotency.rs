//! `Idempotency-Key`: the answer to the first write of a key is the answer to all of them.
//!
//! Whop's documents give the header and its length; the rest is the draft of the IETF: another request under the key is
//! 422. Only what succeeded is kept. The invariant: one key does its work once.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};
use serde_json::Value;

use super::{
    error::{Refusal, Taken},
    shelf::Desk,
};

/// Seconds.
const KEPT: i64 = 24 * 60 * 60;
const LONGEST: usize = 255;

/// The answer that was given before under this key to this request.
pub(super) fn recall(desk: &Desk<'_>, key: &str, request: &str) -> Taken<Option<Value>> {
    if key.is_empty() || key.chars().count() > LONGEST {
        return Err(Refusal::bad("Idempotency-Key must have 1 to 255 characters"));
    }
    let connection = desk.connection();
    connection.execute("DELETE FROM whop_keys WHERE at < ?1", [desk.now.as_second() - KEPT])?;
    let mut statement = connection.prepare_cached("SELECT request, json FROM whop_keys WHERE key = ?1")?;
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
    let Some((first, json)) = statement.query_row([key], row).optional()? else { return Ok(None) };
    if first != request {
        return Err(Refusal::unprocessable("This Idempotency-Key was used for another request"));
    }
    Ok(serde_json::from_str(&json).ok())
}

/// Keeps the answer to the first request of a key.
pub(super) fn keep(desk: &Desk<'_>, key: &str, request: &str, json: &Value) -> Taken<()> {
    let now: Timestamp = desk.now;
    let mut statement = desk.connection().prepare_cached("INSERT INTO whop_keys VALUES (?1, ?2, ?3, ?4)")?;
    statement.execute(params![key, request, now.as_second(), json.to_string()])?;
    Ok(())
}
