//! The books, as sheets-writer has them.
//!
//! Rows come page by page and are let go of one by one, so that a year of them takes no more memory than a page. The
//! invariant: a walk that was broken off is an error, never a smaller sum.

use std::{ops::ControlFlow, time::Duration};

use chassis::{
    Link,
    retry::{Policy, Verdict, retry},
};
use domain::Money;
use jiff::Timestamp;
use proto::{
    sheets::v1::{
        Delivery, DeliveryState, GetLedgerStatusRequest, GetLedgerStatusResponse, ListDeliveriesRequest,
        ListRowsRequest, ListRowsResponse, RecordEventsRequest, Row, RowState, Tab,
        delivery_service_client::DeliveryServiceClient, event_service_client::EventServiceClient,
        ledger_service_client::LedgerServiceClient,
    },
    time::{read, wire},
};
use serde::Deserialize as _;
use serde_json::{Number, Value};
use tonic::{Code, Status};

/// Rows of a page.
const PAGE: i32 = 500;
/// Most pages of deliveries that are looked at: they come by destination, and one page may be full of the first.
const DELIVERIES: usize = 100;
/// Reads, and what carries its own id: it can be done again.
const RETRY: Policy =
    Policy { attempts: 4, base: Duration::from_millis(100), cap: Duration::from_millis(1_000) };

/// The way to the books.
#[derive(Clone)]
pub(crate) struct Books {
    ledger: LedgerServiceClient<Link>,
    deliveries: DeliveryServiceClient<Link>,
    events: EventServiceClient<Link>,
}

/// Which rows of a tab, by when what they tell happened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
    pub(crate) newest_first: bool,
}

/// A row's cells.
pub(crate) struct Cells {
    pub(crate) id: String,
    /// When what it tells happened.
    pub(crate) at: Timestamp,
    row: prost_types::Struct,
    former: prost_types::Struct,
}

// === impl Span ===

impl Span {
    /// What happened from `from` until before `to`.
    pub(crate) fn of(from: Timestamp, to: Timestamp) -> Self {
        Self { from: Some(from), to: Some(to), newest_first: false }
    }
}

// === impl Cells ===

impl Cells {
    /// What a person deleted from the spreadsheet is no row any more.
    fn of(row: Row) -> Option<Self> {
        if row.state() == RowState::Deleted {
            return None;
        }
        let (at, cells) = (read(row.occur_time?)?, row.cells.unwrap_or_default());
        Some(Self { id: row.row_id, at, row: cells, former: row.former.unwrap_or_default() })
    }

    /// A text; empty where there is none.
    pub(crate) fn text(&self, column: &str) -> &str {
        match self.row.fields.get(column).and_then(|value| value.kind.as_ref()) {
            Some(prost_types::value::Kind::StringValue(text)) => text,
            _ => "",
        }
    }

    /// A time.
    pub(crate) fn time(&self, column: &str) -> Option<Timestamp> {
        self.text(column).parse().ok()
    }

    /// An amount.
    pub(crate) fn money(&self, column: &str) -> Option<Money> {
        Money::deserialize(json(self.row.fields.get(column)?.clone())).ok()
    }

    /// An amount that stood there before an end took it away.
    pub(crate) fn former(&self, column: &str) -> Option<Money> {
        Money::deserialize(json(self.former.fields.get(column)?.clone())).ok()
    }

    /// When what the row tells was over, as it was kept then.
    pub(crate) fn ended_at(&self) -> Option<Timestamp> {
        match self.former.fields.get("ended_at")?.kind.as_ref()? {
            prost_types::value::Kind::StringValue(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// A text that is JSON.
    pub(crate) fn json(&self, column: &str) -> Value {
        serde_json::from_str(self.text(column)).unwrap_or_default()
    }
}

/// A value on the wire as JSON; a number without a fraction is an integer.
fn json(value: prost_types::Value) -> Value {
    use prost_types::value::Kind;
    match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(flag)) => flag.into(),
        Some(Kind::StringValue(text)) => text.into(),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(json).collect(),
        Some(Kind::StructValue(object)) => {
            object.fields.into_iter().map(|(name, value)| (name, json(value))).collect()
        }
        // Exact: a double holds every amount up to 2^53 minor units.
        Some(Kind::NumberValue(number))
            if number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0 =>
        {
            (number as i64).into()
        }
        Some(Kind::NumberValue(number)) => Number::from_f64(number).map_or(Value::Null, Value::Number),
    }
}

// === impl Books ===

impl Books {
    pub(crate) fn new(link: Link) -> Self {
        Self {
            ledger: LedgerServiceClient::new(link.clone()),
            deliveries: DeliveryServiceClient::new(link.clone()),
            events: EventServiceClient::new(link),
        }
    }

