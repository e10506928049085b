//! OpenAI's Responses endpoints: a scripted concierge answers, or what a test prescribes.
//!
//! The invariant: a request that the published schema refuses is refused before anybody answers it.

mod answer;
mod items;
mod order;
mod settings;
mod stream;
mod strict;
mod tools;

use std::time::Duration;

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

pub(super) use self::tools::Offered;
use self::{
    answer::{Answer, End, Head},
    order::Order,
};
use super::{
    concierge,
    error::Refusal,
    script::{Script, Scripted},
};
use crate::{db::Db, edge::no_answer, faults::FaultKind};

/// Tokens that fit a model's context.
const CONTEXT: usize = 272_000;
const KEPT_SECONDS: i64 = 86_400;

/// Forgets responses that are old.
pub(super) fn prune(connection: &Connection, now: Timestamp) -> rusqlite::Result<usize> {
    connection.execute("DELETE FROM responses WHERE created_at < ?1", [now.as_second() - KEPT_SECONDS])
}

/// Answers `POST /responses`.
pub(super) fn create(
    db: &Db,
    script: &Script,
    pace: Duration,
    fault: Option<FaultKind>,
    body: &[u8],
) -> Result<Response, Refusal> {
    let order = order::parse(body)?;
    let items = conversation(db, &order)?;
    items::pair(&items)?;
    let now = Timestamp::now().as_second();
    let head = Head::new(&order, &items, now);
    if items.iter().map(|item| answer::tokens(&item.to_string())).sum::<usize>() > CONTEXT {
        let message =
            "Your input exceeds the context window of this model. Please adjust your input and try again.";
        return Err(Refusal::about("input", "context_length_exceeded", message.to_owned()));
    }
    let mut answer = compose(script, &order, &items)?;
    if let Some(most) = order.most_tokens {
        answer.limit(usize::try_from(most).unwrap_or(usize::MAX));
    }
    match fault {
        Some(FaultKind::Incomplete) => {
            answer.limit(answer.tokens() / 2);
            answer.end = End::Incomplete;
        }
        Some(FaultKind::FailedAfter(_)) if !order.stream => {
            answer = Answer::new(Vec::new(), stream::failure());
        }
        _ => {}
    }
    let response = head.ended(&answer.end, answer.output(), answer.tokens());
    if order.store {
        save(db, &head, now, &response, items)?;
    }
    if order.stream {
        return Ok(stream::respond(&head, &answer, order.obfuscation, pace, fault));
    }
    Ok(match fault {
        Some(FaultKind::CutAfter(_)) => no_answer(),
        Some(FaultKind::GarbledAfter(_)) => {
            let json = response.to_string();
            ([("content-type", "application/json")], json[..json.len() / 2].to_owned()).into_response()
        }
        _ => Json(response).into_response(),
    })
}

/// The input after what a previous response left.
fn conversation(db: &Db, order: &Order) -> Result<Vec<Value>, Refusal> {
    let Some(id) = &order.previous else { return Ok(order.items.clone()) };
    let row = "SELECT context FROM responses WHERE id = ?1";
    let context: Option<String> = db.lock().query_row(row, [id], |row| row.get(0)).optional()?;
    let Some(context) = context else {
        let message = format!("Previous response with id '{id}' not found.");
        return Err(Refusal::about("previous_response_id", "previous_response_not_found", message));
    };
    let mut items: Vec<Value> = serde_json::from_str(&context).unwrap_or_default();
    items.extend(order.items.iter().cloned());
    Ok(items)
}

fn compose(script: &Script, order: &Order, items: &[Value]) -> Result<Answer, Refusal> {
    match script.next() {
        None => {
            let outputs = concierge::answer(items, &order.tools, order.forced, order.parallel);
            Ok(Answer::new(outputs, End::Completed))
        }
        Some(Scripted::Answer(outputs)) => Ok(Answer::new(outputs, End::Completed)),
        Some(Scripted::Failed { outputs, code, message }) => {
            Ok(Answer::new(outputs, End::Failed { code, message }))
        }
        Some(Scripted::Refused(status)) => {
            Err(Refusal::of_status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)))
        }
    }
}

fn save(
    db: &Db,
    head: &Head,
    now: i64,
    response: &Value,
    mut items: Vec<Value>,
) -> Result<(), rusqlite::Error> {
    items.extend(response["output"].as_array().into_iter().flatten().cloned());
    db.lock()
        .prepare_cached("INSERT INTO responses (id, created_at, json, context) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![head.id(), now, response.to_string(), Value::Array(items).to_string()])?;
    Ok(())
}

/// Answers `GET /responses/{id}`.
pub(super) fn get(db: &Db, id: &str, query: &[(String, String)]) -> Result<Value, Refusal> {
    for (name, value) in query {
        match name.as_str() {
            "include" | "include[]" | "include_obfuscation" | "starting_after" => {}
            "stream" if value == "false" => {}
            "stream" => return Err(Refusal::not_played(name)),
            _ => return Err(Refusal::unknown(name)),
        }
    }
    let row = "SELECT json FROM responses WHERE id = ?1";
    let json: Option<String> = db.lock().query_row(row, [id], |row| row.get(0)).optional()?;
    json.and_then(|json| serde_json::from_str(&json).ok()).ok_or_else(|| unknown(id))
}

/// Answers `DELETE /responses/{id}`.
pub(super) fn delete(db: &Db, id: &str) -> Result<Value, Refusal> {
    match db.lock().execute("DELETE FROM responses WHERE id = ?1", [id])? {
        0 => Err(unknown(id)),
        _ => Ok(json!({"id": id, "object": "response", "deleted": true})),
    }
}

/// Answers `POST /responses/{id}/cancel`: none is made in the background, so none can be cancelled.
pub(super) fn cancel(db: &Db, id: &str) -> Result<Value, Refusal> {
    get(db, id, &[])?;
    Err(Refusal::new(StatusCode::BAD_REQUEST, "Cannot cancel a synchronous response."))
}

fn unknown(id: &str) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, format!("Response with id '{id}' not found."))
}
