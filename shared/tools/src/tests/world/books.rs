//! The books.

use std::pin::Pin;

use domain::id::digest;
use futures_util::Stream;
use prost_types::{Struct, Value as Cell, value::Kind};
use proto::sheets::v1::{
    AdoptLedgerRequest, AdoptLedgerResponse, AdoptRowsRequest, AdoptRowsResponse, BeginErasureRequest,
    BeginErasureResponse, Contact, ExportContactRequest, ExportContactResponse, FindContactsRequest,
    FindContactsResponse, GetContactRequest, GetContactResponse, GetErasureRequest, GetErasureResponse,
    GetLedgerStatusRequest, GetLedgerStatusResponse, IngestEventsRequest, IngestEventsResponse,
    ListContactsRequest, ListContactsResponse, ListErasuresRequest, ListErasuresResponse, ListRowsRequest,
    ListRowsResponse, MergeContactsRequest, MergeContactsResponse, ReadEditsRequest, ReadEditsResponse,
    ReadSheetRequest, ReadSheetResponse, RebuildTabsRequest, RebuildTabsResponse, RecordErasureRequest,
    RecordErasureResponse, RecordEventsRequest, RecordEventsResponse, ResolveContactRequest,
    ResolveContactResponse, RestoreRowsRequest, RestoreRowsResponse, RetryRowsRequest, RetryRowsResponse,
    Row, SaveLeadRequest, SaveLeadResponse, TagContactRequest, TagContactResponse, UpdateContactRequest,
    UpdateContactResponse, UpsertLeadRequest, UpsertLeadResponse, UpsertRowsRequest, UpsertRowsResponse,
    VerifyLedgerRequest, VerifyLedgerResponse, contact_service_server::ContactService,
    event_service_server::EventService, lead_service_server::LeadService,
    ledger_service_server::LedgerService,
};
use serde_json::Value;
use tonic::{Request, Response, Status};

use super::{PEOPLE, World, never, time, visitor};

#[tonic::async_trait]
impl LeadService for World {
    async fn save_lead(
        &self,
        request: Request<SaveLeadRequest>,
    ) -> Result<Response<SaveLeadResponse>, Status> {
        let request = request.into_inner();
        let caller = self.begin("save_lead", request.caller)?;
        let owner = visitor(&caller)?;
        let facts = request.facts.unwrap_or_default();
        let lead_id = self.once("save_lead", &caller, &request.request_id, |desk| {
            let id = format!("led_{}", digest(&[&owner, &request.request_id]));
            desk.records.insert(id.clone(), (owner.clone(), format!("{facts:?}")));
            Ok(id)
        })?;
        self.end(SaveLeadResponse { lead_id, contact_id: "con_1".into(), created: true })
    }

    never! {
        upsert_lead(UpsertLeadRequest) -> UpsertLeadResponse;
    }
}

#[tonic::async_trait]
impl EventService for World {
    async fn record_events(
        &self,
        request: Request<RecordEventsRequest>,
    ) -> Result<Response<RecordEventsResponse>, Status> {
        let request = request.into_inner();
        let event: Value = serde_json::from_slice(&request.events).unwrap();
        // an event is known by its own id, whoever tells it
        let id = event["id"].as_str().unwrap().to_owned();
        // whoever sees that it was asked sees what came of it
        let mut desk = self.desk();
        let caller = desk.begin("record_events", request.caller)?;
        if !desk.events.iter().any(|known| known["id"] == id.as_str()) {
            desk.records.insert(id.clone(), (caller.visitor_id.clone(), event.to_string()));
            desk.events.push(event);
            desk.effects.insert(("record_events", super::who(&caller), id.clone()), id);
        }
        drop(desk);
        self.end(RecordEventsResponse { accepted: 1, ..RecordEventsResponse::default() })
    }

    never! {
        ingest_events(IngestEventsRequest) -> IngestEventsResponse;
    }
}

#[tonic::async_trait]
impl LedgerService for World {
    type VerifyLedgerStream = Pin<Box<dyn Stream<Item = Result<VerifyLedgerResponse, Status>> + Send>>;