    /// Shows every row of a tab within a span to `look`, in order, until it breaks off.
    pub(crate) async fn walk(
        &self,
        tab: Tab,
        span: Span,
        mut look: impl FnMut(Cells) -> ControlFlow<()>,
    ) -> Result<(), Status> {
        let mut page_token = String::new();
        loop {
            let ListRowsResponse { rows, next_page_token } = self.page(tab, span, page_token, PAGE).await?;
            for cells in rows.into_iter().filter_map(Cells::of) {
                if look(cells).is_break() {
                    return Ok(());
                }
            }
            if next_page_token.is_empty() {
                return Ok(());
            }
            page_token = next_page_token;
        }
    }

    /// The first row of a tab.
    pub(crate) async fn first(&self, tab: Tab) -> Result<Option<Cells>, Status> {
        let mut page_token = String::new();
        loop {
            let page = self.page(tab, Span::default(), page_token, 1).await?;
            let first = page.rows.into_iter().find_map(Cells::of);
            if first.is_some() || page.next_page_token.is_empty() {
                return Ok(first);
            }
            page_token = page.next_page_token;
        }
    }

    async fn page(
        &self,
        tab: Tab,
        span: Span,
        page_token: String,
        page_size: i32,
    ) -> Result<ListRowsResponse, Status> {
        let request = ListRowsRequest {
            tab: tab.into(),
            page_size,
            page_token,
            from_time: span.from.map(wire),
            to_time: span.to.map(wire),
            newest_first: span.newest_first,
            ..Default::default()
        };
        let ledger = self.ledger.clone();
        again(move || {
            let (mut ledger, request) = (ledger.clone(), request.clone());
            async move { ledger.list_rows(request).await }
        })
        .await
    }

    /// How far the spreadsheet is behind.
    pub(crate) async fn status(&self) -> Result<GetLedgerStatusResponse, Status> {
        let ledger = self.ledger.clone();
        again(move || {
            let mut ledger = ledger.clone();
            async move { ledger.get_ledger_status(GetLedgerStatusRequest::default()).await }
        })
        .await
    }

    /// Shows deliveries in a state to `look`, by destination; whether there are more than are looked at.
    pub(crate) async fn deliveries(
        &self,
        state: DeliveryState,
        mut look: impl FnMut(Delivery),
    ) -> Result<bool, Status> {
        let mut request =
            ListDeliveriesRequest { state: state.into(), page_size: PAGE, ..Default::default() };
        for _ in 0..DELIVERIES {
            let (deliveries, asked) = (self.deliveries.clone(), request.clone());
            let page = again(move || {
                let (mut deliveries, request) = (deliveries.clone(), asked.clone());
                async move { deliveries.list_deliveries(request).await }
            })
            .await?;
            page.deliveries.into_iter().for_each(&mut look);
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Has the books take an event, which has an id.
    pub(crate) async fn record(&self, event: &Value) -> Result<(), Status> {
        let request = RecordEventsRequest {
            request_id: format!("req_{}", domain::id::digest(&[event["id"].as_str().unwrap_or_default()])),
            events: event.to_string().into(),
            ..Default::default()
        };
        let events = self.events.clone();
        again(move || {
            let (mut events, request) = (events.clone(), request.clone());
            async move { events.record_events(request).await }
        })
        .await
        .map(drop)
    }
}

async fn again<T, F, Fut>(call: F) -> Result<T, Status>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<tonic::Response<T>, Status>>,
{
    let verdict = |status: &Status| match status.code() {
        Code::Unavailable => Verdict::Again(None),
        _ => Verdict::Stop,
    };
    retry(RETRY, verdict, call).await.map(tonic::Response::into_inner)
}
