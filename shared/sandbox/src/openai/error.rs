//! OpenAI's error shape: `{"error":{"message","type","param","code"}}`.
//!
//! The invariant: a refusal names parameters and ids, never a key or the text of a value.

use axum::{
    Json,
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// Why a request was refused.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
    kind: &'static str,
    param: Option<String>,
    code: Option<&'static str>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), kind: "invalid_request_error", param: None, code: None }
    }

    pub(super) fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    pub(super) fn about(param: &str, code: &'static str, message: String) -> Self {
        let mut refusal = Self::new(StatusCode::BAD_REQUEST, message).code(code);
        refusal.param = Some(param.to_owned());
        refusal
    }

    pub(super) fn unknown(param: &str) -> Self {
        Self::about(param, "unknown_parameter", format!("Unknown parameter: '{param}'."))
    }

    pub(super) fn missing(param: &str) -> Self {
        Self::about(param, "missing_required_parameter", format!("Missing required parameter: '{param}'."))
    }

    pub(super) fn wrong_type(param: &str, expected: &str, got: &str) -> Self {
        let message = format!("Invalid type for '{param}': expected {expected}, but got {got} instead.");
        Self::about(param, "invalid_type", message)
    }

    pub(super) fn invalid(param: &str, code: &'static str, why: String) -> Self {
        Self::about(param, code, format!("Invalid '{param}': {why}."))
    }

    /// A value outside its list. It is repeated only when it reads like a name, so that no text gets into an error.
    pub(super) fn unsupported(param: &str, got: &str, supported: &[&str]) -> Self {
        let name = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '.');
        let got = if got.len() <= 64 && got.chars().all(name) { format!(": '{got}'") } else { String::new() };
        let quoted: Vec<_> = supported.iter().map(|value| format!("'{value}'")).collect();
        let list = match &quoted[..] {
            [first, second] => format!("{first} and {second}"),
            [rest @ .., last] if !rest.is_empty() => format!("{}, and {last}", rest.join(", ")),
            all => all.concat(),
        };
        Self::about(param, "invalid_value", format!("Invalid value{got}. Supported values are: {list}."))
    }

    /// Something that OpenAI does and the stand-in does not.
    pub(super) fn not_played(param: &str) -> Self {
        let message = format!("Unsupported parameter: '{param}' is valid, but the sandbox does not play it.");
        Self::about(param, "unsupported_parameter", message)
    }

    /// An error about a parameter without a code.
    pub(super) fn plain(param: &str, message: String) -> Self {
        let mut refusal = Self::new(StatusCode::BAD_REQUEST, message);
        refusal.param = Some(param.to_owned());
        refusal
    }

    pub(super) fn no_key() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
        )
    }

    pub(super) fn wrong_key() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Incorrect API key provided.").code("invalid_api_key")
    }

    pub(super) fn wrong_method(method: &Method, path: &str) -> Self {
        let message = format!(
            "Not allowed to {method} on /v1/{path}. (HINT: Perhaps you meant to use a different HTTP method?)"
        );
        Self::new(StatusCode::METHOD_NOT_ALLOWED, message).code("method_not_supported")
    }

    /// The error that this status usually carries.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let (message, kind, code) = match status {
            StatusCode::UNAUTHORIZED => return Self::wrong_key(),
            StatusCode::TOO_MANY_REQUESTS => (
                "Rate limit reached for requests. Please try again later.",
                "requests",
                Some("rate_limit_exceeded"),
            ),
            status if status.is_server_error() => (
                "The server had an error while processing your request. Sorry about that!",
                "server_error",
                None,
            ),
            _ => ("The request was refused.", "invalid_request_error", None),
        };
        Self { status, message: message.to_owned(), kind, param: None, code }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error =
            json!({"message": self.message, "type": self.kind, "param": self.param, "code": self.code});
        (self.status, Json(json!({"error": error}))).into_response()
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        tracing::error!(%error, "cannot write the sandbox's file");
        Self::of_status(StatusCode::INTERNAL_SERVER_ERROR)
    }
}
