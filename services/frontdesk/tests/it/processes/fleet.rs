//! The four services as four processes, the providers' stand-ins in this one.

use std::{net::SocketAddr, path::Path};

use reqwest::Client;
use sandbox::Sandbox;
use serde_json::Value;
use tempfile::TempDir;

use super::child::{Process, host};
use crate::world::{HOSTED, PATIENCE};

pub(crate) struct Fleet {
    pub(crate) sandbox: Sandbox,
    /// Where the stand-ins are.
    pub(crate) base: String,
    pub(crate) dir: TempDir,
    pub(crate) broker: Process,
    pub(crate) writer: Process,
    pub(crate) agent: Process,
    pub(crate) gateway: Process,
    pub(crate) broker_address: SocketAddr,
    pub(crate) writer_address: SocketAddr,
    pub(crate) agent_address: SocketAddr,
    gateway_address: SocketAddr,
    http: Client,
}

impl Fleet {
    pub(crate) async fn start() -> Self {
        let sandbox = Sandbox::open(None).unwrap();
        let base = host(sandbox.providers()).await;
        let dir = tempfile::tempdir().unwrap();
        let mut broker = broker(dir.path(), &base, 0);
        let mut writer = writer(dir.path(), &base, 0);
        let broker_address = broker.address("session-broker").await;
        let writer_address = writer.address("sheets-writer").await;
        let url = |address: SocketAddr| format!("http://{address}");
        let mut agent = agent(dir.path(), &base, &url(writer_address));
        let agent_address = agent.address("chat-agent").await;
        let [sessions, sheets, chats] = [broker_address, writer_address, agent_address].map(url);
        let inward = [
            ("SESSION_BROKER_ADDR", sessions.as_str()),
            ("SHEETS_WRITER_ADDR", &sheets),
            ("CHAT_AGENT_ADDR", &chats),
        ];
        let mut gateway = start("gateway", dir.path(), 0, &inward);
        let gateway_address = gateway.address("gateway").await;
        let http = chassis::http::client();
        Self {
            sandbox,
            base,
            dir,
            broker,
            writer,
            agent,
            gateway,
            broker_address,
            writer_address,
            agent_address,
            gateway_address,
            http,
        }
    }

    /// Where the gateway is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.gateway_address)
    }

    /// Status and body of an answer of the gateway.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}{path}", self.url());
        let answer = self.http.post(url).json(body).timeout(PATIENCE).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

pub(crate) fn broker(dir: &Path, base: &str, port: u16) -> Process {
    let base = format!("{base}/openai/v1");
    let vars = [("OPENAI_API_KEY", sandbox::API_KEY), ("OPENAI_BASE_URL", &base), HOSTED];
    start("session-broker", dir, port, &vars)
}

pub(crate) fn writer(dir: &Path, base: &str, port: u16) -> Process {
    let base = format!("{base}/sheets");
    let vars = [
        ("GOOGLE_SHEETS_ID", sandbox::SPREADSHEET_ID),
        ("GOOGLE_ACCESS_TOKEN", sandbox::ACCESS_TOKEN),
        ("SHEETS_BASE_URL", &base),
    ];
    start("sheets-writer", dir, port, &vars)
}

fn agent(dir: &Path, base: &str, sheets_writer: &str) -> Process {
    let base = format!("{base}/openai/v1");
    let vars = [
        ("OPENAI_API_KEY", sandbox::API_KEY),
        ("OPENAI_BASE_URL", &base),
        ("SHEETS_WRITER_ADDR", sheets_writer),
    ];
    start("chat-agent", dir, 0, &vars)
}

/// HOST is not among the variables: a local run listens on 127.0.0.1 by itself.
fn start(service: &str, dir: &Path, port: u16, vars: &[(&str, &str)]) -> Process {
    Process::start(service, dir, &[&[("PORT", port.to_string().as_str())], vars].concat(), &[])
}
