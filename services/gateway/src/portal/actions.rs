//! Quick actions: `GET /api/portal/actions` and `POST /api/portal/actions/{action_id}`.
//!
//! The invariant: an action that is not in the member's list is not there for them.

use axum::{
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::HeaderMap,
    response::Response,
};
use bytes::Bytes;
use domain::{Fault, Kind, Reason};
use utoipa::ToSchema;

use super::{
    BODY_MAX,
    desk::{Desk, Ticket, nothing},
    id_of,
    wire::{ActionKind, ActionOutcome, ActionsAnswer, kind_of},
};
use crate::{
    answer,
    body::{self, Fields},
    caller::Client,
    door::Door,
    key::{self, IdempotencyKey},
    member::Member,
    openapi::MemberProblems,
    problem::Problem,
};

/// What a ticket says. Other actions need nothing.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(crate) struct TicketRequest {
    /// What it is about; needed for `support`.
    #[schema(min_length = 1, max_length = 200)]
    subject: Option<String>,
    /// What is wrong; needed for `support`.
    #[schema(min_length = 1, max_length = 4000)]
    message: Option<String>,
}

/// List quick actions
///
/// Answers what this member may ask for at the press of a button, with what they have now.
#[utoipa::path(
    get,
    path = "/api/portal/actions",
    tag = "portal",
    operation_id = "list_quick_actions",
    security(("whop_user_token" = []), ("client_secret" = [])),
    responses(
        (
            status = 200,
            description = "The actions.",
            body = ActionsAnswer,
            headers(("Cache-Control" = String, description = "Always `no-store`.")),
            links(
                ("run" = (
                    operation_id = "run_quick_action",
                    parameters(("action_id" = "$response.body#/actions/0/id")),
                    description = "At the press of its button.",
                )),
            ),
        ),
        MemberProblems,
    ),
)]
pub(crate) async fn list_quick_actions(
    State(door): State<Door>,
    client: Client,
    member: Member,
) -> Result<Response, Problem> {
    let actions = Desk::new(&door, &member, &client).actions().await?;
    Ok(answer::json(ActionsAnswer::from(actions)))
}

/// Run a quick action
///
/// Lists the files of a `files` action, opens a ticket by a `support` one, makes the link of an `upgrade`, and answers where
/// a `link` leads. The same `Idempotency-Key` again opens no second ticket and answers the same link.
#[utoipa::path(
    post,
    path = "/api/portal/actions/{action_id}",
    tag = "portal",
    operation_id = "run_quick_action",
    security(("whop_user_token" = []), ("client_secret" = [])),
    params(
        ("action_id" = String, Path, example = "support", description = "The action's id."),
        IdempotencyKey,
    ),
    request_body(
        content = Option<TicketRequest>,
        example = json!({"subject": "A broken automation", "message": "New leads do not reach the sheet since Monday."}),
    ),
    responses(
        (
            status = 200,
            description = "What came of it.",
            body = ActionOutcome,
            headers(("Cache-Control" = String, description = "Always `no-store`.")),
        ),
        MemberProblems,
    ),
)]
pub(crate) async fn run_quick_action(
    State(door): State<Door>,
    client: Client,
    member: Member,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let request_id = key::of_member(&headers, &member.user)?;
    let bytes = body::read(&headers, body, BODY_MAX).await?;
    let ticket = read(&headers, &bytes)?;
    let desk = Desk::new(&door, &member, &client);
    let action = desk.action(&id_of(path)).await?;
    let outcome = match kind_of(&action) {
        Some(ActionKind::Link) => ActionOutcome::Link { url: action.url },
        Some(ActionKind::Files) => desk.files(action.action_id).await?.into(),
        Some(ActionKind::Support) => open(&desk, request_id, action.action_id, ticket).await?,
        Some(ActionKind::Upgrade) => {
            let url = desk.upgrade(request_id, action.action_id).await.map_err(key::named)?.url;
            ActionOutcome::Upgrade { url: Some(url).filter(|url| !url.is_empty()).ok_or_else(nothing)? }
        }
        None => {
            return Err(Fault::new(Kind::NotFound, Reason::ActionUnknown, "there is no such action").into());
        }
    };
    Ok(answer::json(outcome))
}

async fn open(
    desk: &Desk<'_>,
    request_id: String,
    action_id: String,
    mut ticket: Fields,
) -> Result<ActionOutcome, Fault> {
    let ticket =
        Ticket { subject: ticket.required_text("subject")?, message: ticket.required_text("message")? };
    let opened = desk.open_ticket(request_id, action_id, ticket).await.map_err(key::named)?;
    let created_at = answer::time(opened.create_time);
    Ok(ActionOutcome::Support { ticket_id: opened.ticket_id, created_at })
}

/// A body is needed for a ticket alone; without one there is nothing in it.
fn read(headers: &HeaderMap, bytes: &Bytes) -> Result<Fields, Fault> {
    if bytes.is_empty() { Ok(Fields::default()) } else { Fields::parse(headers, bytes) }
}
