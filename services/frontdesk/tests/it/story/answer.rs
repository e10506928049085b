//! Requests to the public door, and its answers, read.

use chassis::Link;
use proto::sheets::v1::{ListRowsRequest, Row, Tab, ledger_service_client::LedgerServiceClient};
use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde_json::Value;

use crate::world::{PATIENCE, World};

pub(crate) const SESSION: &str = "/api/chatkit/session";
pub(crate) const REFRESH: &str = "/api/chatkit/refresh";
pub(crate) const EVENTS: &str = "/webhooks/ajd/chat-events";
pub(crate) const DEVICE: &str = "5f0c6f1e-8a57-4c0b-9a55-3c0b6f2f9e11";

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
    headers: HeaderMap,
}

impl Answer {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response = request.timeout(PATIENCE).send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }

    /// The header; empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks that this is a whole problem document, and answers its `error`.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, reason: &str) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let document = self.json();
        assert_eq!(document["status"], status, "{self:?}");
        assert_eq!(document["reason"], reason, "{self:?}");
        assert_eq!(document["request_id"], self.header("x-request-id"), "{self:?}");
        assert!(document["request_id"].as_str().unwrap().starts_with("req_"), "{self:?}");
        let error = document["error"].as_str().unwrap();
        assert!(error.contains(' ') && !error.contains('\n'), "in words, in one line: {self:?}");
        error.to_owned()
    }
}

impl World {
    /// A request to the gateway.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.url(path))
    }

    /// A JSON body, sent as it is.
    pub(crate) fn send(&self, path: &str, body: impl Into<String>) -> RequestBuilder {
        self.request(Method::POST, path).header("content-type", "application/json").body(body.into())
    }

    /// Asks for a session.
    pub(crate) async fn session(&self, body: &Value) -> Answer {
        Answer::of(self.send(SESSION, body.to_string())).await
    }

    /// What the store has in a tab, over gRPC.
    pub(crate) async fn stored(&self, tab: Tab) -> Vec<Row> {
        let link = Link::new(&self.service("sheets-writer").parse().unwrap()).unwrap();
        let request = ListRowsRequest { tab: tab.into(), page_size: 500, ..Default::default() };
        LedgerServiceClient::new(link).list_rows(request).await.unwrap().into_inner().rows
    }

    /// How many rows the store has in each of the seven tabs.
    pub(crate) async fn stored_counts(&self) -> [usize; 7] {
        let mut counts = [0; 7];
        for (count, number) in counts.iter_mut().zip(1..) {
            *count = self.stored(Tab::try_from(number).unwrap()).await.len();
        }
        counts
    }
}
