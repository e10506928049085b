//! The words in which the tests talk about the ledger: its status, the calls it made, the faults it met.

use std::{net::Ipv4Addr, path::Path, time::Instant};

use chassis::Link;
use prost_types::value::Kind;
use proto::sheets::v1::{
    GetLedgerStatusRequest, GetLedgerStatusResponse, ListRowsRequest, ReadEditsRequest, RetryRowsRequest,
    Row, Tab, UpsertRowsRequest, ledger_service_client::LedgerServiceClient,
};
use sandbox::{ACCESS_TOKEN, Asked, Fault, FaultKind, Provider, SPREADSHEET_ID, Sandbox};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{PATIENCE, World};

/// One `:batchUpdate` that the spreadsheet was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// The id of the metadata that it creates.
    pub(crate) number: i64,
    /// The value of the metadata, after the ledger's id.
    pub(crate) mark: String,
    /// What it asks for besides.
    pub(crate) requests: Vec<Value>,
    pub(crate) asked: Asked,
}

// === impl Batch ===

impl Batch {
    fn read(asked: Asked) -> Option<Self> {
        let mut requests = asked.body["requests"].as_array()?.clone();
        let first = requests.remove(0);
        let metadata = &first["createDeveloperMetadata"]["developerMetadata"];
        let (ledger, mark) = metadata["metadataValue"].as_str()?.rsplit_once(':')?;
        assert!(ledger.starts_with("ldg_"), "{ledger}");
        assert_eq!((&metadata["metadataKey"], &metadata["visibility"]), (&json!("fd"), &json!("DOCUMENT")));
        assert_eq!(metadata["location"], json!({"spreadsheet": true}));
        let number = metadata["metadataId"].as_i64()?;
        Some(Self { number, mark: mark.to_owned(), requests, asked })
    }

    /// The rows that it appends, over all tabs.
    pub(crate) fn appended(&self) -> usize {
        let rows = |request: &Value| request["appendCells"]["rows"].as_array().map_or(0, Vec::len);
        self.requests.iter().map(rows).sum()
    }

    /// What a person who reads the log would say: number, mark, status.
    pub(crate) fn told(&self) -> (i64, &str, Option<u16>) {
        (self.number, &self.mark, self.asked.status)
    }
}

impl World {
    /// Starts a system and waits until its tabs stand.
    pub(crate) async fn set_up() -> Self {
        let world = Self::start().await;
        world.status_when("the tabs stand", |status| status.next_batch == 2 && !status.batch_open).await;
        world
    }

    pub(crate) fn ledger(&self) -> LedgerServiceClient<Link> {
        let url = self.service("sheets-writer").parse().unwrap();
        LedgerServiceClient::new(Link::new(&url).unwrap())
    }

    pub(crate) async fn status(&self) -> GetLedgerStatusResponse {
        self.ledger().get_ledger_status(GetLedgerStatusRequest::default()).await.unwrap().into_inner()
    }

    /// Waits for the ledger to say something about itself.
    pub(crate) async fn status_when(
        &self,
        what: &str,
        holds: impl Fn(&GetLedgerStatusResponse) -> bool,
    ) -> GetLedgerStatusResponse {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.status().await;
            if holds(&status) {
                return status;
            }
            assert!(Instant::now() < deadline, "{what}: never; the status is {status:?}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Waits until nothing waits.
    pub(crate) async fn all_written(&self) -> GetLedgerStatusResponse {
        self.status_when("all rows are written", |status| status.pending == 0 && !status.batch_open).await
    }

    /// The rows of a tab as the store has them.
    pub(crate) async fn rows(&self, tab: Tab) -> Vec<Row> {
        let request = ListRowsRequest { tab: tab.into(), page_size: 500, ..Default::default() };
        self.ledger().list_rows(request).await.unwrap().into_inner().rows
    }

    /// Puts a row into the ledger, as a service does.
    pub(crate) async fn upsert(&self, tab: Tab, id: &str, version: u64, cells: &Value) {
        let text = |value: &Value| match value {
            Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap()),
            Value::String(text) => Kind::StringValue(text.clone()),
            other => panic!("no cell of a test: {other}"),
        };
        let fields = cells.as_object().unwrap().iter();
        let fields =
            fields.map(|(name, value)| (name.clone(), prost_types::Value { kind: Some(text(value)) }));
        let row = Row {
            tab: tab.into(),
            row_id: id.to_owned(),
            version,
            occur_time: Some(prost_types::Timestamp { seconds: 1_761_668_400, nanos: 0 }),
            cells: Some(prost_types::Struct { fields: fields.collect() }),
            ..Default::default()
        };
        let request = UpsertRowsRequest { rows: vec![row], ..Default::default() };
        assert_eq!(self.ledger().upsert_rows(request).await.unwrap().into_inner().accepted, 1);
    }

    /// Gives parked rows and blocked tabs another chance; answers how many rows were parked.
    pub(crate) async fn retry_rows(&self) -> i32 {
        self.ledger().retry_rows(RetryRowsRequest::default()).await.unwrap().into_inner().retried
    }

    /// Has people's columns read.
    pub(crate) async fn read_edits(&self) {
        self.ledger().read_edits(ReadEditsRequest::default()).await.unwrap();
    }

    /// Every `:batchUpdate` whose body the spreadsheet has seen, in order.
    pub(crate) fn batches(&self) -> Vec<Batch> {
        self.sandbox().requests().into_iter().filter_map(Batch::read).collect()
    }

    /// What becomes of the next writes to the spreadsheet, one by one; `None` lets one pass.
    pub(crate) fn writes_meet(&self, kinds: impl IntoIterator<Item = Option<FaultKind>>) {
        for kind in kinds {
            self.sandbox().inject(Fault {
                provider: Provider::Sheets,
                path: Some(":batchUpdate".to_owned()),
                count: 1,
                kind: kind.unwrap_or(FaultKind::Latency(std::time::Duration::ZERO)),
            });
        }
    }

    /// Waits until every fault has been met.
    pub(crate) async fn faults_met(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let knobs: Value = self.get("/sandbox/faults").await.json().await.unwrap();
            if knobs["faults"] == json!([]) {
                return;
            }
            assert!(Instant::now() < deadline, "nobody met {knobs}");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// The line of a tab that has `value` in `column`, counted as people at the sheet do with the header as 0.
    pub(crate) fn line_of(&self, tab: &str, column: &str, value: &str) -> usize {
        let at = self.lines(tab).iter().position(|line| line[column] == value);
        1 + at.unwrap_or_else(|| panic!("no {value} in {column} of {tab}"))
    }
}

/// What somebody does to the spreadsheet in `dir` by the API before the system is started there.
pub(crate) async fn prepare(dir: &Path, requests: &Value) {
    let sandbox = Sandbox::open(Some(&dir.join("sandbox.db"))).unwrap();
    let listener = chassis::bind(Ipv4Addr::LOCALHOST.into(), 0).await.unwrap();
    let base = format!("http://{}/sheets/v4/spreadsheets/{SPREADSHEET_ID}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let serving = tokio::spawn(sandbox::serve(listener, sandbox.providers(), stop.clone().cancelled_owned()));
    let answer = chassis::http::client()
        .post(format!("{base}:batchUpdate"))
        .bearer_auth(ACCESS_TOKEN)
        .json(&json!({ "requests": requests }))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    stop.cancel();
    serving.await.unwrap();
}
