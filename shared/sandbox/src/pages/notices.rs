//! What people were told, newest first: `/sandbox/notices`, and as JSON `/sandbox/notices.json`.
//!
//! The invariant: every text that came from outside goes through [`escape`] before it is HTML.

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{Html, IntoResponse as _, Response},
    routing::get,
};

use super::{escape, guard};
use crate::{Sandbox, Told};

const PAGE: &str = include_str!("notices.html");
/// Most that are shown.
const SHOWN: usize = 100;

/// Its routes.
pub(super) fn router() -> Router<Sandbox> {
    Router::new().route("/sandbox/notices", get(show)).route("/sandbox/notices.json", get(read))
}

async fn show(State(sandbox): State<Sandbox>) -> Response {
    match all(sandbox).await {
        Some(told) => {
            let rows: String = told.iter().rev().take(SHOWN).map(row).collect();
            let rows = if rows.is_empty() {
                "<tr class=\"none\"><td colspan=\"4\">Nobody was told anything yet</td></tr>".to_owned()
            } else {
                rows
            };
            Html(PAGE.replacen("{{count}}", &told.len().to_string(), 1).replacen("{{rows}}", &rows, 1))
                .into_response()
        }
        None => unreadable(),
    }
}

async fn read(State(sandbox): State<Sandbox>) -> Response {
    all(sandbox).await.map_or_else(unreadable, |told| Json(told).into_response())
}

/// The database waits for the disk, so it gets a thread where waiting is fine.
async fn all(sandbox: Sandbox) -> Option<Vec<Told>> {
    tokio::task::spawn_blocking(move || sandbox.told()).await.ok()?.ok()
}

fn unreadable() -> Response {
    guard::problem(StatusCode::INTERNAL_SERVER_ERROR, "the notices could not be read")
}

fn row(told: &Told) -> String {
    let (to, subject) = match &told.letter {
        Some(letter) => (letter.to.join(", "), letter.subject.clone()),
        None => ("the channel of the webhook".to_owned(), String::new()),
    };
    let text = if subject.is_empty() { told.text.clone() } else { format!("{subject}\n\n{}", told.text) };
    format!(
        "<tr><td>{}</td><td>{}</td><td>{}</td><td><pre>{}</pre></td></tr>",
        escape(&told.at.strftime("%Y-%m-%d %H:%M:%S").to_string()),
        escape(&told.way),
        escape(&to),
        escape(&text)
    )
}
