//! Being forgotten: `POST /api/operator/contacts/{contact_id}/erase` and `GET /api/operator/erasures/{erasure_id}`.
//!
//! The invariant: nothing that is answered here names anybody.

use std::collections::BTreeMap;

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
    response::Response,
};
use domain::{Fault, Kind, Reason};
use proto::sheets::v1::ErasureAnswer;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Operator, query::id_of};
use crate::{
    answer::{self, time},
    caller::Client,
    door::Door,
    erasure::Report,
    key::{IdempotencyKey, RequestId},
    openapi::OperatorProblems,
    problem::Problem,
};

/// How far somebody is forgotten; once `done`, the receipt.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErasureReceipt {
    /// The erasure's id.
    #[schema(example = "era_01JB7Z9V3S2N8Q4T6W0XY5KCEM")]
    id: String,
    /// The contact; its id stays.
    #[schema(example = "con_01JB7Z9V3S2N8Q4T6W0XY5KCEM")]
    contact_id: String,
    /// When it began.
    #[schema(format = "date-time")]
    created_at: Option<String>,
    /// When it ended; null while it is open.
    #[schema(format = "date-time")]
    ended_at: Option<String>,
    /// Nothing that names the person is left anywhere.
    done: bool,
    /// What each service answered.
    services: Vec<ServiceErasure>,
}

/// What one service answered.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServiceErasure {
    /// The service.
    #[schema(example = "chat-agent")]
    service: String,
    /// Nothing that names the person is left there.
    done: bool,
    /// How many were blanked or deleted there, by kind.
    erased: BTreeMap<String, i64>,
    /// Why it is not done yet; blank if it is.
    waiting_for: String,
    /// When it answered last; null if it never did.
    #[schema(format = "date-time")]
    answered_at: Option<String>,
}

/// Erase a contact
///
/// Forgets a person everywhere: sessions, chats, the books and the spreadsheet. Amounts and times stay. 200 is the
/// receipt. 202 says which service waits for what: send the call again later, and it goes on where it stopped.
#[utoipa::path(
    post,
    path = "/api/operator/contacts/{contact_id}/erase",
    tag = "operator",
    operation_id = "erase_contact",
    security(("operator_token" = [])),
    params(
        ("contact_id" = String, Path, example = "con_01JB7Z9V3S2N8Q4T6W0XY5KCEM", description = "The contact's id."),
        IdempotencyKey,
    ),
    responses(
        (status = 200, description = "The receipt.", body = ErasureReceipt),
        (status = 202, description = "A service still waits for something.", body = ErasureReceipt),
        OperatorProblems,
    ),
)]
pub(crate) async fn erase_contact(
    State(door): State<Door>,
    _: Operator,
    client: Client,
    RequestId(request_id): RequestId,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let report = door.eraser().erase(client.caller(None), request_id, id_of(path)?).await?;
    let status = if report.is_done() { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok(answer::json_as(status, ErasureReceipt::from(report)))
}

/// Get an erasure
///
/// Answers how far it is; once it is done, the receipt.
#[utoipa::path(
    get,
    path = "/api/operator/erasures/{erasure_id}",
    tag = "operator",
    operation_id = "get_erasure",
    security(("operator_token" = [])),
    params(("erasure_id" = String, Path, example = "era_01JB7Z9V3S2N8Q4T6W0XY5KCEM", description = "The erasure's id.")),
    responses((status = 200, description = "The erasure.", body = ErasureReceipt), OperatorProblems),
)]
pub(crate) async fn get_erasure(
    State(door): State<Door>,
    _: Operator,
    client: Client,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let unknown = || Fault::new(Kind::NotFound, Reason::ErasureUnknown, "there is no such erasure");
    let Path(erasure_id) = path.map_err(|_| unknown())?;
    let report = door.eraser().get(client.caller(None), erasure_id).await?;
    Ok(answer::json(ErasureReceipt::from(report)))
}

impl From<Report> for ErasureReceipt {
    fn from(report: Report) -> Self {
        let done = report.is_done();
        let Report { erasure, answers } = report;
        Self {
            id: erasure.erasure_id,
            contact_id: erasure.contact_id,
            created_at: time(erasure.create_time),
            ended_at: time(erasure.end_time),
            done,
            services: answers.into_iter().map(ServiceErasure::from).collect(),
        }
    }
}

impl From<ErasureAnswer> for ServiceErasure {
    fn from(answer: ErasureAnswer) -> Self {
        Self {
            service: answer.service,
            done: answer.done,
            erased: answer.erased.into_iter().map(|count| (count.kind, count.number)).collect(),
            waiting_for: answer.waiting_for,
            answered_at: time(answer.time),
        }
    }
}
