//! Frontdesk as a process of its own, and the stand-in that it writes to.
//!
//! The invariant: nothing of the caller's environment reaches the process, and it is gone when its value goes.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::{Context as _, ensure};
use reqwest::Client;
use sandbox::Sandbox;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::{QUOTA, programs};

const ANSWER: Duration = Duration::from_secs(20);

/// A stand-in for Sheets under Google's quota.
pub(crate) struct Sheets {
    pub(crate) sandbox: Sandbox,
    pub(crate) url: String,
}

/// The running program.
pub(crate) struct Desk {
    child: Child,
    url: String,
    http: Client,
}

// === impl Sheets ===

impl Sheets {
    pub(crate) async fn serve() -> anyhow::Result<Self> {
        let sandbox = Sandbox::open(None)?;
        sandbox.set_quota(QUOTA, QUOTA);
        sandbox.keep_truth();
        let listener = chassis::bind([127, 0, 0, 1].into(), 0).await?;
        let url = format!("http://{}/sheets", listener.local_addr()?);
        tokio::spawn(sandbox::serve(listener, sandbox.providers(), std::future::pending::<()>()));
        Ok(Self { sandbox, url })
    }
}

// === impl Desk ===

impl Desk {
    pub(crate) async fn start(dir: &Path, sheets: &str) -> anyhow::Result<Self> {
        let mut command = Command::new(programs::path("frontdesk")?);
        command.env_clear().env("FRONTDESK_DIR", dir).current_dir(dir).envs([
            ("PORT", "0"),
            ("GOOGLE_SHEETS_ID", sandbox::SPREADSHEET_ID),
            ("GOOGLE_ACCESS_TOKEN", sandbox::ACCESS_TOKEN),
            ("SHEETS_BASE_URL", sheets),
            ("RUST_LOG", "off"),
        ]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().context("frontdesk cannot be started")?;
        let mut table = BufReader::new(child.stdout.take().context("it has no output")?).lines();
        loop {
            let line = table.next_line().await?.context("frontdesk ended at its start")?;
            if let Some(url) = line.trim().strip_prefix("gateway") {
                let url = format!("{}/webhooks/ajd/chat-events", url.trim());
                // the rest is read too, or the process would wait for us
                tokio::spawn(async move { while let Ok(Some(_)) = table.next_line().await {} });
                return Ok(Self { child, url, http: chassis::http::client() });
            }
        }
    }

    /// Delivers events; when this answers, they are acknowledged.
    pub(crate) async fn deliver(&self, events: &Value) -> anyhow::Result<()> {
        let answer = self.http.post(&self.url).json(events).timeout(ANSWER).send().await?;
        ensure!(answer.status() == 202, "events were answered {}", answer.status());
        Ok(())
    }

    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}
