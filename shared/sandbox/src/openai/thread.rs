//! Threads of hosted chats as the database keeps them: the `ThreadResource`, without anything said in it.
//!
//! Nobody talks to the stand-in's hosted chats, so a test or a page says that somebody did. The invariant: a thread
//! that was answered as deleted is gone from the file.

use axum::http::StatusCode;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use super::error::Refusal;
use crate::random::token;

const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS threads (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
    user TEXT NOT NULL, json TEXT NOT NULL)";
/// How many a page has that names no limit.
const PAGE: u32 = 20;
const PAGE_MAX: u32 = 100;
const USER_MAX: usize = 512;

/// Makes room for them.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<usize> {
    connection.execute(TABLE, [])
}

/// Somebody talked in a hosted chat; the thread's id.
pub(super) fn create(connection: &Connection, user: &str, now: Timestamp) -> rusqlite::Result<String> {
    let id = token("cthr_");
    let thread = json!({
        "id": id,
        "object": "chatkit.thread",
        "created_at": now.as_second(),
        "title": null,
        "status": {"type": "active"},
        "user": user,
    });
    connection
        .prepare_cached("INSERT INTO threads (id, user, json) VALUES (?1, ?2, ?3)")?
        .execute(params![id, user, thread.to_string()])?;
    Ok(id)
}

/// One thread.
pub(super) fn get(connection: &Connection, id: &str) -> Result<Value, Refusal> {
    let json: Option<String> =
        connection.query_row("SELECT json FROM threads WHERE id = ?1", [id], |row| row.get(0)).optional()?;
    json.and_then(|json| serde_json::from_str(&json).ok()).ok_or_else(|| unknown(id))
}

/// Removes a thread and what was said in it.
pub(super) fn delete(connection: &Connection, id: &str) -> Result<Value, Refusal> {
    match connection.execute("DELETE FROM threads WHERE id = ?1", [id])? {
        0 => Err(unknown(id)),
        _ => Ok(json!({"id": id, "object": "chatkit.thread.deleted", "deleted": true})),
    }
}

/// What was said in a thread: nothing.
pub(super) fn items(connection: &Connection, id: &str, query: &[(String, String)]) -> Result<Value, Refusal> {
    Paging::read(query, false)?;
    get(connection, id)?;
    Ok(list(Vec::new(), false))
}

/// A page of threads.
pub(super) fn page(connection: &Connection, query: &[(String, String)]) -> Result<Value, Refusal> {
    let Paging { limit, ascending, after, before, user } = Paging::read(query, true)?;
    let place = |id: Option<&str>| match id {
        Some(id) => place(connection, id).map(Some),
        None => Ok(None),
    };
    // "after" is further along the list, whichever way it is sorted
    let (mut low, mut high) = (place(after)?, place(before)?);
    if !ascending {
        std::mem::swap(&mut low, &mut high);
    }
    let order = if ascending { "ASC" } else { "DESC" };
    let sql = format!(
        "SELECT json FROM threads WHERE (?1 IS NULL OR user = ?1) AND seq > ?2 AND seq < ?3 ORDER BY seq {order} LIMIT ?4"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let bounds = params![user, low.unwrap_or(0), high.unwrap_or(i64::MAX), i64::from(limit) + 1];
    let found = statement.query_map(bounds, |row| row.get::<_, String>(0))?;
    let mut threads = Vec::new();
    for json in found {
        threads.extend(serde_json::from_str::<Value>(&json?).ok());
    }
    let has_more = threads.len() > limit as usize;
    threads.truncate(limit as usize);
    Ok(list(threads, has_more))
}

fn list(data: Vec<Value>, has_more: bool) -> Value {
    let id = |one: Option<&Value>| one.map_or(Value::Null, |one| one["id"].clone());
    let (first_id, last_id) = (id(data.first()), id(data.last()));
    json!({"object": "list", "data": data, "first_id": first_id, "last_id": last_id, "has_more": has_more})
}

fn place(connection: &Connection, id: &str) -> Result<i64, Refusal> {
    let place =
        connection.query_row("SELECT seq FROM threads WHERE id = ?1", [id], |row| row.get(0)).optional()?;
    place.ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, format!("Thread with id '{id}' not found."))
}

/// The parameters of a list.
struct Paging<'a> {
    limit: u32,
    ascending: bool,
    after: Option<&'a str>,
    before: Option<&'a str>,
    user: Option<&'a str>,
}

impl<'a> Paging<'a> {
    fn read(query: &'a [(String, String)], with_user: bool) -> Result<Self, Refusal> {
        let mut paging = Self { limit: PAGE, ascending: false, after: None, before: None, user: None };
        for (name, value) in query {
            let out = || Refusal::invalid(name, "invalid_value", "out of its range".to_owned());
            match name.as_str() {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| *limit <= PAGE_MAX);
                    paging.limit = limit.ok_or_else(out)?;
                }
                "order" if matches!(value.as_str(), "asc" | "desc") => paging.ascending = value == "asc",
                "user" if with_user && (1..=USER_MAX).contains(&value.chars().count()) => {
                    paging.user = Some(value);
                }
                "after" => paging.after = Some(value),
                "before" => paging.before = Some(value),
                "order" => return Err(out()),
                "user" if with_user => return Err(out()),
                _ => return Err(Refusal::unknown(name)),
            }
        }
        Ok(paging)
    }
}
