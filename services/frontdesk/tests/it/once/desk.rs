//! All services as processes of their own, each behind a line that breaks, over the providers' stand-ins behind another.
//!
//! The invariant: nobody knows anybody but by their line, so whoever is killed comes back somewhere else and is found.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use chassis::Link;
use domain::token::{Claims, Keys, Purpose};
use jiff::Timestamp;
use reqwest::Client;
use sandbox::Sandbox;
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::Mutex};

use super::line::{Broken, Line};
use crate::processes::{
    child::{Process, host},
    fleet::{
        agent_vars, aim_webhooks, broker_vars, members_paths, members_vars, start, till_vars, writer_vars,
    },
};

/// The services in the order in which they are started.
pub(super) const SERVICES: [&str; 7] = [
    "session-broker",
    "sheets-writer",
    "chat-agent",
    "booking-payments",
    "whop-gateway",
    "ops-copilot",
    "gateway",
];
/// Agents' tokens, and the operator's.
pub(super) const CONCIERGE: &str = "lead-concierge";
pub(super) const PORTAL: &str = "client-portal";
pub(super) const OPS: &str = "ops-copilot";
const CONCIERGES_TOKEN: &str = "a-concierges-own-token";
const PORTALS_TOKEN: &str = "a-portals-own-token";
const OPERATORS_TOKEN: &str = "an-operators-own-token";
/// Who gets mail.
const OWNER: &str = "owner@agency.example";
/// Bytes that a connection between two services lives, and one to a provider.
const LIFE: u64 = 15_000;
const PROVIDERS_LIFE: u64 = 12_000;

pub(super) struct Desk {
    pub(super) sandbox: Sandbox,
    /// Where the stand-ins are, whatever lies on the way to them for services.
    pub(super) base: String,
    pub(super) http: Client,
    pub(super) lines: BTreeMap<&'static str, Line>,
    pub(super) providers: Line,
    mail: SocketAddr,
    keys: Keys,
    key_text: String,
    dir: TempDir,
    processes: BTreeMap<&'static str, Mutex<Option<Process>>>,
}

// === impl Desk ===

impl Desk {
    pub(super) async fn start(seed: u64) -> Self {
        let sandbox = Sandbox::open(None).unwrap();
        sandbox.calendar().set_rate(1_000_000);
        let base = host(sandbox.providers()).await;
        let mail = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mail_address = mail.local_addr().unwrap();
        tokio::spawn(sandbox::serve_mail(mail, sandbox.clone(), std::future::pending::<()>()));
        let mut lines = BTreeMap::new();
        for (number, service) in (0..).zip(SERVICES) {
            lines.insert(service, Line::new(seed + number, LIFE).await);
        }
        let providers = Line::new(seed + 100, PROVIDERS_LIFE).await;
        providers.set_upstream(base.strip_prefix("http://").unwrap().parse().unwrap());
        let key_text = Keys::generate();
        let desk = Self {
            http: Client::builder().pool_max_idle_per_host(0).build().unwrap(),
            keys: key_text.parse().unwrap(),
            dir: tempfile::tempdir().unwrap(),
            processes: SERVICES.map(|service| (service, Mutex::default())).into(),
            mail: mail_address,
            sandbox,
            base,
            lines,
            providers,
            key_text,
        };
        for service in SERVICES {
            desk.restart(service).await;
        }
        aim_webhooks(&desk.sandbox, &desk.lines["gateway"].url());
        desk
    }

    /// Kills a service, if it runs, and starts it anew over what it has kept.
    pub(super) async fn restart(&self, service: &'static str) {
        let mut held = self.processes[service].lock().await;
        if let Some(mut old) = held.take() {
            old.kill().await;
        }
        let mut process = self.process(service);
        self.lines[service].set_upstream(process.address(service).await);
        *held = Some(process);
    }

