//! The way of a message through the protocol's own code, and what comes back.
//!
//! The invariant: an answer is JSON of the protocol, or nothing for a notification, or a problem; nothing in between keeps
//! any of them.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Request, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use domain::{Fault, Reason, token};
use http_body_util::Full;
use rmcp::{
    model::ProtocolVersion,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
    },
};
use serde_json::{Value, json};

use super::{BODY_MAX, message::Message, server::Server, session};
use crate::problem::Problem;

/// The only form in which we answer, and the one that the protocol's code wants to see beside it.
const ACCEPTED: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Header of the version that client and server agreed on.
const VERSION: &str = "mcp-protocol-version";
/// Header of the name of a connection.
const CONNECTION: &str = "mcp-session-id";
/// JSON-RPC's code for parameters that are not acceptable.
const INVALID_PARAMS: i32 = -32602;

/// Asks `server` what to answer.
pub(super) async fn ask(server: Server, parts: Parts, bytes: Bytes) -> Result<Response, Problem> {
    let serve = {
        let server = server.clone();
        move || Ok(server.clone())
    };
    let protocol = StreamableHttpService::new(serve, Arc::new(NeverSessionManager::default()), config());
    let answered = protocol.handle(request(parts, bytes)).await;
    if let Some(fault) = server.trouble() {
        let unknown = fault.reason == Reason::WorkflowUnknown;
        return Err(if unknown { Problem::route_unknown() } else { fault.into() });
    }
    let is_json = answered.headers().get(header::CONTENT_TYPE) == Some(&JSON);
    match answered.status() {
        status if status.is_success() || is_json => Ok(kept_by_nobody(answered.map(Body::new))),
        status if status.is_client_error() => Err(unreadable().into()),
        _ => {
            tracing::error!("the protocol's code has failed");
            Err(Fault::internal().into())
        }
    }
}

/// Whether a message without a version of its own comes with one that is known, or with none.
pub(super) fn check_version(headers: &HeaderMap, message: &Message) -> Result<(), Fault> {
    let known =
        |told: &HeaderValue| ProtocolVersion::KNOWN_VERSIONS.iter().any(|known| told == known.as_str());
    let sound = message.has_version() || headers.get_all(VERSION).iter().all(known);
    if sound { Ok(()) } else { Err(unreadable()) }
}

/// The answer to a client's first message, with a name for what follows: some clients open several streams only under
/// one. It stands for nothing here, so it need not be sent back and never ends; whom a call is for, another token says.
pub(super) fn with_connection(mut response: Response) -> Response {
    let name = HeaderValue::try_from(token::secret()).expect("base64url is visible ASCII");
    response.headers_mut().insert(CONNECTION, name);
    response
}

/// A request that does not get as far as the protocol; a notification never learns it.
pub(super) fn refuse(id: Option<&Value>, fault: &Fault) -> Response {
    let Some(id) = id else { return kept_by_nobody(StatusCode::ACCEPTED.into_response()) };
    let data = json!({"reason": fault.reason.as_str()});
    let error = json!({"code": INVALID_PARAMS, "message": fault.message, "data": data});
    let body = json!({"jsonrpc": "2.0", "id": id, "error": error}).to_string();
    kept_by_nobody(([(header::CONTENT_TYPE, JSON)], body).into_response())
}

/// Nothing is kept between two messages. Hosts have been looked at by then, in the words of our own problems.
fn config() -> StreamableHttpServerConfig {
    StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(BODY_MAX)
        .disable_allowed_hosts()
}

/// The request without its secrets, in the form that the protocol's code insists on: a client that takes JSON alone is
/// answered as well.
fn request(mut parts: Parts, bytes: Bytes) -> Request<Full<Bytes>> {
    parts.headers.remove(header::AUTHORIZATION);
    parts.headers.remove(session::HEADER);
    parts.headers.insert(header::ACCEPT, ACCEPTED);
    parts.headers.insert(header::CONTENT_TYPE, JSON);
    Request::from_parts(parts, Full::new(bytes))
}

fn kept_by_nobody(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
    response
}

fn unreadable() -> Fault {
    let known: Vec<_> = ProtocolVersion::KNOWN_VERSIONS.iter().map(ProtocolVersion::as_str).collect();
    let known = known.join(", ");
    Fault::malformed(format!("mcp-protocol-version or the message is of no version that is known: {known}"))
}
