//! Cross-origin rules: which pages a browser lets talk to us.
//!
//! The invariant: every answer varies by `Origin`, credentials are never allowed, and on `/api/`, `/mcp/` and `/chatkit` a
//! foreign origin is refused before anything else happens. This protects visitors' browsers; it is no login.

use axum::{
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use domain::{Fault, Kind, Reason};

use crate::{chatkit, door::Door, mcp, problem::Problem};

const METHODS: &str = "GET, POST";
const HEADERS: &str = "content-type, x-frontdesk-visitor, x-frontdesk-session, mcp-protocol-version, mcp-session-id, x-request-id, traceparent, \
    authorization";
const EXPOSED: &str =
    "x-request-id, mcp-session-id, retry-after, ratelimit-limit, ratelimit-remaining, ratelimit-reset";
const MAX_AGE: &str = "600";
/// Where a request comes from in relation to where it goes, as browsers see it (Fetch Metadata).
pub(crate) const FETCH_SITE: &str = "sec-fetch-site";
/// The page has the very origin that the request goes to.
pub(crate) const SAME_ORIGIN: &str = "same-origin";

/// Where a request comes from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Not from a page.
    NoPage,
    /// From a page that may talk to us.
    Allowed(HeaderValue),
    /// From any other page.
    Foreign,
}

/// The layer: answers preflights, refuses foreign pages, adds headers.
pub(crate) async fn guard(State(door): State<Door>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if path.starts_with("/webhooks/") {
        return vary(next.run(request).await);
    }
    let api = path.starts_with("/api/") || path.starts_with(mcp::PREFIX) || path == chatkit::PATH;
    let (parts, body) = request.into_parts();
    match judge(&door, &parts) {
        Verdict::Foreign if api => vary(refusal().into_response()),
        Verdict::Allowed(origin) if is_preflight(&parts) => vary(preflight(origin)),
        Verdict::Allowed(origin) => allow(next.run(Request::from_parts(parts, body)).await, origin),
        Verdict::Foreign | Verdict::NoPage => vary(next.run(Request::from_parts(parts, body)).await),
    }
}

/// Where a request comes from; our own pages are allowed.
pub(crate) fn judge(door: &Door, parts: &Parts) -> Verdict {
    let mut origins = parts.headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else { return Verdict::NoPage };
    let known = origin.to_str().is_ok_and(|text| door.origins.allow(text) || is_own(text, parts));
    if known && origins.next().is_none() { Verdict::Allowed(origin.clone()) } else { Verdict::Foreign }
}

/// A page of ours, by the address that it was asked from; behind a proxy that keeps that address to itself, by what the
/// browser says, which no page can make it say.
fn is_own(origin: &str, parts: &Parts) -> bool {
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = parts.uri.authority().map(axum::http::uri::Authority::as_str).or(host);
    let bare = crate::origin::parse(origin).and_then(|_| origin.split_once("://"));
    let same = parts.headers.get(FETCH_SITE).is_some_and(|site| site == SAME_ORIGIN);
    bare.is_some_and(|(_, bare)| same || authority == Some(bare))
}

fn is_preflight(parts: &Parts) -> bool {
    parts.method == Method::OPTIONS && parts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight(origin: HeaderValue) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let fixed = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
    ];
    let headers = response.headers_mut();
    headers.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    response
}

fn allow(mut response: Response, origin: HeaderValue) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    vary(response)
}

fn vary(mut response: Response) -> Response {
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Origin"));
    response
}

fn refusal() -> Problem {
    let message = "this origin is not allowed; the operator lists origins in ALLOWED_ORIGINS";
    Fault::new(Kind::Forbidden, Reason::OriginNotAllowed, message).into()
}
