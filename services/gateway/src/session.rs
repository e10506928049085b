//! Chat sessions: `POST /api/chatkit/session` and `/refresh`.
//!
//! A hosted session comes with OpenAI's client secret; for one of our own the secret is made here.
//!
//! The invariant: the visitor of a session comes from [`Visitor::recognise`] and nothing else in the body; the
//! answer, which holds a secret, is never stored by anything in between.

mod wire;

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};
use domain::Fault;
use jiff::Timestamp;
use proto::session::v1::{CreateSessionRequest, RefreshSessionRequest, Session};

use crate::{
    base::Base,
    body,
    caller::{Claim, Client, VISITOR, Visitor},
    chatkit::{
        self,
        bearer::{self, Talker},
    },
    door::Door,
    error,
    openapi::SessionProblems,
    problem::Problem,
    session::wire::{Asked, Own, RefreshRequest, SessionAnswer, SessionRequest},
};

const BODY_MAX: usize = 16 << 10;
const SERVICE: &str = "session-broker";

/// Create a session
///
/// Answers a client secret for the chat, OpenAI's if `mode` is `hosted`, ours to be used with `url` if it is
/// `self_hosted`: the first of `modes` that the workflow can do. Who the visitor is follows from the visitor token, else from
/// `deviceId`, else a new visitor is made; keep `visitor_token` of the answer and send it as
/// `X-Frontdesk-Visitor` from then on. A `userId` in the body is ignored. Fields that are not listed are ignored.
#[utoipa::path(
    post,
    path = "/api/chatkit/session",
    tag = "sessions",
    operation_id = "create_session",
    params(("X-Frontdesk-Visitor" = Option<String>, Header, description = "Visitor token of an earlier answer.")),
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
    let visitor = recognise(&door, &headers, &asked)?;
    let request = CreateSessionRequest {
        caller: Some(client.caller(Some(&visitor))),
        request_id: request_id(),
        target: Some(asked.target()),
    };
    let sessions = door.sessions();
    let response = error::call(SERVICE, &sessions, request, |mut sessions, request| async move {
        sessions.create_session(request).await
    })
    .await?;
    answer(&door, &base, response.session, &asked, visitor)
}

/// Refresh a session
///
/// As creating one, and the answer's secret always differs from `currentClientSecret`.
#[utoipa::path(
    post,
    path = "/api/chatkit/refresh",
    tag = "sessions",
    operation_id = "refresh_session",
    params(("X-Frontdesk-Visitor" = Option<String>, Header, description = "Visitor token of an earlier answer.")),
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
    let visitor = recognise(&door, &headers, &asked)?;
    let request = RefreshSessionRequest {
        caller: Some(client.caller(Some(&visitor))),
        request_id: request_id(),
        target: Some(asked.target()),
        current_client_secret,
    };
    let sessions = door.sessions();
    let response = error::call(SERVICE, &sessions, request, |mut sessions, request| async move {
        sessions.refresh_session(request).await
    })
    .await?;
    answer(&door, &base, response.session, &asked, visitor)
}

fn recognise(door: &Door, headers: &HeaderMap, asked: &Asked) -> Result<Visitor, Fault> {
    let shown = headers.get(VISITOR).and_then(|token| token.to_str().ok());
    let claim =
        Claim { tokens: [shown, asked.visitor_token.as_deref()], device_id: asked.device_id.as_deref() };
    Visitor::recognise(&door.keys, claim, Timestamp::now())
}

fn request_id() -> String {
    chassis::request_id::current().unwrap_or_default()
}

fn answer(
    door: &Door,
    base: &Base,
    session: Option<Session>,
    asked: &Asked,
    visitor: Visitor,
) -> Result<Response, Problem> {
    let own = |session_id: String, workflow: String| Own {
        client_secret: bearer::seal(
            &door.keys,
            Talker { visitor: visitor.id.clone(), workflow, session_id },
            Timestamp::now(),
        ),
        url: base.url(chatkit::PATH),
        domain_key: door.domain_key.clone(),
    };
    let answer = session.and_then(|session| SessionAnswer::new(session, asked, visitor.token, own));
    let answer = answer.ok_or_else(|| {
        tracing::error!(peer.service = SERVICE, "answered no session");
        Fault::internal()
    })?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}
