//! The seven tabs over gRPC.

mod sheet;

use domain::{Fault, Tab};
use proto::sheets::v1::{
    self as pb, AdoptLedgerRequest, AdoptLedgerResponse, AdoptRowsRequest, AdoptRowsResponse,
    GetLedgerStatusRequest, GetLedgerStatusResponse, ListRowsRequest, ListRowsResponse, ReadEditsRequest,
    ReadEditsResponse, ReadSheetRequest, ReadSheetResponse, RebuildTabsRequest, RebuildTabsResponse,
    RestoreRowsRequest, RestoreRowsResponse, RetryRowsRequest, RetryRowsResponse, UpsertRowsRequest,
    UpsertRowsResponse, VerifyLedgerRequest, ledger_service_server::LedgerService,
};
use tonic::{Request, Response, Status};

use super::{Books, page::Page, status};
use crate::{
    error::Error,
    people,
    rows::{self, RowDoc, RowKey, State, about::OF_A_CONTACT, list::Filter},
    wire,
};

/// Most rows of one request.
const MAX_ROWS: usize = 100;

impl Books {
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
        let filter = filter(&request)?;
        let page = Page::of(request.page_size, request.page_token)?;
        let store = &*self.store;
        let read = async |limit, after| {
            let (mut rows, next) = match &filter.subject {
                Some(contact_id) if OF_A_CONTACT.contains(&tab) => {
                    rows::about::list(store, tab, contact_id, &filter, limit, after).await?
                }
                _ => rows::list::list(store, tab, &filter, limit, after).await?,
            };
            people::show_survivors(store, rows.iter_mut()).await?;
            Ok((rows.into_iter().map(wire::wire_row).collect(), next))
        };
        let (rows, next_page_token) = page.fill(read).await?;
        Ok(ListRowsResponse { rows, next_page_token })
    }
}

impl Books {
    async fn retry(&self, request: RetryRowsRequest) -> Result<i32, Error> {
        let retried = if request.row_ids.is_empty() {
            rows::list::retry_all(&*self.store, &tabs(request.tab)?).await?
        } else {
            let keys = keys(request.tab, request.row_ids)?;
            rows::list::change(&*self.store, &keys, RowDoc::retry).await?
        };
        self.ledger.look_again();
        Ok(retried)
    }

    async fn restore(&self, request: RestoreRowsRequest) -> Result<i32, Error> {
        let keys = keys(request.tab, request.row_ids)?;
        let restored = rows::list::change(&*self.store, &keys, RowDoc::restore).await?;
        self.ledger.wake();
        Ok(restored)
    }
}

/// The tab that a request names, or all of them.
fn tabs(tab: i32) -> Result<Vec<Tab>, Fault> {
    if tab == i32::from(pb::Tab::Unspecified) { Ok(Tab::ALL.to_vec()) } else { Ok(vec![wire::tab(tab)?]) }
}

/// The rows that a request names.
fn keys(tab: i32, ids: Vec<String>) -> Result<Vec<RowKey>, Fault> {
    let tab = wire::tab(tab)?;
    if ids.is_empty() || ids.len() > MAX_ROWS {
        return Err(Fault::invalid("row_ids", format!("row_ids must be 1 to {MAX_ROWS}")));
    }
    Ok(ids.into_iter().map(|id| RowKey { tab, id }).collect())
}

fn filter(request: &ListRowsRequest) -> Result<Filter, Fault> {
    let given = |text: &String| (!text.is_empty()).then(|| text.clone());
    let time = |name: &'static str, wire: Option<prost_types::Timestamp>| {
        let wrong = || Fault::invalid(name, format!("{name} is no time"));
        wire.map(|wire| wire::timestamp(wire).ok_or_else(wrong)).transpose()
    };
    let state = match pb::RowState::try_from(request.state) {
        Ok(pb::RowState::Unspecified) => None,
        Ok(pb::RowState::Pending) => Some(State::Pending),
        Ok(pb::RowState::Written) => Some(State::Written),
        Ok(pb::RowState::Parked) => Some(State::Parked),
        Ok(pb::RowState::Deleted) => Some(State::Deleted),
        Err(_) => return Err(Fault::invalid("state", "state is none that rows have")),
    };
    let subject = given(&request.contact_id);
    if subject.is_some() && state.is_some() {
        return Err(Fault::invalid("state", "state cannot be combined with contact_id"));
    }
    Ok(Filter {
        subject,
        state,
        status: given(&request.status),
        from: time("from_time", request.from_time)?,
        to: time("to_time", request.to_time)?,
        newest_first: request.newest_first,
    })
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

    async fn retry_rows(
        &self,
        request: Request<RetryRowsRequest>,
    ) -> Result<Response<RetryRowsResponse>, Status> {
        let retried = self.retry(request.into_inner()).await.map_err(status)?;
        Ok(Response::new(RetryRowsResponse { retried }))
    }

    async fn restore_rows(
        &self,
        request: Request<RestoreRowsRequest>,
    ) -> Result<Response<RestoreRowsResponse>, Status> {
        let restored = self.restore(request.into_inner()).await.map_err(status)?;
        Ok(Response::new(RestoreRowsResponse { restored }))
    }

    async fn rebuild_tabs(
        &self,
        request: Request<RebuildTabsRequest>,
    ) -> Result<Response<RebuildTabsResponse>, Status> {
        let tabs = tabs(request.into_inner().tab).map_err(|fault| status(fault.into()))?;
        self.ledger.rebuild(&tabs).await.map_err(|error| status(error.into()))?;
        Ok(Response::new(RebuildTabsResponse {}))
    }

    async fn read_edits(&self, _: Request<ReadEditsRequest>) -> Result<Response<ReadEditsResponse>, Status> {
        self.ledger.look_again();
        Ok(Response::new(ReadEditsResponse {}))
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
            cells: found.cells.try_into().unwrap_or(i64::MAX),
            warning: found.warning,
            rebuilding: found.rebuilding,
            restored: found.mends.restored.try_into().unwrap_or(i64::MAX),
            left: found.mends.left.try_into().unwrap_or(i64::MAX),
            restorations: found.mends.last.into_iter().map(sheet::restoration).collect(),
        }))
    }

    type VerifyLedgerStream = sheet::Differences;

    async fn verify_ledger(
        &self,
        request: Request<VerifyLedgerRequest>,
    ) -> Result<Response<Self::VerifyLedgerStream>, Status> {
        self.verify(request.get_ref()).map(Response::new).map_err(status)
    }

    async fn adopt_rows(
        &self,
        request: Request<AdoptRowsRequest>,
    ) -> Result<Response<AdoptRowsResponse>, Status> {
        self.adopt(request.get_ref()).await.map(Response::new).map_err(status)
    }

    async fn adopt_ledger(
        &self,
        request: Request<AdoptLedgerRequest>,
    ) -> Result<Response<AdoptLedgerResponse>, Status> {
        self.adopt_spreadsheet(request.get_ref()).await.map(Response::new).map_err(status)
    }

    async fn read_sheet(
        &self,
        request: Request<ReadSheetRequest>,
    ) -> Result<Response<ReadSheetResponse>, Status> {
        self.view(request.get_ref()).await.map(Response::new).map_err(status)
    }
}
