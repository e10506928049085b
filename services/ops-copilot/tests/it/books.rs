//! Books that are made for a test, behind the contracts of sheets-writer.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
};

use chassis::{Context, Grpc};
use jiff::Timestamp;
use proto::{
    sheets::v1::{
        delivery_service_server::{DeliveryService, DeliveryServiceServer},
        event_service_server::{EventService, EventServiceServer},
        ledger_service_server::{LedgerService, LedgerServiceServer},
        *,
    },
    time::wire,
};
use serde_json::Value;
use tonic::{Request, Response, Status, codegen::tokio_stream::Stream};

/// A row as the ledger has it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) at: Timestamp,
    pub(crate) cells: Value,
    /// What stood in cells before an end took it away.
    pub(crate) former: Value,
    /// A person deleted it from the spreadsheet.
    pub(crate) deleted: bool,
}

/// Everything that the books say.
#[derive(Default)]
pub(crate) struct State {
    /// By tab, each by time.
    rows: BTreeMap<i32, Vec<Entry>>,
    pub(crate) status: GetLedgerStatusResponse,
    pub(crate) deliveries: Vec<Delivery>,
    /// What was recorded, by id, in order.
    pub(crate) recorded: Vec<Value>,
    /// How many events came that were known.
    pub(crate) duplicates: usize,
    /// So many calls fail first.
    pub(crate) away: u32,
    /// Calls of ListRows.
    pub(crate) pages: usize,
}

/// The books. Clones share one.
#[derive(Clone, Default)]
pub(crate) struct Books(Arc<Mutex<State>>);

// === impl Books ===

impl Books {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) async fn serve(&self) -> String {
        let listener = chassis::bind(Ipv4Addr::LOCALHOST.into(), 0).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let grpc = Grpc::new(proto::FILE_DESCRIPTOR_SET)
            .add(LedgerServiceServer::new(self.clone()))
            .add(DeliveryServiceServer::new(self.clone()))
            .add(EventServiceServer::new(self.clone()));
        tokio::spawn(chassis::serve(listener, grpc.into(), Context::new("sheets-writer", false)));
        url
    }

    /// Rows of a tab, in any order.
    pub(crate) fn fill(&self, tab: Tab, mut rows: Vec<Entry>) {
        rows.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
        self.state().rows.insert(tab.into(), rows);
    }

    /// The rows of a tab.
    pub(crate) fn rows(&self, tab: Tab) -> Vec<Entry> {
        self.state().rows.get(&tab.into()).cloned().unwrap_or_default()
    }

    /// What was recorded of a type.
    pub(crate) fn recorded(&self, kind: &str) -> Vec<Value> {
        self.state().recorded.iter().filter(|event| event["type"] == kind).cloned().collect()
    }

    fn come(&self) -> Result<MutexGuard<'_, State>, Status> {
        let mut state = self.state();
        if state.away > 0 {
            state.away -= 1;
            return Err(Status::unavailable("the books are away"));
        }
        Ok(state)
    }
}

fn value(json: &Value) -> prost_types::Value {
    use prost_types::value::Kind;
    let kind = match json {
        Value::Null => Kind::NullValue(0),
        Value::Bool(flag) => Kind::BoolValue(*flag),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap()),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(values) => {
            Kind::ListValue(prost_types::ListValue { values: values.iter().map(value).collect() })
        }
        Value::Object(_) => Kind::StructValue(object(json)),
    };
    prost_types::Value { kind: Some(kind) }
}

fn object(json: &Value) -> prost_types::Struct {
    let fields = json.as_object().unwrap().iter();
    prost_types::Struct { fields: fields.map(|(name, json)| (name.clone(), value(json))).collect() }
}

fn row(tab: i32, entry: &Entry) -> Row {
    let state = if entry.deleted { RowState::Deleted } else { RowState::Written };
    Row {
        tab,
        row_id: entry.id.clone(),
        version: 1,
        occur_time: Some(wire(entry.at)),
        cells: Some(object(&entry.cells)),
        state: state.into(),
        error: String::new(),
        former: Some(object(&entry.former)),
    }
}

type Answer<T> = Result<Response<T>, Status>;

fn nobody<T>() -> Answer<T> {
    Err(Status::unimplemented("nobody asks"))
}

#[tonic::async_trait]
impl LedgerService for Books {
    type VerifyLedgerStream = Pin<Box<dyn Stream<Item = Result<VerifyLedgerResponse, Status>> + Send>>;

