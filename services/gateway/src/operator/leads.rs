//! Leads: `POST /api/operator/leads`.
//!
//! The invariant: what is blank or absent stays as it is.

use axum::{body::Body, extract::State, http::HeaderMap, response::Response};
use domain::{Fault, Kind, Reason};
use proto::sheets::v1::{Lead, LeadStatus, UpsertLeadRequest};
use utoipa::ToSchema;

use super::{
    Operator, SERVICE, found,
    wire::{LeadAnswer, lead_status},
};
use crate::{
    answer,
    body::{self, Fields, wrong},
    caller::Client,
    door::Door,
    error,
    key::{self, IdempotencyKey, RequestId},
    openapi::OperatorProblems,
    problem::Problem,
};

const BODY_MAX: usize = 16 << 10;

/// A lead, by its id or by whose open lead it is.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(crate) struct LeadRequest {
    /// The lead to change.
    lead_id: Option<String>,
    /// Whose open lead is meant; one is opened if there is none. Needed without `lead_id`.
    #[schema(example = "con_01JB7Z9V3S2N8Q4T6W0XY5KCEM")]
    contact_id: Option<String>,
    /// What they want.
    intent: Option<String>,
    /// As they said it.
    budget_range: Option<String>,
    /// As they said it.
    timeframe: Option<String>,
    /// The owner's own words.
    notes: Option<String>,
    /// 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    score: Option<f64>,
    /// Who in the agency takes care.
    owner: Option<String>,
    /// How far it has come: `new`, `qualified`, `booked`, `won` or `lost`.
    #[schema(pattern = "^(new|qualified|booked|won|lost|)$")]
    status: Option<String>,
}

/// Upsert a lead
///
/// Changes a lead, or opens one for a contact that has none open. Owner and notes stand against later events. The
/// same `Idempotency-Key` again changes nothing and answers the same lead; with another body it is refused.
#[utoipa::path(
    post,
    path = "/api/operator/leads",
    tag = "operator",
    operation_id = "upsert_lead",
    security(("operator_token" = [])),
    params(IdempotencyKey),
    request_body(
        content = LeadRequest,
        example = json!({"contact_id": "con_01JB7Z9V3S2N8Q4T6W0XY5KCEM", "owner": "Kim", "status": "qualified"}),
    ),
    responses((status = 200, description = "The lead.", body = LeadAnswer), OperatorProblems),
)]
pub(crate) async fn upsert_lead(
    State(door): State<Door>,
    _: Operator,
    client: Client,
    RequestId(request_id): RequestId,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let bytes = body::read(&headers, body, BODY_MAX).await?;
    let request = UpsertLeadRequest {
        caller: Some(client.caller(None)),
        request_id,
        ..read(Fields::parse(&headers, &bytes)?)?
    };
    let answer = error::ask!(SERVICE, door.leads(), upsert_lead(request)).await.map_err(key::named)?;
    let created = answer.created;
    Ok(answer::json(found(answer.lead.map(|lead| LeadAnswer::new(lead, created)))?))
}

fn read(mut fields: Fields) -> Result<UpsertLeadRequest, Fault> {
    let score = fields.number("score")?;
    if score.is_some_and(|score| !(0.0..=1.0).contains(&score)) {
        return Err(Fault::invalid("score", "score must be from 0 to 1"));
    }
    let mut text = |name| fields.text(name).map(Option::unwrap_or_default);
    let (lead_id, contact_id) = (text("lead_id")?, text("contact_id")?);
    if lead_id.is_empty() && contact_id.is_empty() {
        let message = "one of lead_id and contact_id is needed";
        return Err(Fault::new(Kind::Invalid, Reason::InvalidValue, message));
    }
    let status = match text("status")?.as_str() {
        "" => LeadStatus::Unspecified,
        name => {
            let why = "must be new, qualified, booked, won or lost";
            lead_status(name).ok_or_else(|| Fault::invalid("status", wrong("status", why).message))?
        }
    };
    let lead = Lead {
        intent: text("intent")?,
        budget_range: text("budget_range")?,
        timeframe: text("timeframe")?,
        notes: text("notes")?,
        score,
        owner: text("owner")?,
        status: status.into(),
        ..Lead::default()
    };
    Ok(UpsertLeadRequest { lead_id, contact_id, lead: Some(lead), ..UpsertLeadRequest::default() })
}
