//! Answers in JSON, and how times stand in them.
//!
//! The invariant: what is answered about somebody is kept by nothing in between.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Serialize;

/// An answer to whoever asked, and to nobody else.
pub(crate) fn json<T: Serialize>(answer: T) -> Response {
    json_as(StatusCode::OK, answer)
}

/// The same with this status.
pub(crate) fn json_as<T: Serialize>(status: StatusCode, answer: T) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response()
}

/// A time of the contract in RFC 3339.
pub(crate) fn time(of: Option<prost_types::Timestamp>) -> Option<String> {
    of.and_then(proto::time::read).map(|time| time.to_string())
}
