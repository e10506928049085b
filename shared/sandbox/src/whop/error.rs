//! Whop's error shape: `{"error":{"type","message"}}` (`types/v1error_response_error.py` of its Python SDK 2.6.0).
//!
//! Which words `type` may be is not published; here they are those of the SDK's classes of errors. The invariant: a
//! refusal names parameters and ids, never a key or the text of a value.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// Why a request was refused.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    message: String,
}

/// What comes of a request.
pub(super) type Taken<T> = Result<T, Refusal>;

// === impl Refusal ===

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// Something that cannot be done to the object as it is.
    pub(super) fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    /// An object that is not there, or not the caller's.
    pub(super) fn no_such(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("{what} not found"))
    }

    /// Something that Whop does and the stand-in does not.
    pub(super) fn not_played(what: &str) -> Self {
        Self::bad(format!("{what} is Whop's, but the sandbox does not play it"))
    }

    /// The error that this status usually carries.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let message = match status {
            StatusCode::UNAUTHORIZED => "The API key is missing or invalid",
            StatusCode::TOO_MANY_REQUESTS => "Too many requests",
            _ => status.canonical_reason().unwrap_or("Something went wrong"),
        };
        Self::new(status, message)
    }

    pub(super) fn json(&self) -> Value {
        let kind = match self.status.as_u16() {
            400 => "bad_request",
            401 => "unauthorized",
            402 => "payment_required",
            403 => "forbidden",
            404 => "not_found",
            409 => "conflict",
            422 => "unprocessable_entity",
            429 => "too_many_requests",
            503 => "service_unavailable",
            _ => "internal_server_error",
        };
        json!({"error": {"type": kind, "message": self.message}})
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

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
