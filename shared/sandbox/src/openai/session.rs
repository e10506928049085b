//! Sessions as the database keeps them: the `ChatSessionResource`, all of its required fields and no other.
//!
//! The invariant: a session that was answered is in the file.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use super::body::Order;
use crate::random::token;

const KEPT_SECONDS: i64 = 86_400;

/// Forgets sessions that expired long ago.
pub(super) fn prune(connection: &Connection, now: Timestamp) -> rusqlite::Result<usize> {
    connection.execute("DELETE FROM sessions WHERE expires_at < ?1", [now.as_second() - KEPT_SECONDS])
}

/// Makes and keeps a session.
pub(super) fn create(connection: &Connection, order: Order, now: Timestamp) -> rusqlite::Result<Value> {
    let (id, expires_at) = (token("cksess_"), now.as_second() + order.seconds);
    let session = json!({
        "id": id,
        "object": "chatkit.session",
        "expires_at": expires_at,
        "client_secret": token("ek_"),
        "workflow": {
            "id": order.workflow,
            "version": order.version,
            "state_variables": order.state_variables,
            "tracing": {"enabled": order.tracing},
        },
        "user": order.user,
        "rate_limits": {"max_requests_per_1_minute": order.max_requests_per_1_minute},
        "max_requests_per_1_minute": order.max_requests_per_1_minute,
        "status": "active",
        "chatkit_configuration": order.chatkit_configuration,
    });
    connection
        .prepare_cached("INSERT INTO sessions (id, expires_at, json) VALUES (?1, ?2, ?3)")?
        .execute(params![id, expires_at, session.to_string()])?;
    Ok(session)
}

/// Cancels a session, if there is one of this id.
pub(super) fn cancel(connection: &Connection, id: &str) -> rusqlite::Result<Option<Value>> {
    let json: Option<String> =
        connection.query_row("SELECT json FROM sessions WHERE id = ?1", [id], |row| row.get(0)).optional()?;
    let Some(mut session) = json.and_then(|json| serde_json::from_str::<Value>(&json).ok()) else {
        return Ok(None);
    };
    session["status"] = "cancelled".into();
    connection.execute("UPDATE sessions SET json = ?2 WHERE id = ?1", params![id, session.to_string()])?;
    Ok(Some(session))
}
