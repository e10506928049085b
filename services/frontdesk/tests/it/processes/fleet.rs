//! The services as processes of their own, the providers' stand-ins in this one.

use std::{net::SocketAddr, path::Path};

use reqwest::Client;
use sandbox::{Provider, Sandbox};
use serde_json::Value;
use tempfile::TempDir;

use super::child::{Process, host};
use crate::world::{HOSTED, PATIENCE};

/// What the stand-ins sign their webhooks with.
const CALCOM_SECRET: &str = "calcom-secret";
const STRIPE_SECRET: &str = "whsec_secret";
const WHOP_SECRET: &str = "ws_secret";

pub(crate) struct Fleet {
    pub(crate) sandbox: Sandbox,
    /// Where the stand-ins are.
    pub(crate) base: String,
    pub(crate) dir: TempDir,
    pub(crate) broker: Process,
    pub(crate) writer: Process,
    pub(crate) agent: Process,
    pub(crate) till: Process,
    pub(crate) members: Process,
    pub(crate) copilot: Process,
    pub(crate) gateway: Process,
    pub(crate) broker_address: SocketAddr,
    pub(crate) writer_address: SocketAddr,
    pub(crate) agent_address: SocketAddr,
    pub(crate) till_address: SocketAddr,
    pub(crate) members_address: SocketAddr,
    pub(crate) copilot_address: SocketAddr,
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
        let mut agent = agent(dir.path(), &base, &url(writer_address), 0);
        let agent_address = agent.address("chat-agent").await;
        let mut till = till(dir.path(), &base, &url(writer_address), &url(agent_address));
        let till_address = till.address("booking-payments").await;
        let mut members = members(dir.path(), &base, &url(writer_address));
        let members_address = members.address("whop-gateway").await;
        let mut copilot =
            start("ops-copilot", dir.path(), 0, &[("SHEETS_WRITER_ADDR", url(writer_address).as_str())]);
        let copilot_address = copilot.address("ops-copilot").await;
        let private =
            [broker_address, writer_address, agent_address, till_address, members_address, copilot_address];
        let [sessions, sheets, chats, payments, club, ops] = private.map(url);
        let inward = [
            ("SESSION_BROKER_ADDR", sessions.as_str()),
            ("SHEETS_WRITER_ADDR", &sheets),
            ("CHAT_AGENT_ADDR", &chats),
            ("BOOKING_PAYMENTS_ADDR", &payments),
            ("WHOP_GATEWAY_ADDR", &club),
            ("OPS_COPILOT_ADDR", &ops),
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
            till,
            members,
            copilot,
            gateway,
            broker_address,
            writer_address,
            agent_address,
            till_address,
            members_address,
            copilot_address,
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
    start("session-broker", dir, port, &broker_vars(&format!("{base}/openai/v1")))
}

pub(crate) fn writer(dir: &Path, base: &str, port: u16) -> Process {
    start("sheets-writer", dir, port, &writer_vars(&format!("{base}/sheets")))
}

pub(crate) fn agent(dir: &Path, base: &str, sheets_writer: &str, port: u16) -> Process {
    start("chat-agent", dir, port, &agent_vars(&format!("{base}/openai/v1"), sheets_writer))
}

pub(crate) fn till(dir: &Path, base: &str, sheets_writer: &str, chat_agent: &str) -> Process {
    let [calcom, stripe] = ["calcom", "stripe"].map(|provider| format!("{base}/{provider}"));
    let vars = till_vars(&calcom, &stripe, sheets_writer);
    start("booking-payments", dir, 0, &[&vars[..], &[("CHAT_AGENT_ADDR", chat_agent)]].concat())
}

/// A whop-gateway, over the stand-in of Whop.
fn members(dir: &Path, base: &str, sheets_writer: &str) -> Process {
    let paths = members_paths(base);
    start("whop-gateway", dir, 0, &members_vars(&paths, sheets_writer))
}

/// Where the stand-ins of Whop and Drive are: API, keys, files.
pub(crate) fn members_paths(base: &str) -> [String; 3] {
    ["whop/api/v1", "whop/.well-known/jwks.json", "drive/v3"].map(|at| format!("{base}/{at}"))
}

/// What a whop-gateway has to know of Whop and the books, which take what is invented, too.
pub(crate) fn members_vars<'v>(
    [api, jwks, drive]: &'v [String; 3],
    sheets_writer: &'v str,
) -> [(&'v str, &'v str); 10] {
    [
        ("WHOP_API_KEY", sandbox::WHOP_API_KEY),
        ("WHOP_ACCOUNT_ID", sandbox::WHOP_ACCOUNT_ID),
        ("WHOP_APP_ID", sandbox::WHOP_APP_ID),
        ("WHOP_BASE_URL", api),
        ("WHOP_JWKS_URL", jwks),
        ("WHOP_WEBHOOK_SECRETS", WHOP_SECRET),
        ("DRIVE_BASE_URL", drive),
        ("GOOGLE_ACCESS_TOKEN", sandbox::ACCESS_TOKEN),
        ("SHEETS_WRITER_ADDR", sheets_writer),
        ("SANDBOX_LEDGER_ADDR", sheets_writer),
    ]
}

