//! A sandbox on a port of its own, and a client.

use std::{net::SocketAddr, path::Path, time::Duration};

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use sandbox::{ACCESS_TOKEN, API_KEY, SPREADSHEET_ID, Sandbox};
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub(crate) struct Town {
    pub(crate) sandbox: Sandbox,
    pub(crate) address: SocketAddr,
    pub(crate) client: Client,
}

impl Town {
    pub(crate) async fn new() -> Self {
        Self::of(Sandbox::open(None).unwrap()).await
    }

    pub(crate) async fn at(path: &Path) -> Self {
        Self::of(Sandbox::open(Some(path)).unwrap()).await
    }

    async fn of(sandbox: Sandbox) -> Self {
        sandbox.set_quota(10_000, 10_000);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = sandbox.providers().merge(sandbox.pages());
        tokio::spawn(sandbox::serve(listener, router, std::future::pending()));
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        Self { sandbox, address, client }
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) fn chatkit(&self, method: Method, path: &str) -> RequestBuilder {
        self.ask(method, &format!("/openai/v1/chatkit/{path}"))
            .bearer_auth(API_KEY)
            .header("openai-beta", "chatkit_beta=v1")
    }

    /// A request to OpenAI that needs no beta.
    pub(crate) fn openai(&self, method: Method, path: &str) -> RequestBuilder {
        self.ask(method, &format!("/openai/v1/{path}")).bearer_auth(API_KEY)
    }

    /// A response that is not streamed; any status.
    pub(crate) async fn respond(&self, body: &Value) -> (StatusCode, Value) {
        answer(self.openai(Method::POST, "responses").json(body)).await
    }

    /// The events of a streamed response. Their frames are checked here.
    pub(crate) async fn events(&self, body: &Value) -> Vec<Value> {
        let mut body = body.clone();
        body["stream"] = json!(true);
        let response = self.openai(Method::POST, "responses").json(&body).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
        let text = response.text().await.unwrap();
        let frames = text.strip_suffix("\n\n").unwrap().split("\n\n");
        frames.map(frame).collect()
    }

    /// `rest` is what follows the spreadsheet's id.
    pub(crate) fn sheets(&self, method: Method, rest: &str) -> RequestBuilder {
        self.ask(method, &format!("/sheets/v4/spreadsheets/{SPREADSHEET_ID}{rest}")).bearer_auth(ACCESS_TOKEN)
    }

    pub(crate) async fn get(&self, rest: &str) -> (StatusCode, Value) {
        answer(self.sheets(Method::GET, rest)).await
    }

    pub(crate) async fn post(&self, rest: &str, body: &Value) -> (StatusCode, Value) {
        answer(self.sheets(Method::POST, rest).json(body)).await
    }

    /// A batch; any status.
    pub(crate) async fn try_batch(&self, requests: Value) -> (StatusCode, Value) {
        self.post(":batchUpdate", &json!({"requests": requests})).await
    }

    /// A batch that is accepted.
    pub(crate) async fn batch(&self, requests: Value) -> Value {
        let (status, answer) = self.try_batch(requests).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Appends rows of texts to tab 0.
    pub(crate) async fn append(&self, rows: &[&[&str]]) {
        self.batch(json!([append(0, rows)])).await;
    }

    pub(crate) fn first_column(&self, tab: &str) -> Vec<Value> {
        let rows = self.sandbox.tab(tab).unwrap();
        rows.into_iter().map(|row| row.into_iter().next().unwrap_or_default()).collect()
    }
}

/// The event of one frame, whose name is the event's type.
fn frame(frame: &str) -> Value {
    let (name, data) = frame.split_once('\n').unwrap();
    let event: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(event["type"], name.strip_prefix("event: ").unwrap());
    event
}

pub(crate) fn append(sheet: i32, rows: &[&[&str]]) -> Value {
    let cell = |text: &&str| json!({"userEnteredValue": {"stringValue": text}});
    let row = |cells: &&[&str]| json!({"values": cells.iter().map(cell).collect::<Vec<_>>()});
    let rows: Vec<_> = rows.iter().map(row).collect();
    json!({"appendCells": {"sheetId": sheet, "fields": "userEnteredValue", "rows": rows}})
}

pub(crate) fn mark(id: i32, value: &str) -> Value {
    json!({"createDeveloperMetadata": {"developerMetadata": {
        "metadataId": id, "metadataKey": "fd", "metadataValue": value,
        "location": {"spreadsheet": true}, "visibility": "PROJECT",
    }}})
}

pub(crate) async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap_or_default())
}
