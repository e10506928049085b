//! Who may see the pages: this machine, under its own name, and no other website through its browser.
//!
//! The invariant: a request that cannot prove it is local is answered 403.

use std::net::{IpAddr, SocketAddr};

use axum::{
    Json,
    extract::{ConnectInfo, Request},
    http::{HeaderValue, StatusCode, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::json;

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The middleware around all pages.
pub(super) async fn pass(request: Request, next: Next) -> Response {
    let mut response = match is_local(&request) {
        Ok(()) => next.run(request).await,
        Err(why) => problem(StatusCode::FORBIDDEN, why),
    };
    let headers = response.headers_mut();
    // A page with a frame says itself what may be in it.
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    response
}

/// An error as `application/problem+json`.
pub(crate) fn problem(status: StatusCode, why: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("error");
    let problem = json!({"type": "about:blank", "title": title, "status": status.as_u16(), "detail": why, "error": why});
    let kind = HeaderValue::from_static("application/problem+json");
    (status, [(header::CONTENT_TYPE, kind)], Json(problem)).into_response()
}

/// Whether a request comes from this machine, under its own name; else why it is not answered.
pub(crate) fn is_local(request: &Request) -> Result<(), &'static str> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    if !peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback()) {
        return Err("the sandbox answers this machine only");
    }
    let headers = request.headers();
    if headers.contains_key("x-forwarded-for") || headers.contains_key(header::FORWARDED) {
        return Err("the sandbox answers no proxy");
    }
    let sent = headers.get(header::HOST).map(|host| host.to_str().unwrap_or_default());
    let names = [sent, request.uri().authority().map(Authority::as_str)];
    let mut names = names.into_iter().flatten().peekable();
    if names.peek().is_none() || !names.all(is_loopback_name) {
        return Err("the sandbox answers to localhost only");
    }
    let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
    let is_own = |origin: &str| origin.strip_prefix("http://").is_some_and(|origin| Some(origin) == sent);
    if !origin.is_none_or(is_own) {
        return Err("the sandbox answers no other website");
    }
    Ok(())
}

fn is_loopback_name(name: &str) -> bool {
    let Ok(authority) = name.parse::<Authority>() else { return false };
    let host = authority.host();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}