/// What a booking-payments has to know of the providers and the books, which take what is invented, too.
pub(crate) fn till_vars<'v>(
    calcom: &'v str,
    stripe: &'v str,
    sheets_writer: &'v str,
) -> [(&'v str, &'v str); 8] {
    [
        ("CALCOM_API_KEY", sandbox::CALCOM_API_KEY),
        ("CALCOM_BASE_URL", calcom),
        ("CALCOM_WEBHOOK_SECRETS", CALCOM_SECRET),
        ("STRIPE_SECRET_KEY", sandbox::STRIPE_SECRET_KEY),
        ("STRIPE_BASE_URL", stripe),
        ("STRIPE_WEBHOOK_SECRETS", STRIPE_SECRET),
        ("SHEETS_WRITER_ADDR", sheets_writer),
        ("SANDBOX_LEDGER_ADDR", sheets_writer),
    ]
}

/// Has the stand-ins send their webhooks to the gateway at this address.
pub(crate) fn aim_webhooks(sandbox: &Sandbox, gateway: &str) {
    for (provider, path, secret) in [
        (Provider::CalCom, "calcom", CALCOM_SECRET),
        (Provider::Stripe, "stripe", STRIPE_SECRET),
        (Provider::Whop, "whop", WHOP_SECRET),
    ] {
        sandbox.set_webhook(provider, &format!("{gateway}/webhooks/{path}"), secret);
    }
}

/// What a session-broker has to know of OpenAI.
pub(crate) fn broker_vars(openai: &str) -> [(&str, &str); 3] {
    [("OPENAI_API_KEY", sandbox::API_KEY), ("OPENAI_BASE_URL", openai), HOSTED]
}

/// What a sheets-writer has to know of the spreadsheet.
pub(crate) fn writer_vars(sheets: &str) -> [(&str, &str); 3] {
    [
        ("GOOGLE_SHEETS_ID", sandbox::SPREADSHEET_ID),
        ("GOOGLE_ACCESS_TOKEN", sandbox::ACCESS_TOKEN),
        ("SHEETS_BASE_URL", sheets),
    ]
}

/// What a chat-agent has to know of OpenAI and the books.
pub(crate) fn agent_vars<'v>(openai: &'v str, sheets_writer: &'v str) -> [(&'v str, &'v str); 3] {
    [("OPENAI_API_KEY", sandbox::API_KEY), ("OPENAI_BASE_URL", openai), ("SHEETS_WRITER_ADDR", sheets_writer)]
}

/// HOST is not among the variables: a local run listens on 127.0.0.1 by itself.
pub(crate) fn start(service: &str, dir: &Path, port: u16, vars: &[(&str, &str)]) -> Process {
    Process::start(service, dir, &[&[("PORT", port.to_string().as_str())], vars].concat(), &[])
}
