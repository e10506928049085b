//! The four gRPC services of the ledger: decode, call, encode.

use std::sync::Arc;

use domain::{Fault, tab};
use proto::sheets::v1::{
    GetContactRequest, GetContactResponse, GetLedgerStatusRequest, GetLedgerStatusResponse,
    IngestEventsRequest, IngestEventsResponse, ListRowsRequest, ListRowsResponse, RecordEventsRequest,
    RecordEventsResponse, ResolveContactRequest, ResolveContactResponse, SaveLeadRequest, SaveLeadResponse,
    UpsertRowsRequest, UpsertRowsResponse, contact_service_server::ContactService,
    event_service_server::EventService, lead_service_server::LeadService,
    ledger_service_server::LedgerService,
};
use store::{Clock, Store};
use tonic::{Request, Response, Status};

use crate::{
    claims,
    error::{Error, contact_unknown},
    ingest::{self, Delivery, Rules},
    ledger::Ledger,
    people::{self, Identity},
    rows, wire,
};

/// Most rows of one request.
const MAX_ROWS: usize = 100;
/// Rows of a page, unless it is said otherwise, and at most.
const PAGE: i32 = 100;
const MAX_PAGE: i32 = 500;

/// What the services work on.
#[derive(Clone)]
pub(crate) struct Books {
    store: Arc<dyn Store>,
    ledger: Arc<Ledger>,
    rules: Rules,
    clock: Clock,
}

impl Books {
    pub(crate) fn new(store: Arc<dyn Store>, ledger: Arc<Ledger>, rules: Rules, clock: Clock) -> Self {
        Self { store, ledger, rules, clock }
    }

    async fn upsert(&self, request: UpsertRowsRequest) -> Result<UpsertRowsResponse, Error> {
        if request.rows.len() > MAX_ROWS {
            return Err(Fault::invalid("rows", format!("rows must be at most {MAX_ROWS}")).into());
        }
        let place = |index| format!("rows[{index}]");
        let rows = request.rows.into_iter().enumerate().map(|(index, row)| wire::row(row, &place(index)));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let accepted = rows::upsert_all(&*self.store, &rows).await?;
        self.ledger.wake();
        Ok(UpsertRowsResponse { accepted })
    }

    async fn list(&self, request: ListRowsRequest) -> Result<ListRowsResponse, Error> {
        let tab = wire::tab(request.tab)?;
        let limit = match request.page_size {
            0 => PAGE,
            size @ 1..=MAX_PAGE => size,
            _ => return Err(Fault::invalid("page_size", format!("page_size must be 1 to {MAX_PAGE}")).into()),
        };
        let after = (!request.page_token.is_empty()).then_some(request.page_token);
        let listed = rows::list(&*self.store, tab, limit as u32, after).await;
        let (rows, next) = listed.map_err(|error| match error {
            store::Error::Invalid(_) => {
                Fault::invalid("page_token", "page_token is not from this list").into()
            }
            error => Error::Store(error),
        })?;
        let rows = rows.into_iter().map(wire::wire_row).collect();
        Ok(ListRowsResponse { rows, next_page_token: next.unwrap_or_default() })
    }

    async fn resolve(&self, request: ResolveContactRequest) -> Result<ResolveContactResponse, Error> {
        let identity = Identity {
            whop_user: request.verified_whop_user_id,
            email: request.email,
            phone: request.phone,
            visitor: request.visitor_id,
            session: String::new(),
        };
        let facts = request.facts.map_or_else(tab::Contact::default, wire::facts);
        let resolved = people::resolve_alone(&*self.store, &identity, facts, (self.clock)()).await?;
        self.ledger.wake();
        Ok(ResolveContactResponse {
            contact: Some(wire::wire_contact(resolved.contact)),
            created: resolved.created,
        })
    }
}

fn status(error: Error) -> Status {
    chassis::status::status(&error.into())
}

#[tonic::async_trait]
impl EventService for Books {
    async fn ingest_events(
        &self,
        request: Request<IngestEventsRequest>,
    ) -> Result<Response<IngestEventsResponse>, Status> {
        let request = request.into_inner();
        let delivery = Delivery {
            body: &request.body,
            secret: &request.secret,
            from_loopback: request.from_loopback,
            hop: &request.hop,
        };
        let taken =
            ingest::take(&*self.store, &self.rules, delivery, (self.clock)()).await.map_err(status)?;
        self.ledger.wake();
        let ingest::Taken { accepted, duplicates, ids } = taken;
        Ok(Response::new(IngestEventsResponse { accepted, duplicates, event_ids: ids }))
    }

    async fn record_events(
        &self,
        request: Request<RecordEventsRequest>,
    ) -> Result<Response<RecordEventsResponse>, Status> {
        let RecordEventsRequest { caller, events, .. } = request.into_inner();
        let visitor = caller.map(|caller| caller.visitor_id).unwrap_or_default();
        let now = (self.clock)();
        let taken =
            ingest::take_own(&*self.store, &self.rules, &events, &visitor, now).await.map_err(status)?;
        self.ledger.wake();
        let ingest::Taken { accepted, duplicates, ids } = taken;
        Ok(Response::new(RecordEventsResponse { accepted, duplicates, event_ids: ids }))
    }
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
}

#[tonic::async_trait]
impl ContactService for Books {
    async fn resolve_contact(
        &self,
        request: Request<ResolveContactRequest>,
    ) -> Result<Response<ResolveContactResponse>, Status> {
        self.resolve(request.into_inner()).await.map(Response::new).map_err(status)
    }

    async fn get_contact(
        &self,
        request: Request<GetContactRequest>,
    ) -> Result<Response<GetContactResponse>, Status> {
        let found = people::get(&*self.store, &request.into_inner().contact_id).await;
        let contact = found.and_then(|found| found.ok_or_else(contact_unknown)).map_err(status)?;
        Ok(Response::new(GetContactResponse { contact: Some(wire::wire_contact(contact)) }))
    }
}

#[tonic::async_trait]
impl LedgerService for Books {
    async fn upsert_rows(
        &self,
        request: Request<UpsertRowsRequest>,
    ) -> Result<Response<UpsertRowsResponse>, Status> {
        self.upsert(request.into_inner()).await.map(Response::new).map_err(status)
    }

    async fn list_rows(
        &self,
        request: Request<ListRowsRequest>,
    ) -> Result<Response<ListRowsResponse>, Status> {
        self.list(request.into_inner()).await.map(Response::new).map_err(status)
    }

    async fn get_ledger_status(
        &self,
        _: Request<GetLedgerStatusRequest>,
    ) -> Result<Response<GetLedgerStatusResponse>, Status> {
        let found = self.ledger.status().await.map_err(|error| status(error.into()))?;
        Ok(Response::new(GetLedgerStatusResponse {
            ledger_id: found.ledger_id,
            spreadsheet_id: found.spreadsheet_id,
            next_batch: found.next_batch,
            batch_open: found.batch_open,
            pending: found.pending.try_into().unwrap_or(i64::MAX),
            parked: found.parked.try_into().unwrap_or(i64::MAX),
            blocked: found.blocked,
        }))
    }
}
