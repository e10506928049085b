//! What the member has: `GET /api/portal/membership` and `POST /api/portal/memberships/{membership_id}/cancel`.
//!
//! The invariant: nothing is cancelled unless the member says so in so many words.

use axum::{
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::HeaderMap,
    response::Response,
};
use domain::Fault;
use utoipa::ToSchema;

use super::{
    BODY_MAX,
    desk::Desk,
    id_of,
    wire::{MembershipAnswer, MembershipsAnswer},
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

/// That it shall end.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(crate) struct CancelRequest {
    /// The member was asked and said yes. Has to be true.
    confirmed: bool,
}

/// Get the membership
///
/// Answers all that this member has, what gives access first.
#[utoipa::path(
    get,
    path = "/api/portal/membership",
    tag = "portal",
    operation_id = "get_membership",
    security(("whop_user_token" = []), ("client_secret" = [])),
    responses(
        (
            status = 200,
            description = "The memberships.",
            body = MembershipsAnswer,
            headers(("Cache-Control" = String, description = "Always `no-store`.")),
            links(
                ("cancel" = (
                    operation_id = "cancel_membership",
                    parameters(("membership_id" = "$response.body#/memberships/0/id")),
                    request_body = json!({"confirmed": true}),
                    description = "When the member has said that it shall end.",
                )),
            ),
        ),
        MemberProblems,
    ),
)]
pub(crate) async fn get_membership(
    State(door): State<Door>,
    client: Client,
    member: Member,
) -> Result<Response, Problem> {
    let found = Desk::new(&door, &member, &client).memberships().await?;
    Ok(answer::json(MembershipsAnswer::from(found)))
}

/// Cancel a membership
///
/// Ends it with the period that is paid for, never before; access stays until then. Again is no different from once.
#[utoipa::path(
    post,
    path = "/api/portal/memberships/{membership_id}/cancel",
    tag = "portal",
    operation_id = "cancel_membership",
    security(("whop_user_token" = []), ("client_secret" = [])),
    params(
        ("membership_id" = String, Path, example = "mem_1", description = "The membership's id."),
        IdempotencyKey,
    ),
    request_body(content = CancelRequest, example = json!({"confirmed": true})),
    responses(
        (
            status = 200,
            description = "The membership as it stands now.",
            body = MembershipAnswer,
            headers(("Cache-Control" = String, description = "Always `no-store`.")),
        ),
        MemberProblems,
    ),
)]
pub(crate) async fn cancel_membership(
    State(door): State<Door>,
    client: Client,
    member: Member,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let request_id = key::of_member(&headers, &member.user)?;
    let bytes = body::read(&headers, body, BODY_MAX).await?;
    if !Fields::parse(&headers, &bytes)?.flag("confirmed")? {
        return Err(Fault::invalid("confirmed", "confirmed must be true: ask the member first").into());
    }
    let desk = Desk::new(&door, &member, &client);
    let membership = desk.cancel(request_id, id_of(path)).await.map_err(key::named)?;
    Ok(answer::json(MembershipAnswer::from(membership)))
}
