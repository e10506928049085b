//! The books as the operator's routes see them: they note what they were asked and answer one person, one lead and
//! one page of rows.

use futures_util::stream;
use prost_types::{Struct, Timestamp, Value, value::Kind};
use proto::sheets::v1::{
    AdoptLedgerRequest, AdoptLedgerResponse, AdoptRowsRequest, AdoptRowsResponse, BeginErasureRequest,
    BeginErasureResponse, Contact, ExportContactRequest, ExportContactResponse, FindContactsRequest,
    FindContactsResponse, GetContactRequest, GetContactResponse, GetErasureRequest, GetErasureResponse,
    GetLedgerStatusRequest, GetLedgerStatusResponse, Lead, LeadStatus, ListContactsRequest,
    ListContactsResponse, ListErasuresRequest, ListErasuresResponse, ListRowsRequest, ListRowsResponse,
    MergeContactsRequest, MergeContactsResponse, ReadEditsRequest, ReadEditsResponse, ReadSheetRequest,
    ReadSheetResponse, RebuildTabsRequest, RebuildTabsResponse, RecordErasureRequest, RecordErasureResponse,
    ResolveContactRequest, ResolveContactResponse, RestoreRowsRequest, RestoreRowsResponse, RetryRowsRequest,
    RetryRowsResponse, Row, RowState, SaveLeadRequest, SaveLeadResponse, Tab, TagContactRequest,
    TagContactResponse, UpdateContactRequest, UpdateContactResponse, UpsertLeadRequest, UpsertLeadResponse,
    UpsertRowsRequest, UpsertRowsResponse, VerifyLedgerRequest, VerifyLedgerResponse,
    contact_service_server::ContactService, lead_service_server::LeadService,
    ledger_service_server::LedgerService,
};
use tonic::{Request, Response, Status, async_trait};

use crate::backend::Backend;

/// A contact whose export fails when it has begun.
pub(crate) const BREAKS_OFF: &str = "con_breaks_off";

/// What the operator's routes asked for.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    Find(FindContactsRequest),
    Get(GetContactRequest),
    Export(ExportContactRequest),
    Resolve(ResolveContactRequest),
    Update(UpdateContactRequest),
    Lead(UpsertLeadRequest),
    Rows(ListRowsRequest),
    Begin(BeginErasureRequest),
    Record(RecordErasureRequest),
    Erasure(GetErasureRequest),
}

type Answered<T> = Result<Response<T>, Status>;

fn never<T>() -> Answered<T> {
    Err(Status::unimplemented("the gateway never asks for this"))
}

fn contact() -> Contact {
    Contact {
        contact_id: "con_1".into(),
        create_time: Some(Timestamp { seconds: 1_761_667_800, nanos: 0 }),
        email: "ann@example.com".into(),
        tags: vec!["webinar".into()],
        ..Contact::default()
    }
}

fn row() -> Row {
    let number = Value { kind: Some(Kind::NumberValue(1050.0)) };
    let money = [("minor".to_owned(), number)].into_iter().collect();
    let amount = Value { kind: Some(Kind::StructValue(Struct { fields: money })) };
    Row {
        tab: Tab::Payments.into(),
        row_id: "pi_1".into(),
        version: 3,
        occur_time: Some(Timestamp { seconds: 1_761_667_800, nanos: 500_000_000 }),
        cells: Some(Struct { fields: [("amount".to_owned(), amount)].into_iter().collect() }),
        state: RowState::Parked.into(),
        error: "too long".into(),
        former: None,
    }
}

