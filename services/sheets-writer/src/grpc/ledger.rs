//! The seven tabs over gRPC.

use domain::Fault;
use proto::sheets::v1::{
    GetLedgerStatusRequest, GetLedgerStatusResponse, ListRowsRequest, ListRowsResponse, UpsertRowsRequest,
    UpsertRowsResponse, ledger_service_server::LedgerService,
};
use tonic::{Request, Response, Status};

use super::{Books, status};
use crate::{error::Error, rows, wire};

/// Most rows of one request.
const MAX_ROWS: usize = 100;
/// Rows of a page, unless it is said otherwise, and at most.
const PAGE: i32 = 100;
const MAX_PAGE: i32 = 500;

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
