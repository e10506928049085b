//! Chat sessions: `POST /api/chatkit/session` and `/refresh`.
//!
//! A hosted session comes with OpenAI's client secret; for one of our own the secret is made here.
//!
//! The invariant: whose a session is follows from a Whop user's token or from [`Visitor::recognise`], and nothing else
//! that is sent; the answer, which holds a secret, is never stored by anything in between.

mod owner;
mod wire;

use axum::{body::Body, extract::State, http::HeaderMap, response::Response};
use domain::Fault;
use jiff::Timestamp;
use proto::session::v1::{CreateSessionRequest, RefreshSessionRequest, Session};

use crate::{
    answer,
    base::Base,
    body,
    caller::Client,
    chatkit::{self, bearer},
    door::Door,
    error,
    mcp::Agent,
    openapi::SessionProblems,
    problem::Problem,
    session::{
        owner::Owner,
        wire::{Asked, Own, RefreshRequest, SessionAnswer, SessionRequest},
    },
};

const BODY_MAX: usize = 16 << 10;
const SERVICE: &str = "session-broker";

/// Create a session
///
/// Answers a client secret for the chat, OpenAI's if `mode` is `hosted`, ours to be used with `url` if it is
/// `self_hosted`: the first of `modes` that the workflow can do. Who the visitor is follows from the visitor token, else from
/// `deviceId`, else a new visitor is made; keep `visitor_token` of the answer and send it as
/// `X-Frontdesk-Visitor` from then on. With a Whop user's token, which Whop's proxy adds, the session is that member's
/// instead, on every device the same. Asked by an agent's server, with the workflow's token of `MCP_TOKENS` as bearer, the answer has
/// a `session_token` for the agent's tools too. A `userId` in the body is ignored. Fields that are not listed are ignored.
#[utoipa::path(
    post,
    path = "/api/chatkit/session",
    tag = "sessions",
    operation_id = "create_session",
    security((), ("mcp_token" = [])),
    params(
        ("X-Frontdesk-Visitor" = Option<String>, Header, description = "Visitor token of an earlier answer."),
        ("X-Whop-User-Token" = Option<String>, Header, description = "Added by Whop's proxy; no page sends it."),
    ),
    request_body(
        content = SessionRequest,
        example = json!({"deviceId": "5f0c6f1e-8a57-4c0b-9a55-3c0b6f2f9e11", "traits": {"utm_source": "yt"}}),
    ),
    responses(
        (
            status = 200,
            description = "A session.",
            body = SessionAnswer,
            headers(("Cache-Control" = String, description = "Always `no-store`.")),
            links(
                ("refresh" = (
                    operation_id = "refresh_session",
                    request_body = json!({
                        "currentClientSecret": "$response.body#/client_secret",
                        "visitorToken": "$response.body#/visitor_token",
                    }),
                    description = "Before the secret ends.",
                )),
            ),
        ),
        SessionProblems,
    ),
)]
pub(crate) async fn create_session(
    State(door): State<Door>,
    client: Client,
    base: Base,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let bytes = body::read(&headers, body, BODY_MAX).await?;
    let asked = Asked::read(&headers, &bytes)?;
    let owner = Owner::of(&door, &client, &headers, &asked).await?;
    let agent = Agent::of(&door, &headers)?;
    let request = CreateSessionRequest {
        caller: Some(owner.caller(&client)),
        request_id: request_id(),
        target: Some(asked.target(owner.standing(&door, &client).await)),
    };
    let response = error::ask!(SERVICE, door.sessions(), create_session(request)).await?;
    answer(&door, &base, response.session, &asked, &agent, &owner)
}

/// Refresh a session
///
/// As creating one, and the answer's secret always differs from `currentClientSecret`.
#[utoipa::path(
    post,
    path = "/api/chatkit/refresh",
    tag = "sessions",
    operation_id = "refresh_session",
    security((), ("mcp_token" = [])),
    params(
        ("X-Frontdesk-Visitor" = Option<String>, Header, description = "Visitor token of an earlier answer."),
        ("X-Whop-User-Token" = Option<String>, Header, description = "Added by Whop's proxy; no page sends it."),
    ),
    request_body(
        content = RefreshRequest,
        example = json!({
            "currentClientSecret": "ek_the_secret_that_is_about_to_end",
            "deviceId": "5f0c6f1e-8a57-4c0b-9a55-3c0b6f2f9e11",
        }),
    ),
    responses(
        (
            status = 200,
            description = "A session.",
            body = SessionAnswer,
            headers(("Cache-Control" = String, description = "Always `no-store`.")),
            links(
                ("refresh" = (
                    operation_id = "refresh_session",
                    request_body = json!({
                        "currentClientSecret": "$response.body#/client_secret",
                        "visitorToken": "$response.body#/visitor_token",
                    }),
                    description = "Before the secret ends.",
                )),
            ),
        ),
        SessionProblems,
    ),
)]
pub(crate) async fn refresh_session(
    State(door): State<Door>,
    client: Client,
    base: Base,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let bytes = body::read(&headers, body, BODY_MAX).await?;
    let (asked, current_client_secret) = Asked::read_refresh(&headers, &bytes)?;
    let owner = Owner::of(&door, &client, &headers, &asked).await?;
    let agent = Agent::of(&door, &headers)?;
    let request = RefreshSessionRequest {
        caller: Some(owner.caller(&client)),
        request_id: request_id(),
        target: Some(asked.target(owner.standing(&door, &client).await)),
        current_client_secret,
    };
    let response = error::ask!(SERVICE, door.sessions(), refresh_session(request)).await?;
    answer(&door, &base, response.session, &asked, &agent, &owner)
}

fn request_id() -> String {
    chassis::request_id::current().unwrap_or_default()
}

fn answer(
    door: &Door,
    base: &Base,
    session: Option<Session>,
    asked: &Asked,
    agent: &Agent,
    owner: &Owner,
) -> Result<Response, Problem> {
    let session = session.ok_or_else(missing)?;
    let talker = owner.talker(session.workflow.clone(), session.session_id.clone());
    let session_token = agent.session_token(&door.keys, talker)?;
    let own = |session_id: String, workflow: String| Own {
        client_secret: bearer::seal(&door.keys, owner.talker(workflow, session_id), Timestamp::now()),
        // Whop puts its token beside requests of the page's own origin alone, whatever the world calls us.
        url: if owner.is_member() { chatkit::PATH.to_owned() } else { base.url(chatkit::PATH) },
        domain_key: door.domain_key.clone(),
    };
    let token = owner.visitor_token().to_owned();
    let answer = SessionAnswer::new(session, asked, token, own).ok_or_else(missing)?;
    let answer = answer.with_session_token(session_token);
    Ok(answer::json(answer))
}

fn missing() -> Fault {
    tracing::error!(peer.service = SERVICE, "answered no session");
    Fault::internal()
}
