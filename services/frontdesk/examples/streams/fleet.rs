//! The services as processes, and the sessions of their visitors.
//!
//! The invariant: nothing of the caller's environment reaches them, so that no run spends anybody's money.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{process::Command, task::JoinSet};

use crate::{process::Process, stream::Target, upstream::Upstream};

const SERVICES: [&str; 4] = ["gateway", "session-broker", "chat-agent", "sheets-writer"];
/// Sessions that are asked for at once.
const AT_ONCE: usize = 16;

/// All services over one upstream.
pub(crate) struct Fleet {
    gateway: Process,
    agent: Process,
    others: [Process; 2],
    url: String,
    _dir: TempDir,
}

/// Whether all binaries are there.
pub(crate) fn check() -> anyhow::Result<()> {
    let missing: Vec<_> = SERVICES.iter().map(|name| binary(name)).collect::<Result<Vec<_>, _>>()?;
    let missing = missing.iter().filter(|path| !path.is_file());
    let missing: Vec<_> = missing.map(|path| path.display().to_string()).collect();
    if !missing.is_empty() {
        let release = if cfg!(debug_assertions) { "" } else { " --release" };
        bail!("{} missing: run `cargo build{release} --workspace`", missing.join(", "));
    }
    Ok(())
}

/// The binary of a service, in the directory above this example's.
fn binary(service: &str) -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe().context("no path of this program")?;
    let dir = this.parent().and_then(|dir| dir.parent()).context("this program stands nowhere")?;
    Ok(dir.join(service))
}

fn start(name: &'static str, dir: &TempDir, vars: &[(&str, &str)]) -> anyhow::Result<Process> {
    let beside = [("PORT", "0"), ("HOST", "127.0.0.1")];
    Process::start(name, Command::new(binary(name)?), dir, &[beside.as_slice(), vars].concat())
}

// === impl Fleet ===

impl Fleet {
    pub(crate) async fn start(upstream: &Upstream) -> anyhow::Result<Self> {
        let dir = TempDir::new().context("no directory for the services")?;
        let openai = upstream.openai();
        let openai = [("OPENAI_API_KEY", sandbox::API_KEY), ("OPENAI_BASE_URL", openai.as_str())];
        let mut writer = start(
            "sheets-writer",
            &dir,
            &[
                ("GOOGLE_SHEETS_ID", sandbox::SPREADSHEET_ID),
                ("GOOGLE_ACCESS_TOKEN", sandbox::ACCESS_TOKEN),
                ("SHEETS_BASE_URL", &format!("{}/sheets", upstream.base)),
            ],
        )?;
        let limits = ["LIMIT_VISITOR", "LIMIT_IP", "LIMIT_SITE"].map(|limit| (limit, "off"));
        let mut broker = start("session-broker", &dir, &[&openai[..], &limits].concat())?;
        let (writer_url, broker_url) = (writer.url().await?, broker.url().await?);
        let writer_addr = ("SHEETS_WRITER_ADDR", writer_url.as_str());
        let limits = ["LIMIT_CHAT", "LIMIT_TOKENS_DAY", "BUDGET_DAY"].map(|limit| (limit, "off"));
        let mut agent = start("chat-agent", &dir, &[&openai[..], &limits, &[writer_addr]].concat())?;
        let agent_url = agent.url().await?;
        let inward = [writer_addr, ("SESSION_BROKER_ADDR", &broker_url), ("CHAT_AGENT_ADDR", &agent_url)];
        let mut gateway = start("gateway", &dir, &inward)?;
        let url = gateway.url().await?;
        Ok(Self { gateway, agent, others: [broker, writer], url, _dir: dir })
    }

    /// The chat, with a visitor and a session for every stream.
    pub(crate) async fn target(&self, visitors: usize) -> anyhow::Result<Target> {
        let http = chassis::http::client();
        let (mut asked, mut secrets) = (JoinSet::new(), Vec::new());
        for visitor in 0..visitors {
            if asked.len() == AT_ONCE {
                secrets.extend(asked.join_next().await);
            }
            asked.spawn(session(http.clone(), self.url.clone(), visitor));
        }
        secrets.extend(asked.join_all().await.into_iter().map(Ok));
        let secrets = secrets.into_iter().map(|asked| asked?).collect::<anyhow::Result<_>>()?;
        Ok(Target::chat(format!("{}/chatkit", self.url), secrets))
    }

    /// The processes that a stream goes through: the gateway, the agent.
    pub(crate) fn watched(&self) -> anyhow::Result<Vec<u32>> {
        Ok(vec![self.gateway.id()?, self.agent.id()?])
    }

    pub(crate) async fn stop(self) {
        self.gateway.stop().await;
        self.agent.stop().await;
        for other in self.others {
            other.stop().await;
        }
    }
}

/// A new visitor's client secret.
async fn session(http: reqwest::Client, url: String, visitor: usize) -> anyhow::Result<String> {
    let device = format!("{visitor:08x}-0000-4000-8000-{visitor:012x}");
    let request = http.post(format!("{url}/api/chatkit/session"));
    let request = request.json(&json!({"deviceId": device, "modes": ["self_hosted"]}));
    let answer: Value = request.send().await?.error_for_status()?.json().await?;
    let secret = answer["client_secret"].as_str().context("a session without a client secret")?;
    Ok(secret.to_owned())
}
