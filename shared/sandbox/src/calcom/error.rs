//! Cal.com's error shapes.
//!
//! `{"status":"error","timestamp","path","error":{"code","message","details"}}` where an exception of the framework is
//! thrown (`http-exception.filter.ts` of cal.com's API v2); `{"statusCode","message"}` where anything else is. The
//! invariant: `details.errors` repeats the input as class-validator does there, so that a client that logs what it is
//! told is found out.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::time::millis;

/// Why a request was refused.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: Option<&'static str>,
    pub(super) message: String,
    details: Value,
}

impl Refusal {
    fn exception(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        let details = json!({
            "message": message,
            "error": status.canonical_reason().unwrap_or_default(),
            "statusCode": status.as_u16(),
        });
        Self { status, code: Some(code), message, details }
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::exception(StatusCode::BAD_REQUEST, "BadRequestException", message)
    }

    /// Properties that class-validator refuses.
    pub(super) fn invalid(errors: Vec<Value>) -> Self {
        let refusal = Self::bad("Bad Request Exception");
        Self { details: json!({"errors": errors}), ..refusal }
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::exception(StatusCode::NOT_FOUND, "NotFoundException", message)
    }

    pub(super) fn unprocessable(message: impl Into<String>) -> Self {
        Self::exception(StatusCode::UNPROCESSABLE_ENTITY, "UnprocessableEntityException", message)
    }

    pub(super) fn unauthorized(message: &str) -> Self {
        Self::exception(StatusCode::UNAUTHORIZED, "UnauthorizedException", message)
    }

    pub(super) fn throttled() -> Self {
        let message = "CustomThrottlerGuard - Too many requests. Please try again later.";
        let refusal = Self::exception(StatusCode::TOO_MANY_REQUESTS, "ThrottlerException", message);
        Self { details: message.into(), ..refusal }
    }

    /// An error of the web application beneath, as its own filter writes it.
    pub(super) fn beneath(message: impl Into<String>) -> Self {
        let refusal = Self::exception(StatusCode::BAD_REQUEST, "TRPCError", message);
        Self { details: Value::Null, ..refusal }
    }

    /// An error that no filter knows: the framework's own body, without the envelope.
    pub(super) fn bare(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, code: None, message: message.into(), details: Value::Null }
    }

    /// The error that this status usually carries.
    pub(super) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::TOO_MANY_REQUESTS => Self::throttled(),
            StatusCode::UNAUTHORIZED => Self::unauthorized("ApiAuthStrategy - Invalid API Key"),
            StatusCode::NOT_FOUND => Self::not_found("Not Found"),
            status => Self::bare(status, status.canonical_reason().unwrap_or("Unknown")),
        }
    }

    /// The answer to the request of this path and query.
    pub(super) fn answer(self, path: &str, now: Timestamp) -> Response {
        let Some(code) = self.code else {
            let body = json!({"statusCode": self.status.as_u16(), "message": self.message});
            return (self.status, Json(body)).into_response();
        };
        let mut error = json!({"code": code, "message": self.message});
        if !self.details.is_null() {
            error["details"] = self.details;
        }
        let body = json!({"status": "error", "timestamp": millis(now), "path": path, "error": error});
        (self.status, Json(body)).into_response()
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        tracing::error!(%error, "cannot write the sandbox's file");
        Self::bare(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error")
    }
}