    async fn list_rows(
        &self,
        request: Request<ListRowsRequest>,
    ) -> Result<Response<ListRowsResponse>, Status> {
        self.begin("list_rows", request.into_inner().caller)?;
        let cell = |kind| Cell { kind: Some(kind) };
        let money = [
            ("minor".to_owned(), cell(Kind::NumberValue(1_050.0))),
            ("currency".to_owned(), cell(Kind::StringValue("EUR".into()))),
        ];
        let row = |name: &str, secret: String| {
            let cells = [
                ("id".to_owned(), cell(Kind::StringValue(format!("pay_{name}")))),
                ("amount".to_owned(), cell(Kind::StructValue(Struct { fields: money.clone().into() }))),
                ("invoice_id".to_owned(), cell(Kind::StringValue(secret))),
                ("paid_at".to_owned(), cell(Kind::NullValue(0))),
            ];
            Row { cells: Some(Struct { fields: cells.into() }), ..Row::default() }
        };
        let rows = PEOPLE.iter().map(|person| row(person.name, person.secret())).collect();
        self.end(ListRowsResponse { rows, next_page_token: "more".into() })
    }

    async fn verify_ledger(
        &self,
        _: Request<VerifyLedgerRequest>,
    ) -> Result<Response<Self::VerifyLedgerStream>, Status> {
        Err(Status::unimplemented("no tool calls this"))
    }

    never! {
        upsert_rows(UpsertRowsRequest) -> UpsertRowsResponse;
        retry_rows(RetryRowsRequest) -> RetryRowsResponse;
        restore_rows(RestoreRowsRequest) -> RestoreRowsResponse;
        rebuild_tabs(RebuildTabsRequest) -> RebuildTabsResponse;
        read_edits(ReadEditsRequest) -> ReadEditsResponse;
        get_ledger_status(GetLedgerStatusRequest) -> GetLedgerStatusResponse;
        adopt_rows(AdoptRowsRequest) -> AdoptRowsResponse;
        adopt_ledger(AdoptLedgerRequest) -> AdoptLedgerResponse;
        read_sheet(ReadSheetRequest) -> ReadSheetResponse;
    }
}

#[tonic::async_trait]
impl ContactService for World {
    type ExportContactStream = Pin<Box<dyn Stream<Item = Result<ExportContactResponse, Status>> + Send>>;

    async fn list_contacts(
        &self,
        request: Request<ListContactsRequest>,
    ) -> Result<Response<ListContactsResponse>, Status> {
        self.begin("list_contacts", request.into_inner().caller)?;
        let contact = |name: &str, secret: String| Contact {
            contact_id: format!("con_{name}"),
            create_time: time(super::NOW),
            email: format!("{name}@example.com"),
            first_name: secret,
            utm_source: "yt".into(),
            tags: vec!["vip".into()],
            ..Contact::default()
        };
        let contacts = PEOPLE.iter().map(|person| contact(person.name, person.secret())).collect();
        self.end(ListContactsResponse { contacts, next_page_token: String::new() })
    }

    async fn export_contact(
        &self,
        _: Request<ExportContactRequest>,
    ) -> Result<Response<Self::ExportContactStream>, Status> {
        Err(Status::unimplemented("no tool calls this"))
    }

    never! {
        resolve_contact(ResolveContactRequest) -> ResolveContactResponse;
        get_contact(GetContactRequest) -> GetContactResponse;
        find_contacts(FindContactsRequest) -> FindContactsResponse;
        update_contact(UpdateContactRequest) -> UpdateContactResponse;
        tag_contact(TagContactRequest) -> TagContactResponse;
        merge_contacts(MergeContactsRequest) -> MergeContactsResponse;
        begin_erasure(BeginErasureRequest) -> BeginErasureResponse;
        record_erasure(RecordErasureRequest) -> RecordErasureResponse;
        get_erasure(GetErasureRequest) -> GetErasureResponse;
        list_erasures(ListErasuresRequest) -> ListErasuresResponse;
    }
}
