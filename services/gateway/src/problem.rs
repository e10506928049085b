//! Every failure as the public sees it: an RFC 9457 problem document with one line more for simple clients.
//!
//! The invariant: an internal fault tells nothing but the request id.

use std::time::Duration;

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{Fault, Kind, Reason, fault::Quota};
use serde::Serialize;
use utoipa::ToSchema;

use crate::reason;

/// Media type of [`Document`].
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// A failure and its HTTP status.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    fault: Box<Fault>,
}

/// What went wrong, as RFC 9457 writes it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Document {
    /// Where this sort of problem is described.
    #[serde(rename = "type")]
    #[schema(rename = "type", format = "uri-reference", example = "/docs#MALFORMED")]
    kind: String,
    /// The sort of problem, for people.
    #[schema(example = "Malformed")]
    title: String,
    /// The HTTP status again.
    #[schema(example = 400)]
    status: u16,
    /// What happened to this request.
    #[schema(example = "deviceId must be a string")]
    detail: String,
    /// The same in one line, for clients that read nothing else.
    #[schema(example = "deviceId must be a string")]
    error: String,
    /// The sort of problem, for programs.
    #[schema(example = "MALFORMED")]
    reason: &'static str,
    /// What finds this request in the log; also in the header `x-request-id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "req_01JB7Z9V3S2N8Q4T6W0XY5KCEM")]
    request_id: Option<String>,
    /// Path of the offending field in the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "deviceId")]
    field: Option<String>,
}

// === impl Problem ===

impl Problem {
    /// A body longer than the route takes.
    pub(crate) fn too_large(limit: usize) -> Self {
        let message = format!("the body is longer than {} KiB", limit / 1024);
        let fault = Fault::new(Kind::Invalid, Reason::TooLarge, message);
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, fault: fault.into() }
    }

    /// No such route.
    pub(crate) fn route_unknown() -> Self {
        Fault::new(
            Kind::NotFound,
            Reason::RouteUnknown,
            "there is nothing at this path; /docs lists what there is",
        )
        .into()
    }

    /// A route that does not take this method; the header `Allow` comes from the router.
    pub(crate) fn method_not_allowed() -> Self {
        let message = "this path does not take this method; the header Allow lists those that it takes";
        let fault = Fault::new(Kind::Invalid, Reason::MethodNotAllowed, message);
        Self { status: StatusCode::METHOD_NOT_ALLOWED, fault: fault.into() }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        // The reason of an internal fault is not the public's business either.
        let fault = if fault.kind == Kind::Internal { Fault::internal() } else { fault };
        Self { status: chassis::status::http_status(fault.kind), fault: fault.into() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let headers = headers(&self.fault);
        let document = Document::new(self.status, *self.fault);
        let body = serde_json::to_vec(&document).expect("strings and a number serialize");
        (self.status, headers, body).into_response()
    }
}

// === impl Document ===

impl Document {
    fn new(status: StatusCode, fault: Fault) -> Self {
        let detail = match fault.kind {
            Kind::Internal => {
                "something went wrong on our side; the request id finds it in our log".to_owned()
            }
            _ => fault.message.clone(),
        };
        Self {
            kind: format!("/docs#{}", fault.reason.as_str()),
            title: reason::title(fault.reason),
            status: status.as_u16(),
            detail,
            error: fault.message,
            reason: fault.reason.as_str(),
            request_id: chassis::request_id::current(),
            field: fault.field,
        }
    }
}

fn headers(fault: &Fault) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if fault.kind == Kind::Unauthenticated {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    // Whoever is told to come later is told when, even if nobody inward knew.
    let wait = fault.retry_after.or((fault.kind == Kind::RateLimited).then_some(Duration::ZERO));
    if let Some(wait) = wait {
        headers.insert(header::RETRY_AFTER, seconds(wait).max(1).into());
    }
    if let Some(Quota { limit, remaining, reset }) = fault.quota {
        headers.insert(HeaderName::from_static("ratelimit-limit"), limit.into());
        headers.insert(HeaderName::from_static("ratelimit-remaining"), remaining.into());
        headers.insert(HeaderName::from_static("ratelimit-reset"), seconds(reset).into());
    }
    headers
}

/// Whole seconds, rounded up: who waits them comes late enough.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
