//! `Idempotency-Key`: the answer to the first request of a key is the answer to all of them.
//!
//! As docs.stripe.com/api/idempotent_requests says: kept for a day, errors 500 included; nothing is kept when the
//! parameters are refused or a request of the same key is under way. The invariant: one key does its work once.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use axum::http::StatusCode;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::Value;
use url::form_urlencoded;

use super::error::Refusal;

/// Seconds.
const KEPT: i64 = 24 * 60 * 60;
const LONGEST: usize = 255;

/// The keys whose requests are under way.
#[derive(Default)]
pub(super) struct Keys(Mutex<HashSet<String>>);

/// A key in use; free again when this is dropped.
pub(super) struct Hold<'a>(&'a Keys, String);

impl Keys {
    /// Takes a key for one request.
    pub(super) fn hold(&self, key: &str) -> Result<Hold<'_>, Refusal> {
        if key.is_empty() || key.chars().count() > LONGEST {
            let message = "Idempotency keys must be between 1 and 255 characters long.";
            return Err(Refusal::new(message));
        }
        if !self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned()) {
            let message = "There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through). Please try again later.";
            let code = Some("idempotency_key_in_use");
            return Err(Refusal::idempotency(StatusCode::CONFLICT, code, message));
        }
        Ok(Hold(self, key.to_owned()))
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

/// What makes two requests the same: method, path, and parameters in any order.
pub(super) fn print(method: &str, path: &str, body: &[u8]) -> String {
    let mut pairs: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    pairs.sort();
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("{method} {path}\n{body}")
}

/// The answer that was given before under this key.
pub(super) fn recall(
    connection: &Connection,
    key: &str,
    request: &str,
    now: i64,
) -> Result<Option<(StatusCode, Value)>, Refusal> {
    connection.execute("DELETE FROM stripe_keys WHERE at < ?1", [now - KEPT])?;
    let mut statement =
        connection.prepare_cached("SELECT request, status, json FROM stripe_keys WHERE key = ?1")?;
    let row = |row: &rusqlite::Row<'_>| {
        Ok((row.get::<_, String>(0)?, row.get::<_, u16>(1)?, row.get::<_, String>(2)?))
    };
    let Some((first, status, json)) = statement.query_row([key], row).optional()? else { return Ok(None) };
    if first != request {
        let message = "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a different key if you meant to execute a different request.";
        return Err(Refusal::idempotency(StatusCode::BAD_REQUEST, None, message));
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Ok(Some((status, serde_json::from_str(&json).unwrap_or_default())))
}

/// Keeps the answer to the first request of a key.
pub(super) fn keep(
    connection: &Connection,
    key: &str,
    request: &str,
    now: i64,
    status: StatusCode,
    json: &Value,
) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached("INSERT OR IGNORE INTO stripe_keys VALUES (?1, ?2, ?3, ?4, ?5)")?;
    statement.execute(params![key, request, now, status.as_u16(), json.to_string()])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_use_is_refused_until_its_request_has_ended() {
        let keys = Keys::default();
        let first = keys.hold("k").unwrap();
        let Err(refusal) = keys.hold("k") else { panic!("two requests hold one key") };
        assert_eq!(refusal.status, StatusCode::CONFLICT);
        assert_eq!(refusal.json()["error"]["type"], "idempotency_error");
        assert!(keys.hold("other").is_ok());
        drop(first);
        assert!(keys.hold("k").is_ok());
        assert!(keys.hold(&"x".repeat(256)).is_err());
    }

    #[test]
    fn the_order_of_parameters_does_not_make_another_request() {
        assert_eq!(print("POST", "/p", b"a=1&b=2"), print("POST", "/p", b"b=2&a=1"));
        assert_ne!(print("POST", "/p", b"a=1&b=2"), print("POST", "/p", b"a=1&b=3"));
        assert_ne!(print("POST", "/p", b"a=1"), print("POST", "/q", b"a=1"));
    }
}
