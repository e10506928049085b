//! Two instances of every service as processes of their own, over one Firestore database.
//!
//! A service knows another one by the address of a relay over both of its instances; the gateways are addressed in
//! turn. The stand-ins of the providers are in this process.

use std::{
    net::SocketAddr,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use chassis::server::DRAIN_LIMIT;
use domain::token::Keys;
use reqwest::Client;
use sandbox::Sandbox;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::timeout;

use super::{database, emulator, relay::Relay};
use crate::{
    processes::{
        child::{Process, host},
        fleet::{agent_vars, broker_vars, start, writer_vars},
    },
    world::{PATIENCE, lines},
};

/// How many instances a service has.
pub(super) const INSTANCES: usize = 2;

/// The tabs in the order in which their lines are counted.
const TABS: [&str; 7] =
    ["contacts", "leads", "engagements", "bookings", "subscriptions", "payments", "chat_events"];

/// What is the same for all processes of a fleet.
pub(super) struct Ground {
    pub(super) sandbox: Sandbox,
    /// Where the stand-ins are.
    pub(super) base: String,
    pub(super) dir: TempDir,
    database: String,
    keys: String,
}

/// A running fleet.
pub(super) struct Fleet {
    pub(super) ground: Ground,
    pub(super) brokers: Vec<(Process, SocketAddr)>,
    pub(super) writers: Vec<(Process, SocketAddr)>,
    pub(super) agents: Vec<(Process, SocketAddr)>,
    pub(super) gateways: Vec<(Process, SocketAddr)>,
    /// In front of the instances of each service.
    pub(super) sessions: Relay,
    pub(super) sheets: Relay,
    pub(super) chats: Relay,
    http: Client,
    turn: AtomicUsize,
}

// === impl Ground ===

impl Ground {
    pub(super) async fn new() -> Self {
        let sandbox = Sandbox::open(None).unwrap();
        let base = host(sandbox.providers()).await;
        let dir = tempfile::tempdir().unwrap();
        Self { sandbox, base, dir, database: database(), keys: Keys::generate() }
    }

    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What the gateways sign with.
    pub(super) fn keys(&self) -> &str {
        &self.keys
    }

    /// Starts a service over this fleet's database, which it reaches at `firestore`.
    pub(super) fn start(&self, service: &str, firestore: SocketAddr, vars: &[(&str, &str)]) -> Process {
        let store = format!("firestore:demo-test/{}", self.database);
        let firestore = firestore.to_string();
        let own = [("STORE", store.as_str()), ("FIRESTORE_EMULATOR_HOST", &firestore)];
        start(service, self.dir(), 0, &[&own, vars].concat())
    }

    pub(super) fn gateway(&self, sessions: &str, sheets: &str, chats: &str) -> Process {
        let vars = [
            ("SESSION_BROKER_ADDR", sessions),
            ("SHEETS_WRITER_ADDR", sheets),
            ("CHAT_AGENT_ADDR", chats),
            ("TOKEN_KEYS", &self.keys),
        ];
        start("gateway", self.dir(), 0, &vars)
    }

    /// A writer that reaches Firestore and the spreadsheet there.
    pub(super) fn writer(&self, firestore: SocketAddr, base: &str) -> Process {
        let sheets = format!("{base}/sheets");
        self.start("sheets-writer", firestore, &writer_vars(&sheets))
    }

    /// How many lines each tab has.
    pub(super) fn counts(&self) -> [usize; 7] {
        TABS.map(|tab| lines(&self.sandbox, tab).len())
    }
}

// === impl Fleet ===

impl Fleet {
    /// Starts a fleet whose session-brokers have these settings.
    pub(super) async fn start(limits: &[(&str, &str)]) -> Self {
        let ground = Ground::new().await;
        let (at, openai) = (emulator(), format!("{}/openai/v1", ground.base));
        let broker = || ground.start("session-broker", at, &[&broker_vars(&openai), limits].concat());
        let brokers = instances("session-broker", broker).await;
        let writers = instances("sheets-writer", || ground.writer(at, &ground.base)).await;
        let (sessions, sheets) = (front(&brokers).await, front(&writers).await);
        let sheets_url = sheets.url();
        let agent = || ground.start("chat-agent", at, &agent_vars(&openai, &sheets_url));
        let agents = instances("chat-agent", agent).await;
        let chats = front(&agents).await;
        let gateway = || ground.gateway(&sessions.url(), &sheets.url(), &chats.url());
        let gateways = instances("gateway", gateway).await;
        let (http, turn) = (chassis::http::client(), AtomicUsize::new(0));
        Self { ground, brokers, writers, agents, gateways, sessions, sheets, chats, http, turn }
    }

    /// Where one of the gateways is, each in its turn.
    pub(super) fn url(&self) -> String {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        format!("http://{}", self.gateways[turn % INSTANCES].1)
    }

    /// Status and body of the answer of the gateway whose turn it is.
    pub(super) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.url())).json(body);
        let answer = request.timeout(PATIENCE).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// Ends every process as the cloud does, with nothing cut off.
    pub(super) async fn drain(mut self) {
        let services = [&mut self.gateways, &mut self.agents, &mut self.brokers, &mut self.writers];
        for (process, _) in services.into_iter().flatten() {
            drain(process).await;
        }
    }
}

/// Ends a process with SIGTERM, with nothing cut off.
pub(super) async fn drain(process: &mut Process) {
    process.signal("TERM").await;
    let drained = timeout(DRAIN_LIMIT, process.gone()).await;
    assert_eq!(drained.expect("drained within its eight seconds"), 0, "{}", process.said());
    assert!(process.stderr().contains("drained"), "{}", process.stderr());
}

/// Starts both instances of a service.
pub(super) async fn instances(service: &str, start: impl FnMut() -> Process) -> Vec<(Process, SocketAddr)> {
    let mut started = Vec::new();
    for mut process in std::iter::repeat_with(start).take(INSTANCES) {
        let address = process.address(service).await;
        started.push((process, address));
    }
    started
}

/// The relay in front of a service.
pub(super) async fn front(instances: &[(Process, SocketAddr)]) -> Relay {
    let addresses: Vec<_> = instances.iter().map(|(_, address)| *address).collect();
    Relay::over(&addresses).await
}
