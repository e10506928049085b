//! The pages people look at: the spreadsheet and the providers as tables, what was asked, the knobs for faults.
//!
//! The invariant: they answer loopback only, and everything that came from outside is escaped.

mod guard;
mod notices;
mod providers;
mod table;

use axum::{
    Json, Router,
    extract::{State, rejection::JsonRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware,
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) use self::{
    guard::{is_local, problem},
    table::escape,
};
use crate::{Mishap, Sandbox, faults::Knobs, whop};

const INDEX: &str = include_str!("pages/index.html");
const SHEET: &str = include_str!("pages/sheet.html");
const STYLE: &str = include_str!("pages/style.css");
const SCRIPT: &str = include_str!("pages/sheet.js");

/// The routes under `/sandbox`.
pub(crate) fn router(sandbox: Sandbox) -> Router {
    Router::new()
        .route("/sandbox", get(|| async { Html(INDEX) }))
        .route("/sandbox/", get(|| async { Redirect::permanent("/sandbox") }))
        .route("/sandbox/sheet", get(show_sheet))
        .route("/sandbox/sheet.json", get(read_sheet))
        .route("/sandbox/sheet.js", get(|| async { typed("text/javascript; charset=utf-8", SCRIPT) }))
        .route("/sandbox/style.css", get(|| async { typed("text/css; charset=utf-8", STYLE) }))
        .route("/sandbox/log", get(read_log))
        .route("/sandbox/faults", get(read_faults).put(replace_faults).delete(clear_faults))
        .route("/sandbox/person", post(act))
        .route("/sandbox/threads", post(talk))
        .merge(providers::router())
        .merge(notices::router())
        .merge(whop::app::router())
        .layer(middleware::from_fn(guard::pass))
        .with_state(sandbox)
}

fn typed(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

async fn show_sheet(State(sandbox): State<Sandbox>) -> Html<String> {
    let (book, version) = sandbox.0.sheets.versioned();
    let tabs = table::tabs(&book);
    let page =
        SHEET.replace("{{version}}", &table::escape(&version)).replace("{{summary}}", &table::summary(&tabs));
    // Last, so that nothing in a cell is taken for a place to fill.
    Html(page.replacen("{{tabs}}", &table::html(&tabs), 1))
}

async fn read_sheet(State(sandbox): State<Sandbox>, headers: HeaderMap) -> Response {
    let (book, version) = sandbox.0.sheets.versioned();
    let tag = format!("\"{version}\"");
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    let etag = HeaderValue::try_from(&tag).expect("a version is plain ASCII");
    if known.is_some_and(|known| known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag)) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response();
    }
    let tabs = table::tabs(&book);
    (
        [(header::ETAG, etag)],
        Json(json!({"version": version, "summary": table::summary(&tabs), "tabs": tabs})),
    )
        .into_response()
}

async fn read_log(State(sandbox): State<Sandbox>) -> Response {
    Json(sandbox.requests()).into_response()
}

async fn read_faults(State(sandbox): State<Sandbox>) -> Json<Knobs> {
    Json(sandbox.0.faults.knobs())
}

async fn replace_faults(
    State(sandbox): State<Sandbox>,
    knobs: Result<Json<Knobs>, JsonRejection>,
) -> Response {
    match knobs {
        Ok(Json(knobs)) => {
            sandbox.0.faults.set_knobs(knobs);
            Json(sandbox.0.faults.knobs()).into_response()
        }
        Err(rejection) => guard::problem(StatusCode::BAD_REQUEST, &rejection.body_text()),
    }
}

async fn clear_faults(State(sandbox): State<Sandbox>) -> StatusCode {
    sandbox.clear_faults();
    StatusCode::NO_CONTENT
}

/// What the page's buttons do: the edits of a person.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum Action {
    Sort { tab: String, column: usize, descending: bool },
    DeleteRow { tab: String, row: usize },
    SetCell { tab: String, row: usize, column: usize, value: Value },
    RenameTab { tab: String, title: String },
}

async fn act(State(sandbox): State<Sandbox>, action: Result<Json<Action>, JsonRejection>) -> Response {
    let action = match action {
        Ok(Json(action)) => action,
        Err(rejection) => return guard::problem(StatusCode::BAD_REQUEST, &rejection.body_text()),
    };
    // The database waits for the disk, so it gets a thread where waiting is fine.
    let done = tokio::task::spawn_blocking(move || {
        let person = sandbox.person();
        match action {
            Action::Sort { tab, column, descending } => person.sort(&tab, column, descending),
            Action::DeleteRow { tab, row } => person.delete_row(&tab, row),
            Action::SetCell { tab, row, column, value } => person.set_cell(&tab, row, column, &value),
            Action::RenameTab { tab, title } => person.rename_tab(&tab, &title),
        }
    });
    match done.await {
        Ok(Ok(())) => StatusCode::NO_CONTENT.into_response(),
        Ok(Err(Mishap::NoTab)) => guard::problem(StatusCode::NOT_FOUND, "no such tab"),
        Ok(Err(Mishap::Refused(why))) => guard::problem(StatusCode::BAD_REQUEST, &why),
        Err(_) => guard::problem(StatusCode::INTERNAL_SERVER_ERROR, "the edit failed"),
    }
}

/// Somebody who talks in a hosted chat.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Talk {
    user: String,
}

async fn talk(State(sandbox): State<Sandbox>, talk: Result<Json<Talk>, JsonRejection>) -> Response {
    let Json(Talk { user }) = match talk {
        Ok(talk) => talk,
        Err(rejection) => return guard::problem(StatusCode::BAD_REQUEST, &rejection.body_text()),
    };
    match tokio::task::spawn_blocking(move || sandbox.talk_hosted(&user)).await {
        Ok(Ok(id)) => Json(json!({ "id": id })).into_response(),
        _ => guard::problem(StatusCode::INTERNAL_SERVER_ERROR, "the thread was not made"),
    }
}
