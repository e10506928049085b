//! Stripe's error shape: `{"error":{"type","code","message","param"}}` (its documentation of errors).
//!
//! The invariant: a refusal names parameters and ids, never a key or the text of a value.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

/// Why a request was refused.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(super) status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    message: String,
    param: Option<String>,
}

impl Refusal {
    pub(super) fn new(message: impl Into<String>) -> Self {
        let (status, kind) = (StatusCode::BAD_REQUEST, "invalid_request_error");
        Self { status, kind, code: None, message: message.into(), param: None }
    }

    pub(super) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(super) fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    pub(super) fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    pub(super) fn unknown(param: &str) -> Self {
        Self::new(format!("Received unknown parameter: {param}")).code("parameter_unknown").param(param)
    }

    pub(super) fn missing(param: &str) -> Self {
        Self::new(format!("Missing required param: {param}.")).code("parameter_missing").param(param)
    }

    pub(super) fn empty(param: &str) -> Self {
        let message = format!(
            "You passed an empty string for '{param}'. We assume empty values are an attempt to unset a parameter; however '{param}' cannot be unset."
        );
        Self::new(message).code("parameter_invalid_empty").param(param)
    }

    pub(super) fn not_one_of(param: &str, allowed: &[&str]) -> Self {
        let list = match allowed {
            [rest @ .., last] if !rest.is_empty() => format!("{}, or {last}", rest.join(", ")),
            all => all.concat(),
        };
        Self::new(format!("Invalid {param}: must be one of {list}")).param(param)
    }

    /// Something that is not there: 404 where the path names it, 400 where a parameter does.
    pub(super) fn no_such(what: &str, id: &str, param: &str, status: StatusCode) -> Self {
        let plain = id.len() <= 255 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let id = if plain { id } else { "…" };
        Self::new(format!("No such {what}: '{id}'")).code("resource_missing").param(param).status(status)
    }

    /// Something that Stripe does and the stand-in does not.
    pub(super) fn not_played(param: &str) -> Self {
        let message = format!("The parameter {param} is Stripe's, but the sandbox does not play it.");
        Self::new(message).param(param)
    }

    pub(super) fn idempotency(status: StatusCode, code: Option<&'static str>, message: &str) -> Self {
        Self { status, kind: "idempotency_error", code, message: message.to_owned(), param: None }
    }

    /// The error that this status usually carries.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let (kind, code, message) = match status {
            StatusCode::UNAUTHORIZED => ("invalid_request_error", None, "Invalid API Key provided."),
            StatusCode::TOO_MANY_REQUESTS => (
                "invalid_request_error",
                Some("rate_limit"),
                "Request rate limit exceeded. Learn more about rate limits here https://docs.stripe.com/rate-limits.",
            ),
            status if status.is_server_error() => {
                ("api_error", None, "Sorry! There was an error while talking to one of our systems.")
            }
            _ => ("invalid_request_error", None, "The request was refused."),
        };
        Self { status, kind, code, message: message.to_owned(), param: None }
    }

    /// The body.
    pub(super) fn json(&self) -> Value {
        let mut error = Map::new();
        if let Some(code) = self.code {
            error.insert("code".to_owned(), code.into());
            error.insert("doc_url".to_owned(), format!("https://stripe.com/docs/error-codes/{code}").into());
        }
        error.insert("message".to_owned(), self.message.as_str().into());
        if let Some(param) = &self.param {
            error.insert("param".to_owned(), param.as_str().into());
        }
        error.insert("type".to_owned(), self.kind.into());
        json!({ "error": error })
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(self.json())).into_response()
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        tracing::error!(%error, "cannot use the sandbox's file");
        Self::of_status(StatusCode::INTERNAL_SERVER_ERROR)
    }
}
