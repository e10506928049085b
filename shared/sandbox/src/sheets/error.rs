//! Google's error shape: `{"error":{"code","message","status","details"}}`.
//!
//! The invariant: a refusal names fields, ids and tabs, never what a cell holds.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::wire::UNSUPPORTED;

/// Why a request was refused.
#[derive(Debug)]
pub(super) struct Refusal {
    code: StatusCode,
    message: String,
    details: Vec<Value>,
}

impl Refusal {
    pub(super) fn new(code: StatusCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Vec::new() }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn unsupported(what: &str) -> Self {
        Self::invalid(format!("{what} is {UNSUPPORTED}"))
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Requested entity was not found.")
    }

    pub(super) fn unauthenticated() -> Self {
        let message = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.";
        let reason = |reason: &str| {
            json!({"@type": ERROR_INFO, "reason": reason, "domain": "googleapis.com",
            "metadata": {"service": "sheets.googleapis.com"}})
        };
        Self {
            code: StatusCode::UNAUTHORIZED,
            message: message.to_owned(),
            details: vec![reason("ACCESS_TOKEN_TYPE_UNSUPPORTED")],
        }
    }

    /// 429 as Google answers it; `kind` is `Read` or `Write`.
    pub(super) fn over_quota(kind: &str, limit: usize) -> Self {
        let message = format!(
            "Quota exceeded for quota metric '{kind} requests' and limit '{kind} requests per minute per user' of service 'sheets.googleapis.com' for consumer 'project_number:0'."
        );
        let metadata = json!({
            "service": "sheets.googleapis.com",
            "consumer": "projects/0",
            "quota_location": "global",
            "quota_metric": format!("sheets.googleapis.com/{}_requests", kind.to_ascii_lowercase()),
            "quota_limit": format!("{kind}RequestsPerMinutePerUser"),
            "quota_limit_value": limit.to_string(),
            "quota_unit": "1/min/{project}/{user}",
        });
        let info = json!({"@type": ERROR_INFO, "reason": "RATE_LIMIT_EXCEEDED", "domain": "googleapis.com", "metadata": metadata});
        Self { code: StatusCode::TOO_MANY_REQUESTS, message, details: vec![info] }
    }

    /// Its text alone.
    pub(super) fn into_message(self) -> String {
        self.message
    }

    /// The error that this status usually carries.
    pub(super) fn of_status(code: StatusCode) -> Self {
        match code {
            StatusCode::UNAUTHORIZED => Self::unauthenticated(),
            StatusCode::TOO_MANY_REQUESTS => Self::over_quota("Write", 60),
            StatusCode::SERVICE_UNAVAILABLE => Self::new(code, "The service is currently unavailable."),
            StatusCode::FORBIDDEN => Self::new(code, "The caller does not have permission"),
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self::new(code, "Request payload size exceeds the limit: 10485760 bytes.")
            }
            StatusCode::NOT_FOUND => Self::not_found(),
            _ if code.is_server_error() => Self::new(code, "Internal error encountered."),
            _ => Self::new(code, "Request contains an invalid argument."),
        }
    }
}

const ERROR_INFO: &str = "type.googleapis.com/google.rpc.ErrorInfo";

fn status_name(code: StatusCode) -> &'static str {
    match code.as_u16() {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut error =
            json!({"code": self.code.as_u16(), "message": self.message, "status": status_name(self.code)});
        if !self.details.is_empty() {
            error["details"] = self.details.into();
        }
        (self.code, Json(json!({"error": error}))).into_response()
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        tracing::error!(%error, "cannot write the sandbox's file");
        Self::of_status(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// Reads a body as strictly as Google does.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let body = if body.is_empty() { b"{}" } else { body };
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| explain(&error))?;
    json.end().map_err(|_| Refusal::invalid("Invalid JSON payload received. Unexpected token."))?;
    Ok(value)
}

fn explain(error: &serde_path_to_error::Error<serde_json::Error>) -> Refusal {
    let (path, inner) = (snake(&error.path().to_string()), error.inner());
    if !inner.is_data() {
        return Refusal::invalid("Invalid JSON payload received. Unexpected token.");
    }
    let why = inner.to_string();
    if why.starts_with(UNSUPPORTED) {
        return Refusal::unsupported(&format!("'{path}'"));
    }
    if let Some(name) = why.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next()) {
        let at = match parent(&path, &snake(name)) {
            "" => String::new(),
            parent => format!(" at '{parent}'"),
        };
        return Refusal::invalid(format!(
            "Invalid JSON payload received. Unknown name \"{name}\"{at}: Cannot find field."
        ));
    }
    // Only what was expected is told: the rest of serde's text repeats the value.
    let expected = why.rsplit_once("expected ").map_or("another value", |(_, expected)| expected);
    let expected = expected.split(" at line ").next().unwrap_or(expected);
    Refusal::invalid(format!("Invalid value at '{path}', expected {expected}"))
}

/// The path without its last step when that is the unknown name itself.
fn parent<'a>(path: &'a str, name: &str) -> &'a str {
    let path = path.strip_suffix(name).map_or(path, |path| path.trim_end_matches('.'));
    if path == "." { "" } else { path }
}

fn snake(path: &str) -> String {
    let mut snake = String::with_capacity(path.len() + 8);
    for letter in path.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}