    async fn list_rows(&self, request: Request<ListRowsRequest>) -> Answer<ListRowsResponse> {
        let request = request.into_inner();
        let mut state = self.come()?;
        state.pages += 1;
        let read = |time: Option<prost_types::Timestamp>| time.map(|time| proto::time::read(time).unwrap());
        let (from, to) = (read(request.from_time), read(request.to_time));
        let Some(rows) = state.rows.get(&request.tab) else {
            return Ok(Response::new(ListRowsResponse::default()));
        };
        let begin = from.map_or(0, |from| rows.partition_point(|row| row.at < from));
        let end = to.map_or(rows.len(), |to| rows.partition_point(|row| row.at < to)).max(begin);
        let within = &rows[begin..end];
        let skip: usize = if request.page_token.is_empty() { 0 } else { request.page_token.parse().unwrap() };
        let size = if request.page_size == 0 { 100 } else { request.page_size as usize };
        let of = |entry: &Entry| row(request.tab, entry);
        let rows: Vec<Row> = if request.newest_first {
            within.iter().rev().skip(skip).take(size).map(of).collect()
        } else {
            within.iter().skip(skip).take(size).map(of).collect()
        };
        let next = skip + rows.len();
        let next_page_token = if next < within.len() { next.to_string() } else { String::new() };
        Ok(Response::new(ListRowsResponse { rows, next_page_token }))
    }

    async fn get_ledger_status(&self, _: Request<GetLedgerStatusRequest>) -> Answer<GetLedgerStatusResponse> {
        Ok(Response::new(self.come()?.status.clone()))
    }

    async fn upsert_rows(&self, _: Request<UpsertRowsRequest>) -> Answer<UpsertRowsResponse> {
        nobody()
    }
    async fn retry_rows(&self, _: Request<RetryRowsRequest>) -> Answer<RetryRowsResponse> {
        nobody()
    }
    async fn restore_rows(&self, _: Request<RestoreRowsRequest>) -> Answer<RestoreRowsResponse> {
        nobody()
    }
    async fn rebuild_tabs(&self, _: Request<RebuildTabsRequest>) -> Answer<RebuildTabsResponse> {
        nobody()
    }
    async fn read_edits(&self, _: Request<ReadEditsRequest>) -> Answer<ReadEditsResponse> {
        nobody()
    }
    async fn verify_ledger(&self, _: Request<VerifyLedgerRequest>) -> Answer<Self::VerifyLedgerStream> {
        nobody()
    }
    async fn adopt_rows(&self, _: Request<AdoptRowsRequest>) -> Answer<AdoptRowsResponse> {
        nobody()
    }
    async fn adopt_ledger(&self, _: Request<AdoptLedgerRequest>) -> Answer<AdoptLedgerResponse> {
        nobody()
    }
    async fn read_sheet(&self, _: Request<ReadSheetRequest>) -> Answer<ReadSheetResponse> {
        nobody()
    }
}

#[tonic::async_trait]
impl DeliveryService for Books {
    async fn list_deliveries(
        &self,
        request: Request<ListDeliveriesRequest>,
    ) -> Answer<ListDeliveriesResponse> {
        let ListDeliveriesRequest { state, page_size, page_token, .. } = request.into_inner();
        let known = self.come()?.deliveries.clone();
        let skip: usize = if page_token.is_empty() { 0 } else { page_token.parse().unwrap() };
        let mut rest = known.into_iter().filter(|delivery| delivery.state == state).skip(skip);
        let deliveries: Vec<_> = rest.by_ref().take(page_size as usize).collect();
        let next = (skip + deliveries.len()).to_string();
        let next_page_token = rest.next().map_or_else(String::new, |_| next);
        Ok(Response::new(ListDeliveriesResponse { deliveries, next_page_token }))
    }

    async fn resend_delivery(&self, _: Request<ResendDeliveryRequest>) -> Answer<ResendDeliveryResponse> {
        nobody()
    }
    async fn test_delivery(&self, _: Request<TestDeliveryRequest>) -> Answer<TestDeliveryResponse> {
        nobody()
    }
    async fn list_event_types(&self, _: Request<ListEventTypesRequest>) -> Answer<ListEventTypesResponse> {
        nobody()
    }
    async fn list_destinations(
        &self,
        _: Request<ListDestinationsRequest>,
    ) -> Answer<ListDestinationsResponse> {
        nobody()
    }
}

#[tonic::async_trait]
impl EventService for Books {
    async fn ingest_events(&self, _: Request<IngestEventsRequest>) -> Answer<IngestEventsResponse> {
        nobody()
    }

    async fn record_events(&self, request: Request<RecordEventsRequest>) -> Answer<RecordEventsResponse> {
        let event: Value = serde_json::from_slice(&request.into_inner().events).unwrap();
        let mut state = self.come()?;
        let is_known = state.recorded.iter().any(|known| known["id"] == event["id"]);
        if is_known {
            state.duplicates += 1;
        } else {
            state.recorded.push(event);
        }
        Ok(Response::new(RecordEventsResponse { accepted: i32::from(!is_known), ..Default::default() }))
    }
}
