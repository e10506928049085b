//! The agents' tools for agents of others: `/mcp/{workflow}`, the Model Context Protocol over streamable HTTP.
//!
//! It translates: chat-agent knows the tools, limits the calls and leaves the receipts. Every message stands for itself,
//! so any instance can answer any of them. The invariants: nobody gets past the workflow's own token, whom a call is
//! about follows from a session token that we sealed, and from nothing in a message's arguments; and what is no answer of
//! the protocol is a problem as on every other route.

mod access;
mod answer;
mod hosts;
mod inward;
mod message;
mod server;
mod session;
mod tokens;

use axum::{
    body::Body,
    extract::{Path, Request, State, rejection::PathRejection},
    response::Response,
};
use proto::common::v1::Caller;
use serde_json::{Map, Value};
use utoipa::{
    IntoParams, ToSchema,
    openapi::schema::{Object, ObjectBuilder, OneOfBuilder, Schema, Type},
};
use utoipa_axum::{router::OpenApiRouter, routes};

pub use self::tokens::Tokens;
pub(crate) use self::{access::Access, session::Agent};
use crate::{body, caller::Client, door::Door, openapi::McpProblems, problem::Problem};
use message::Message;
use server::Server;

/// Where the paths begin.
pub(crate) const PREFIX: &str = "/mcp/";
/// Longest body: as long as a chat's.
const BODY_MAX: usize = 256 << 10;
/// The largest whole number that every program holds.
const SAFE: i64 = (1 << 53) - 1;
/// The service of the tools.
const SERVICE: &str = "chat-agent";
/// Slug of the workflow that is the operator's own.
pub const OPERATORS: &str = "ops-copilot";

/// All of them, described.
pub(crate) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new().routes(routes!(call_mcp))
}

/// One message of the Model Context Protocol, which is one of JSON-RPC 2.0. Batches are not taken.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(crate) struct McpMessage {
    /// Always `2.0`.
    #[schema(pattern = "^2[.]0$")]
    jsonrpc: String,
    /// Names the request; a message without it is a notification, which gets no answer.
    #[schema(required = false, schema_with = id)]
    id: Option<Value>,
    /// What is asked for, e.g. `tools/list`.
    method: String,
    /// With what; `_meta["frontdesk/session"]` may hold the session's token, `_meta["frontdesk/request_id"]` the call's key.
    #[schema(nullable = false)]
    params: Option<Map<String, Value>>,
}

/// A text, or a whole number that every program holds.
fn id() -> Schema {
    let number = ObjectBuilder::new().schema_type(Type::Integer);
    let number = number.minimum(Some(-SAFE)).maximum(Some(SAFE));
    Schema::OneOf(OneOfBuilder::new().item(Object::with_type(Type::String)).item(number).build())
}

/// The versions that begin with a handshake.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the header, which rmcp reads")]
pub(crate) enum McpVersion {
    /// The first.
    #[serde(rename = "2024-11-05")]
    V20241105,
    /// With streamable HTTP.
    #[serde(rename = "2025-03-26")]
    V20250326,
    /// With structured content.
    #[serde(rename = "2025-06-18")]
    V20250618,
    /// The last of them.
    #[serde(rename = "2025-11-25")]
    V20251125,
}

/// What a client may say beside a message.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes the headers, which are read one by one")]
pub(crate) struct McpHeaders {
    /// `session_token` of a session.
    #[param(rename = "X-Frontdesk-Session")]
    session: Option<String>,
    /// What client and server agreed on. A client of 2026-07-28, which knows no handshake, sends what that version asks for.
    #[param(rename = "MCP-Protocol-Version", nullable = false, example = "2025-11-25")]
    version: Option<McpVersion>,
}

/// What became of a request: `result` or `error`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the answer, which rmcp writes")]
pub(crate) struct McpAnswer {
    /// Always `2.0`.
    jsonrpc: String,
    /// The request's.
    id: Value,
    /// What was asked for.
    #[schema(nullable = false)]
    result: Option<Map<String, Value>>,
    /// Why there is none.
    #[schema(nullable = false)]
    error: Option<Map<String, Value>>,
}

/// Call a tool
///
/// An MCP server of the workflow's own tools: `initialize`, `ping`, `tools/list` and `tools/call`, each answered with JSON.
/// For whom a tool is called, a session says: its `session_token`, from `POST /api/chatkit/session` called with the same
/// bearer, in the header or in `_meta["frontdesk/session"]`. Without one those tools are offered that touch nobody. A call
/// that failed, or whose answer was lost, may be made once more with the same arguments and has its effect once, within two
/// minutes; `_meta["frontdesk/request_id"]` of 1 to 64 characters makes calls with the same one and the same arguments one
/// for 24 hours, and those with another one others.
#[utoipa::path(
    post,
    path = "/mcp/{workflow}",
    tag = "agents",
    operation_id = "call_mcp",
    security(("mcp_token" = [])),
    params(
        ("workflow" = String, Path, description = "Slug of the workflow.", example = "lead-concierge"),
        McpHeaders,
    ),
    request_body(content = McpMessage, example = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})),
    responses(
        (
            status = 200,
            description = "What became of the request.",
            body = McpAnswer,
            headers(
                ("Cache-Control" = String, description = "Always `no-store`."),
                ("Mcp-Session-Id" = Option<String>, description = "A name for the connection, in the answer to `initialize`."),
            ),
        ),
        (
            status = 202,
            description = "A notification was taken.",
            headers(("Cache-Control" = String, description = "Always `no-store`.")),
        ),
        McpProblems,
    ),
)]
pub(crate) async fn call_mcp(
    State(door): State<Door>,
    client: Client,
    workflow: Result<Path<String>, PathRejection>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let Path(workflow) = workflow.map_err(|_| Problem::route_unknown())?;
    let (parts, body) = request.into_parts();
    door.access.admit(&workflow, &parts, &client)?;
    let bytes = body::read_json(&parts.headers, body, BODY_MAX).await?;
    let message = Message::read(&bytes)?;
    answer::check_version(&parts.headers, &message)?;
    let session = session::find(&door.keys, &workflow, &parts.headers, message.session());
    let session = match message.check().and(session) {
        Ok(session) => session,
        Err(fault) => return Ok(answer::refuse(message.id(), &fault)),
    };
    let caller = Caller { workflow, ..client.caller(None) };
    let caller = session.map_or(caller.clone(), |session| session.caller(caller));
    let key = message.key().map(str::to_owned);
    let answered = answer::ask(Server::new(&door, caller, key), parts, bytes).await?;
    Ok(if message.is_first() { answer::with_connection(answered) } else { answered })
}
