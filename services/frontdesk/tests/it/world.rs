//! A system in this process, and the words in which the tests talk to it.

pub(crate) mod ledger;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use chassis::{Drain, Vars};
use frontdesk::{Options, System, start};
use reqwest::{Client, Response};
use sandbox::Sandbox;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a condition may take to come true; generous, machines are shared.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What lets OpenAI run the first workflow, for clients that want that.
pub(crate) const HOSTED: (&str, &str) = ("CHATKIT_WORKFLOW_ID", "wf_sandbox_x");

pub(crate) struct World {
    pub(crate) system: System,
    pub(crate) http: Client,
    pub(crate) dir: TempDir,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        Self::open(tempfile::tempdir().unwrap(), settings).await
    }

    /// Starts a system whose workflow OpenAI may run, too.
    pub(crate) async fn hosted() -> Self {
        Self::with(&[HOSTED]).await
    }

    /// Starts a system over what is in `dir`.
    pub(crate) async fn open(dir: TempDir, settings: &[(&str, &str)]) -> Self {
        let options = Options::read(vars(dir.path(), settings), Vec::new()).unwrap();
        let system = start(options).await.unwrap();
        Self { system, http: chassis::http::client(), dir }
    }

    /// Stops the system and hands over what it kept.
    pub(crate) async fn stop(self) -> TempDir {
        assert_eq!(self.system.stop().await, Drain::Clean);
        self.dir
    }

    pub(crate) fn sandbox(&self) -> &Sandbox {
        self.system.sandbox.as_ref().unwrap()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.system.gateway)
    }

    /// Address of a service's gRPC.
    pub(crate) fn service(&self, name: &str) -> String {
        let (_, address) = self.system.services.iter().find(|(service, _)| *service == name).unwrap();
        format!("http://{address}")
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.http.get(self.url(path)).timeout(PATIENCE).send().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        self.http.post(self.url(path)).timeout(PATIENCE).json(body).send().await.unwrap()
    }

    /// Delivers events and expects them to be taken.
    pub(crate) async fn deliver(&self, events: &Value) -> Value {
        let answer = self.post("/webhooks/ajd/chat-events", events).await;
        assert_eq!(answer.status(), 202);
        answer.json().await.unwrap()
    }

    /// The lines of a tab of the sandbox spreadsheet below its header, by column.
    pub(crate) fn lines(&self, tab: &str) -> Vec<Value> {
        lines(self.sandbox(), tab)
    }

    /// Waits until the tab has `count` lines, and answers them.
    pub(crate) async fn lines_when(&self, tab: &str, count: usize) -> Vec<Value> {
        until(&format!("{count} lines in {tab}"), || self.lines(tab).len() >= count).await;
        self.lines(tab)
    }
}

/// Settings of a test: everything in `dir`, a free port, `settings` over it.
pub(crate) fn vars(dir: &Path, settings: &[(&str, &str)]) -> Vars {
    let dir = dir.display().to_string();
    let own = [("FRONTDESK_DIR", dir.as_str()), ("PORT", "0")];
    own.iter().chain(settings).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The lines of a tab below its header, by column; empty cells are null.
pub(crate) fn lines(sandbox: &Sandbox, tab: &str) -> Vec<Value> {
    let mut cells = sandbox.tab(tab).unwrap_or_default().into_iter();
    let Some(header) = cells.next() else { return Vec::new() };
    let line = |cells: Vec<Value>| {
        let named = header.iter().zip(cells.into_iter().chain(std::iter::repeat(Value::Null)));
        Value::Object(
            named.map(|(name, cell)| (name.as_str().unwrap_or_default().to_owned(), cell)).collect(),
        )
    };
    cells.map(line).collect()
}

/// Waits for a condition, and says which one never came true.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: never");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The turn of README's example.
pub(crate) fn turn() -> Value {
    json!({
        "type": "chat.turn", "session_id": "ck_123", "occurred_at": "2025-10-28T16:20:00Z", "page": "/services",
        "message": "I need a marketing automation package", "intent": "buy_inquiry", "score": 0.72,
        "traits": {"utm_source": "yt", "utm_campaign": "oct_launch"}
    })
}

/// The booking of README's example.
pub(crate) fn booked() -> Value {
    json!({
        "type": "calendar.booked", "contact_id": "c_456", "event_start": "2025-11-01T18:00:00Z",
        "meeting_type": "Consult 30", "cal_provider": "cal.com"
    })
}