impl Backend {
    fn asked(&self, asked: Asked) -> Result<(), Status> {
        let mut notes = self.notes();
        notes.books.push(asked);
        notes.refusals.pop_front().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl ContactService for Backend {
    async fn resolve_contact(
        &self,
        request: Request<ResolveContactRequest>,
    ) -> Answered<ResolveContactResponse> {
        self.asked(Asked::Resolve(request.into_inner()))?;
        Ok(Response::new(ResolveContactResponse { contact: Some(contact()), created: true }))
    }

    async fn get_contact(&self, request: Request<GetContactRequest>) -> Answered<GetContactResponse> {
        self.asked(Asked::Get(request.into_inner()))?;
        Ok(Response::new(GetContactResponse { contact: Some(contact()) }))
    }

    async fn find_contacts(&self, request: Request<FindContactsRequest>) -> Answered<FindContactsResponse> {
        self.asked(Asked::Find(request.into_inner()))?;
        Ok(Response::new(FindContactsResponse { contacts: vec![contact()] }))
    }

    async fn update_contact(
        &self,
        request: Request<UpdateContactRequest>,
    ) -> Answered<UpdateContactResponse> {
        self.asked(Asked::Update(request.into_inner()))?;
        let contact = Contact { company: "Ann's Bakery".into(), ..contact() };
        Ok(Response::new(UpdateContactResponse { contact: Some(contact) }))
    }

    type ExportContactStream = stream::Iter<std::vec::IntoIter<Result<ExportContactResponse, Status>>>;

    async fn export_contact(
        &self,
        request: Request<ExportContactRequest>,
    ) -> Answered<Self::ExportContactStream> {
        let request = request.into_inner();
        self.asked(Asked::Export(request.clone()))?;
        let piece = |text: &str| Ok(ExportContactResponse { document: text.to_owned().into() });
        let mut pieces = vec![piece(r#"{"contact":"#), piece("{}}")];
        if request.contact_id == BREAKS_OFF {
            pieces[1] = Err(Status::internal("canary"));
        }
        Ok(Response::new(stream::iter(pieces)))
    }

    async fn list_contacts(&self, _: Request<ListContactsRequest>) -> Answered<ListContactsResponse> {
        never()
    }

    async fn tag_contact(&self, _: Request<TagContactRequest>) -> Answered<TagContactResponse> {
        never()
    }

    async fn merge_contacts(&self, _: Request<MergeContactsRequest>) -> Answered<MergeContactsResponse> {
        never()
    }

    async fn begin_erasure(&self, request: Request<BeginErasureRequest>) -> Answered<BeginErasureResponse> {
        self.asked(Asked::Begin(request.into_inner()))?;
        Ok(Response::new(BeginErasureResponse { erasure: Some(self.erasure()) }))
    }

    async fn record_erasure(
        &self,
        request: Request<RecordErasureRequest>,
    ) -> Answered<RecordErasureResponse> {
        let request = request.into_inner();
        self.asked(Asked::Record(request.clone()))?;
        self.note_answer(request);
        Ok(Response::new(RecordErasureResponse { erasure: Some(self.erasure()) }))
    }

    async fn get_erasure(&self, request: Request<GetErasureRequest>) -> Answered<GetErasureResponse> {
        self.asked(Asked::Erasure(request.into_inner()))?;
        Ok(Response::new(GetErasureResponse { erasure: Some(self.erasure()) }))
    }

    async fn list_erasures(&self, _: Request<ListErasuresRequest>) -> Answered<ListErasuresResponse> {
        never()
    }
}

#[async_trait]
impl LeadService for Backend {
    async fn save_lead(&self, _: Request<SaveLeadRequest>) -> Answered<SaveLeadResponse> {
        never()
    }

    async fn upsert_lead(&self, request: Request<UpsertLeadRequest>) -> Answered<UpsertLeadResponse> {
        self.asked(Asked::Lead(request.into_inner()))?;
        let lead = Lead {
            lead_id: "led_1".into(),
            contact_id: "con_1".into(),
            score: Some(0.5),
            status: LeadStatus::Qualified.into(),
            ..Lead::default()
        };
        Ok(Response::new(UpsertLeadResponse { lead: Some(lead), created: false }))
    }
}

#[async_trait]
impl LedgerService for Backend {
    async fn list_rows(&self, request: Request<ListRowsRequest>) -> Answered<ListRowsResponse> {
        self.asked(Asked::Rows(request.into_inner()))?;
        Ok(Response::new(ListRowsResponse { rows: vec![row()], next_page_token: "page-2".into() }))
    }

    async fn upsert_rows(&self, _: Request<UpsertRowsRequest>) -> Answered<UpsertRowsResponse> {
        never()
    }

    async fn retry_rows(&self, _: Request<RetryRowsRequest>) -> Answered<RetryRowsResponse> {
        never()
    }

    async fn restore_rows(&self, _: Request<RestoreRowsRequest>) -> Answered<RestoreRowsResponse> {
        never()
    }

    async fn read_edits(&self, _: Request<ReadEditsRequest>) -> Answered<ReadEditsResponse> {
        never()
    }

    type VerifyLedgerStream = stream::Empty<Result<VerifyLedgerResponse, Status>>;

    async fn verify_ledger(&self, _: Request<VerifyLedgerRequest>) -> Answered<Self::VerifyLedgerStream> {
        never()
    }

    async fn adopt_rows(&self, _: Request<AdoptRowsRequest>) -> Answered<AdoptRowsResponse> {
        never()
    }

    async fn adopt_ledger(&self, _: Request<AdoptLedgerRequest>) -> Answered<AdoptLedgerResponse> {
        never()
    }

    async fn read_sheet(&self, _: Request<ReadSheetRequest>) -> Answered<ReadSheetResponse> {
        never()
    }

    async fn rebuild_tabs(&self, _: Request<RebuildTabsRequest>) -> Answered<RebuildTabsResponse> {
        never()
    }

    async fn get_ledger_status(
        &self,
        _: Request<GetLedgerStatusRequest>,
    ) -> Answered<GetLedgerStatusResponse> {
        never()
    }
}
