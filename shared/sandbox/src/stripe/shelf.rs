//! Stripe's objects in SQLite, each with what Stripe knows of it and does not show.
//!
//! The invariant: what one request changes, its events included, is one transaction; an event is sent after it.

use std::{cell::RefCell, sync::LazyLock};

use axum::http::StatusCode;
use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde_json::{Map, Value, json};

use super::error::Refusal;
use crate::random;

pub(super) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS stripe (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL, due INTEGER, json TEXT NOT NULL, inner TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS stripe_kind ON stripe (kind, seq);
    CREATE INDEX IF NOT EXISTS stripe_due ON stripe (due) WHERE due IS NOT NULL;
    CREATE TABLE IF NOT EXISTS stripe_keys (key TEXT PRIMARY KEY, request TEXT NOT NULL, at INTEGER NOT NULL,
        status INTEGER NOT NULL, json TEXT NOT NULL) WITHOUT ROWID;
";

/// The canonical object of each resource, all fields there; from Stripe's own fixtures.
static SHAPES: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("objects/shapes.json")).expect("the shapes are part of the program")
});

/// Who asked, as events tell it.
#[derive(Clone, Debug, Default)]
pub(super) struct Cause {
    pub(super) request: Option<String>,
    pub(super) key: Option<String>,
}

/// One transaction.
pub(super) struct Desk<'a> {
    tx: &'a Transaction<'a>,
    pub(super) now: i64,
    pub(super) cause: Cause,
    /// The events of this transaction, oldest first.
    pub(super) events: RefCell<Vec<Value>>,
}

type Done<T> = Result<T, Refusal>;

/// An id as Stripe's look: a prefix and letters and digits.
pub(super) fn new_id(prefix: &str) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let letters = random::bytes::<24>().map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
    format!("{prefix}_{}", letters.iter().collect::<String>())
}

/// A new object of this kind with these fields; those it is not given are as in Stripe's fixtures.
pub(super) fn shape(kind: &str, id: String, fields: Value) -> Value {
    let mut object = SHAPES.get(kind).cloned().expect("only known kinds are made");
    object["id"] = id.into();
    set(&mut object, fields);
    object
}

/// The balance, which nothing is paid out of.
pub(super) fn balance() -> Value {
    SHAPES.get("balance").cloned().expect("only known kinds are made")
}

/// Sets fields of an object.
pub(super) fn set(object: &mut Value, fields: Value) {
    let Value::Object(fields) = fields else { return };
    for (name, value) in fields {
        object[name] = value;
    }
}

/// A field that is a text; empty if it is none.
pub(super) fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap_or_default()
}

impl<'a> Desk<'a> {
    pub(super) fn new(tx: &'a Transaction<'a>, now: Timestamp, cause: Cause) -> Self {
        Self { tx, now: now.as_second(), cause, events: RefCell::default() }
    }

    /// The connection of the transaction.
    pub(super) fn connection(&self) -> &rusqlite::Connection {
        self.tx
    }

    /// The object with this id and what is not shown of it.
    pub(super) fn find(&self, id: &str) -> Done<Option<(Value, Value)>> {
        let mut statement = self.tx.prepare_cached("SELECT json, inner FROM stripe WHERE id = ?1")?;
        Ok(statement.query_row([id], |row| Ok((read(row, 0)?, read(row, 1)?))).optional()?)
    }

    /// The object of this kind that a path names.
    pub(super) fn get(&self, kind: &str, id: &str) -> Done<Value> {
        self.named(kind, id, "id", StatusCode::NOT_FOUND).map(|(object, _)| object)
    }

    /// The object of this kind that a parameter names.
    pub(super) fn named(
        &self,
        kind: &str,
        id: &str,
        param: &str,
        status: StatusCode,
    ) -> Done<(Value, Value)> {
        let found = self.find(id)?.filter(|(object, _)| object["object"] == kind);
        found.ok_or_else(|| Refusal::no_such(kind, id, param, status))
    }

    /// Keeps a new object.
    pub(super) fn add(&self, object: &Value, inner: &Value) -> Done<()> {
        let mut statement = self
            .tx
            .prepare_cached("INSERT INTO stripe (id, kind, due, json, inner) VALUES (?1, ?2, ?3, ?4, ?5)")?;
        let (id, kind) = (text(object, "id"), text(object, "object"));
        statement.execute(params![id, kind, due(object), object.to_string(), inner.to_string()])?;
        Ok(())
    }

    /// Keeps what has become of an object.
    pub(super) fn put(&self, object: &Value) -> Done<()> {
        let mut statement = self.tx.prepare_cached("UPDATE stripe SET json = ?2, due = ?3 WHERE id = ?1")?;
        statement.execute(params![text(object, "id"), object.to_string(), due(object)])?;
        Ok(())
    }

    /// All objects of a kind, newest first.
    pub(super) fn all(&self, kind: &str) -> Done<Vec<Value>> {
        let mut statement =
            self.tx.prepare_cached("SELECT json FROM stripe WHERE kind = ?1 ORDER BY seq DESC")?;
        Ok(statement.query_map([kind], |row| read(row, 0))?.collect::<Result<_, _>>()?)
    }

    /// The open sessions whose time is over.
    pub(super) fn due(&self) -> Done<Vec<Value>> {
        let mut statement = self.tx.prepare_cached("SELECT json FROM stripe WHERE due <= ?1 ORDER BY due")?;
        Ok(statement.query_map([self.now], |row| read(row, 0))?.collect::<Result<_, _>>()?)
    }

    /// Makes an event about an object as it is now.
    pub(super) fn event(&self, kind: &str, object: &Value) -> Done<()> {
        self.event_after(kind, object, None)
    }

    /// Makes an event that also says what fields were before.
    pub(super) fn event_after(&self, kind: &str, object: &Value, before: Option<Value>) -> Done<()> {
        let mut data = json!({ "object": object });
        if let Some(before) = before {
            data["previous_attributes"] = before;
        }
        let event = shape(
            "event",
            new_id("evt"),
            json!({
                "api_version": super::API_VERSION, "created": self.now, "data": data, "type": kind,
                "request": {"id": self.cause.request, "idempotency_key": self.cause.key},
            }),
        );
        self.add(&event, &Value::Null)?;
        self.events.borrow_mut().push(event);
        Ok(())
    }
}

fn due(object: &Value) -> Option<i64> {
    let open = object["object"] == "checkout.session" && object["status"] == "open";
    open.then(|| object["expires_at"].as_i64()).flatten()
}

fn read(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Value> {
    let json: String = row.get(column)?;
    serde_json::from_str(&json).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into())
    })
}
