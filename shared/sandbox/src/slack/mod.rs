//! Slack's incoming webhook: takes a message, or says in one word why not.
//!
//! After docs.slack.dev, "Sending messages using incoming webhooks" and "Rate limits": JSON by POST, a text is required, one
//! message a second with short bursts. The invariant: what is answered `ok` was taken.

mod pace;

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;
use serde_json::Value;

use crate::{Sandbox, told::Told};
pub(crate) use pace::Pace;

/// Where the webhook is, behind `/slack`.
pub const SLACK_WEBHOOK: &str = "/services/T0SANDBOX/B0SANDBOX/sandboxWebhookToken";
/// Longest text that Slack takes ("Truncating content").
const LONGEST: usize = 40_000;
/// What a message may have.
const FIELDS: [&str; 13] = [
    "attachments",
    "blocks",
    "channel",
    "icon_emoji",
    "icon_url",
    "link_names",
    "mrkdwn",
    "replace_original",
    "response_type",
    "text",
    "thread_ts",
    "unfurl_links",
    "unfurl_media",
];

/// Answers every path under `/slack/services/`.
pub(crate) async fn answer(
    State(sandbox): State<Sandbox>,
    Path(path): Path<String>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let known = SLACK_WEBHOOK.trim_start_matches("/services/");
    let parts = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
    let refuse = |status: StatusCode, word: &'static str| (status, word).into_response();
    match (parts(&path), parts(known)) {
        (path, known) if path == known => {}
        (path, known) if path.len() == 3 && path[..2] == known[..2] => {
            return refuse(StatusCode::FORBIDDEN, "invalid_token");
        }
        (path, known) if path.first() == known.first() => return refuse(StatusCode::NOT_FOUND, "no_service"),
        _ => return refuse(StatusCode::NOT_FOUND, "no_team"),
    }
    if method != Method::POST {
        return refuse(StatusCode::BAD_REQUEST, "invalid_payload");
    }
    if let Err(wait) = sandbox.0.slack.take() {
        let mut response = refuse(StatusCode::TOO_MANY_REQUESTS, "rate_limited");
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
        return response;
    }
    let text = match read(&headers, &body) {
        Ok(text) => text,
        Err(word) => return refuse(StatusCode::BAD_REQUEST, word),
    };
    let told = Told { way: "slack".to_owned(), at: Timestamp::now(), text, letter: None };
    match tokio::task::spawn_blocking(move || sandbox.0.notices.add(&told)).await {
        Ok(Ok(())) => refuse(StatusCode::OK, "ok"),
        _ => refusal(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// The text of a message, or the word for what is wrong.
fn read(headers: &HeaderMap, body: &[u8]) -> Result<String, &'static str> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().is_none_or(|kind| !kind.trim().eq_ignore_ascii_case("application/json")) {
        return Err("invalid_payload");
    }
    let Ok(Value::Object(message)) = serde_json::from_slice(body) else { return Err("invalid_payload") };
    if message.keys().any(|name| !FIELDS.contains(&name.as_str())) {
        return Err("invalid_payload");
    }
    match message.get("text") {
        Some(Value::String(text)) if !text.trim().is_empty() => {
            if text.chars().count() > LONGEST {
                Err("msg_too_long")
            } else {
                Ok(text.clone())
            }
        }
        None | Some(Value::String(_)) => Err("no_text"),
        Some(_) => Err("invalid_payload"),
    }
}

/// An answer of this status in Slack's shape, as a fault gives it.
pub(crate) fn refusal(status: StatusCode) -> Response {
    let word = match status {
        StatusCode::TOO_MANY_REQUESTS => "rate_limited",
        StatusCode::FORBIDDEN => "action_prohibited",
        StatusCode::NOT_FOUND => "no_service",
        StatusCode::GONE => "channel_is_archived",
        status if status.is_server_error() => "rollup_error",
        _ => "invalid_payload",
    };
    (status, word).into_response()
}
