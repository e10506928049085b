//! Leads over gRPC.

use domain::Fault;
use proto::sheets::v1::{
    SaveLeadRequest, SaveLeadResponse, UpsertLeadRequest, UpsertLeadResponse,
    lead_service_server::LeadService,
};
use tonic::{Request, Response, Status};

use super::{Books, status};
use crate::{
    claims,
    error::Error,
    leads::{self, Edit, Which},
    wire,
};

/// What `update_mask` may name.
const FIELDS: [&str; 7] = ["intent", "budget_range", "timeframe", "notes", "score", "owner", "status"];
/// Longest field, in characters.
const MAX_FIELD: usize = 10_000;

impl Books {
    async fn upsert_lead(&self, request: UpsertLeadRequest) -> Result<UpsertLeadResponse, Error> {
        if request.request_id.is_empty() {
            return Err(Fault::invalid("request_id", "request_id is required").into());
        }
        let which = match (&*request.lead_id, &*request.contact_id) {
            ("", "") => {
                return Err(Fault::invalid("lead_id", "lead_id or contact_id is required").into());
            }
            ("", contact_id) => Which::OfContact(contact_id.to_owned()),
            (lead_id, _) => Which::Lead(lead_id.to_owned()),
        };
        let mask = request.update_mask.map(|mask| mask.paths);
        let edit = edit(request.lead.unwrap_or_default(), mask.as_deref())?;
        let now = (self.clock)();
        let (lead, created) = leads::save(&*self.store, &request.request_id, &which, &edit, now).await?;
        self.ledger.wake();
        Ok(UpsertLeadResponse { lead: Some(wire::wire_lead(lead)), created })
    }
}

/// What the request sets: what its mask names, or without one what it does not leave blank.
fn edit(lead: proto::sheets::v1::Lead, mask: Option<&[String]>) -> Result<Edit, Fault> {
    if mask.into_iter().flatten().any(|path| !FIELDS.contains(&path.as_str())) {
        let why = format!("update_mask may name {}", FIELDS.join(", "));
        return Err(Fault::invalid("update_mask", why));
    }
    let named = |field: &str, is_blank: bool| match mask {
        Some(mask) => mask.iter().any(|path| path == field),
        None => !is_blank,
    };
    let text = |field: &str, text: String| {
        let text = text.trim().to_owned();
        if text.chars().count() > MAX_FIELD {
            let why = format!("{field} must be at most {MAX_FIELD} characters");
            return Err(Fault::invalid(format!("lead.{field}"), why));
        }
        Ok(named(field, text.is_empty()).then_some(text))
    };
    if lead.score.is_some_and(|score| !(0.0..=1.0).contains(&score)) {
        return Err(Fault::invalid("lead.score", "lead.score must be a number from 0 to 1"));
    }
    let status = wire::stage(lead.status)?;
    if named("status", status.is_none()) && status.is_none() {
        return Err(Fault::invalid("lead.status", "lead.status cannot be emptied"));
    }
    Ok(Edit {
        intent: text("intent", lead.intent)?,
        budget_range: text("budget_range", lead.budget_range)?,
        timeframe: text("timeframe", lead.timeframe)?,
        notes: text("notes", lead.notes)?,
        score: named("score", lead.score.is_none()).then_some(lead.score),
        owner: text("owner", lead.owner)?,
        status: status.filter(|_| named("status", false)),
    })
}

#[tonic::async_trait]
impl LeadService for Books {
    async fn save_lead(
        &self,
        request: Request<SaveLeadRequest>,
    ) -> Result<Response<SaveLeadResponse>, Status> {
        let saved = claims::save(&*self.store, request.into_inner(), (self.clock)()).await.map_err(status)?;
        self.ledger.wake();
        Ok(Response::new(saved))
    }

    async fn upsert_lead(
        &self,
        request: Request<UpsertLeadRequest>,
    ) -> Result<Response<UpsertLeadResponse>, Status> {
        Books::upsert_lead(self, request.into_inner()).await.map(Response::new).map_err(status)
    }
}
