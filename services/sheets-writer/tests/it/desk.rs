//! A running sheets-writer, and the words in which the tests talk to it.

use std::{collections::BTreeMap, net::Ipv4Addr};

use chassis::{Context, Drain, Link, Vars};
use proto::sheets::v1::{
    ExportContactRequest, IngestEventsRequest, IngestEventsResponse, ListRowsRequest, Tab,
    contact_service_client::ContactServiceClient, event_service_client::EventServiceClient,
    ledger_service_client::LedgerServiceClient,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tonic::Status;

/// One row as the tests read it: column to value.
pub(crate) type Row = BTreeMap<String, Value>;

pub(crate) struct Desk {
    link: Link,
    ctx: Context,
    serving: JoinHandle<Drain>,
    pub(crate) dir: TempDir,
}

impl Desk {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        Self::open(tempfile::tempdir().unwrap(), settings).await
    }

    pub(crate) async fn open(dir: TempDir, settings: &[(&str, &str)]) -> Self {
        let store = format!("sqlite:{}", dir.path().display());
        // Port 9 discards: nobody answers there.
        let defaults = [
            ("STORE", store.as_str()),
            ("GOOGLE_SHEETS_ID", "sheet"),
            ("SHEETS_BASE_URL", "http://127.0.0.1:9"),
            ("GOOGLE_ACCESS_TOKEN", "token"),
        ];
        let vars: Vars = defaults
            .iter()
            .chain(settings)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let config = chassis::config::load(&vars, []).unwrap();
        let listener = chassis::bind(Ipv4Addr::LOCALHOST.into(), 0).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let ctx = Context::new("sheets-writer", false);
        let server = sheets_writer::service(config, ctx.clone()).await.unwrap();
        let serving = tokio::spawn(chassis::serve(listener, server, ctx.clone()));
        Self { link: Link::new(&url).unwrap(), ctx, serving, dir }
    }

    /// Stops it and starts it again on the same store.
    pub(crate) async fn restart(self) -> Self {
        self.restart_with(&[]).await
    }

    /// As [`Self::restart`], with these settings.
    pub(crate) async fn restart_with(self, settings: &[(&str, &str)]) -> Self {
        let Self { ctx, serving, dir, .. } = self;
        ctx.shutdown.cancel();
        assert_eq!(serving.await.unwrap(), Drain::Clean);
        Self::open(dir, settings).await
    }

    pub(crate) fn link(&self) -> Link {
        self.link.clone()
    }

    pub(crate) fn ledger(&self) -> LedgerServiceClient<Link> {
        LedgerServiceClient::new(self.link.clone())
    }

    pub(crate) fn contacts(&self) -> ContactServiceClient<Link> {
        ContactServiceClient::new(self.link.clone())
    }

    /// Delivers a body from this machine.
    pub(crate) async fn deliver(&self, body: Value) -> Result<IngestEventsResponse, Status> {
        let body = body.to_string().into_bytes();
        self.ingest(IngestEventsRequest { body: body.into(), from_loopback: true, ..Default::default() })
            .await
    }

    pub(crate) async fn ingest(&self, request: IngestEventsRequest) -> Result<IngestEventsResponse, Status> {
        EventServiceClient::new(self.link.clone())
            .ingest_events(request)
            .await
            .map(tonic::Response::into_inner)
    }

    /// Everything that is kept about a contact.
    pub(crate) async fn export(&self, request: ExportContactRequest) -> Result<Value, Status> {
        let mut pieces = self.contacts().export_contact(request).await?.into_inner();
        let mut document = Vec::new();
        while let Some(piece) = pieces.message().await? {
            document.extend(piece.document);
        }
        Ok(serde_json::from_slice(&document).unwrap())
    }

    /// All rows of a tab, read page by page.
    pub(crate) async fn rows(&self, tab: Tab) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListRowsRequest { tab: tab.into(), page_size: 2, page_token, ..Default::default() };
            let page = self.ledger().list_rows(request).await.unwrap().into_inner();
            rows.extend(page.rows.into_iter().map(|row| read(row.cells.unwrap())));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return rows;
            }
        }
    }

    /// The only row of a tab.
    pub(crate) async fn row(&self, tab: Tab) -> Row {
        let mut rows = self.rows(tab).await;
        assert_eq!(rows.len(), 1, "{tab:?}: {rows:?}");
        rows.remove(0)
    }

    /// How many rows each tab has, in the tabs' order.
    pub(crate) async fn counts(&self) -> [usize; 7] {
        let mut counts = [0; 7];
        for (count, number) in counts.iter_mut().zip(1..) {
            *count = self.rows(Tab::try_from(number).unwrap()).await.len();
        }
        counts
    }
}

fn read(cells: prost_types::Struct) -> Row {
    use prost_types::value::Kind;
    let value = |value: prost_types::Value| match value.kind {
        Some(Kind::StringValue(text)) => json!(text),
        Some(Kind::NumberValue(number)) => json!(number),
        Some(Kind::BoolValue(flag)) => json!(flag),
        Some(Kind::StructValue(fields)) => json!(read(fields)),
        _ => Value::Null,
    };
    cells.fields.into_iter().map(|(column, cell)| (column, value(cell))).collect()
}