    fn process(&self, service: &str) -> Process {
        let url = |service: &str| self.lines[service].url();
        let (writer, agent) = (url("sheets-writer"), url("chat-agent"));
        let at = |path: &str| format!("{}/{path}", self.providers.url());
        let [openai, sheets, calcom, stripe] = ["openai/v1", "sheets", "calcom", "stripe"].map(at);
        let whop = members_paths(&self.providers.url());
        let (till, members, copilot) = (url("booking-payments"), url("whop-gateway"), url("ops-copilot"));
        let (broker, smtp) = (url("session-broker"), format!("smtp://{}", self.mail));
        let tokens = format!("{CONCIERGE}:{CONCIERGES_TOKEN},{PORTAL}:{PORTALS_TOKEN}");
        let limits =
            ["VISITOR", "IP", "SITE", "CHAT", "TOKENS_DAY", "MEMBER_ACTIONS", "MEMBER_READS", "NOTICES"];
        let limits = limits.map(|limit| format!("LIMIT_{limit}"));
        let services = [
            ("SESSION_BROKER_ADDR", broker.as_str()),
            ("SHEETS_WRITER_ADDR", &writer),
            ("CHAT_AGENT_ADDR", &agent),
            ("BOOKING_PAYMENTS_ADDR", &till),
            ("WHOP_GATEWAY_ADDR", &members),
            ("OPS_COPILOT_ADDR", &copilot),
        ];
        let own: Vec<(&str, &str)> = match service {
            "session-broker" => broker_vars(&openai).into(),
            "sheets-writer" => [&writer_vars(&sheets)[..], &services[5..]].concat(),
            "chat-agent" => {
                [&agent_vars(&openai, &writer)[..], &services[3..], &[("BUDGET_DAY", "off")]].concat()
            }
            "booking-payments" => {
                [&till_vars(&calcom, &stripe, &writer)[..], &[("CHAT_AGENT_ADDR", agent.as_str())]].concat()
            }
            "whop-gateway" => members_vars(&whop, &writer).into(),
            "ops-copilot" => vec![
                ("SHEETS_WRITER_ADDR", &writer),
                ("SMTP_URL", &smtp),
                ("NOTIFY_EMAIL_FROM", OWNER),
                ("NOTIFY_EMAIL_TO", OWNER),
                ("NOTIFY_PERSONAL", "1"),
            ],
            _ => {
                let access = [
                    ("TOKEN_KEYS", self.key_text.as_str()),
                    ("MCP_TOKENS", &tokens),
                    ("OPERATOR_TOKEN", OPERATORS_TOKEN),
                ];
                [&services[..], &access].concat()
            }
        };
        let limits: Vec<_> = limits.iter().map(|limit| (limit.as_str(), "off")).collect();
        start(service, self.dir.path(), 0, &[own, limits].concat())
    }

    /// Where the gateway is, past its line.
    pub(super) fn gateway(&self) -> SocketAddr {
        self.lines["gateway"].upstream()
    }

    /// Breaks connections between services, or no more.
    pub(super) fn set_wild(&self, wild: bool) {
        self.lines.values().chain([&self.providers]).for_each(|line| line.set_wild(wild));
    }

    /// What was broken on the line to each.
    pub(super) fn broken(&self) -> BTreeMap<&'static str, Broken> {
        let lines = self.lines.iter().map(|(service, line)| (*service, line.broken()));
        lines.chain([("providers", self.providers.broken())]).collect()
    }

    /// The bearer of a workflow's agents.
    pub(super) fn bearer(workflow: &str) -> &'static str {
        match workflow {
            CONCIERGE => CONCIERGES_TOKEN,
            PORTAL => PORTALS_TOKEN,
            _ => OPERATORS_TOKEN,
        }
    }

    /// A session's token, as the gateway makes it.
    pub(super) fn session(&self, workflow: &str, visitor: &str, session: &str, user: Option<&str>) -> String {
        let claims = Claims {
            subject: visitor.into(),
            workflow: Some(workflow.into()),
            session_id: Some(session.into()),
            whop_user: user.map(str::to_owned),
            ..Claims::default()
        };
        self.keys.seal_claims(Purpose::ToolSession, claims, Timestamp::now())
    }

    /// A link to a service.
    pub(super) fn link(&self, service: &str) -> Link {
        let link = Link::new(&self.lines[service].url().parse().unwrap()).unwrap();
        link.with_default_deadline(Duration::from_secs(30))
    }

    /// A link to a service, past its line.
    pub(super) fn past(&self, service: &str) -> Link {
        Link::new(&format!("http://{}", self.lines[service].upstream()).parse().unwrap()).unwrap()
    }

    /// The line on the way to a service, or to the providers.
    pub(super) fn line(&self, to: &str) -> &Line {
        self.lines.get(to).unwrap_or(&self.providers)
    }
}
