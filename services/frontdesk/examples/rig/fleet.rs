//! The services as processes of their own, as when deployed.
//!
//! The invariant: nothing of the caller's environment reaches them, so that no run spends anybody's money.

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::process::Command;

use super::{process::Process, programs};

/// All services, in the order in which they need each other.
pub(crate) const SERVICES: [&str; 7] = [
    "sheets-writer",
    "session-broker",
    "ops-copilot",
    "whop-gateway",
    "chat-agent",
    "booking-payments",
    "gateway",
];
/// What events show.
pub(crate) const EVENTS_SECRET: &str = "benchmark-events-secret";

/// What signs Stripe's webhooks.
pub(crate) const STRIPE_SECRET: &str = "whsec_benchmark";

/// All services over one upstream.
pub(crate) struct Fleet {
    /// Where the gateway is.
    pub(crate) url: String,
    parts: Vec<(&'static str, Process)>,
    _dir: TempDir,
}

/// Settings of every service over an upstream that stands in for all providers, with all limits off.
pub(crate) fn settings(upstream: &str) -> Vec<(String, String)> {
    let openai = format!("{upstream}/openai/v1");
    let sheets = format!("{upstream}/sheets");
    let [calcom, stripe] = ["calcom", "stripe"].map(|provider| format!("{upstream}/{provider}"));
    let [whop, jwks] = ["whop/api/v1", "whop/.well-known/jwks.json"].map(|path| format!("{upstream}/{path}"));
    let settings = [
        ("HOST", "127.0.0.1"),
        ("PORT", "0"),
        ("OPENAI_API_KEY", sandbox::API_KEY),
        ("OPENAI_BASE_URL", &openai),
        ("CHATKIT_WORKFLOW_ID", "wf_sandbox_benchmark"),
        ("GOOGLE_SHEETS_ID", sandbox::SPREADSHEET_ID),
        ("GOOGLE_ACCESS_TOKEN", sandbox::ACCESS_TOKEN),
        ("SHEETS_BASE_URL", &sheets),
        ("EVENTS_WEBHOOK_SECRET", EVENTS_SECRET),
        ("CALCOM_API_KEY", sandbox::CALCOM_API_KEY),
        ("CALCOM_BASE_URL", &calcom),
        ("STRIPE_SECRET_KEY", sandbox::STRIPE_SECRET_KEY),
        ("STRIPE_BASE_URL", &stripe),
        ("STRIPE_WEBHOOK_SECRETS", STRIPE_SECRET),
        ("WHOP_API_KEY", sandbox::WHOP_API_KEY),
        ("WHOP_ACCOUNT_ID", sandbox::WHOP_ACCOUNT_ID),
        ("WHOP_BASE_URL", &whop),
        ("WHOP_JWKS_URL", &jwks),
    ];
    let limits = ["VISITOR", "IP", "SITE", "CHAT", "TOKENS_DAY"].map(|limit| format!("LIMIT_{limit}"));
    let limits = limits.into_iter().chain(["BUDGET_DAY".to_owned()]).map(|limit| (limit, "off".to_owned()));
    settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().chain(limits).collect()
}

/// A directory for what the services keep, on the disk that they were built on.
pub(crate) fn dir() -> anyhow::Result<TempDir> {
    TempDir::with_prefix_in("benchmark-", programs::dir()?).context("no directory for the services")
}

/// Starts the program of a service in `dir`.
pub(crate) fn start(
    name: &'static str,
    dir: &TempDir,
    settings: &[(String, String)],
) -> anyhow::Result<Process> {
    Process::start(name, Command::new(programs::path(name)?), dir, settings.iter().cloned())
}

// === impl Fleet ===

impl Fleet {
    pub(crate) async fn start(upstream: &str) -> anyhow::Result<Self> {
        let dir = dir()?;
        let (mut settings, mut parts, mut url) = (settings(upstream), Vec::new(), String::new());
        for name in SERVICES {
            let mut process = start(name, &dir, &settings)?;
            url = process.url().await?;
            settings.push((format!("{}_ADDR", name.to_uppercase().replace('-', "_")), url.clone()));
            parts.push((name, process));
        }
        Ok(Self { url, parts, _dir: dir })
    }

    /// The process of a service.
    pub(crate) fn id(&self, name: &str) -> anyhow::Result<u32> {
        let part = self.parts.iter().find(|(part, _)| *part == name);
        part.with_context(|| format!("there is no {name}"))?.1.id()
    }

    pub(crate) async fn stop(self) {
        for (_, process) in self.parts.into_iter().rev() {
            process.stop().await;
        }
    }
}
