//! The real binary, on one directory in all its lives.
//!
//! The invariant: nothing of the caller's environment reaches it, and it is gone when its value goes.

use std::{
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use reqwest::Client;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::{sleep, timeout},
};

const SIGKILL: i32 = 9;
/// An answer takes no longer, or there will be none.
const ANSWER: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(200);

/// A process that takes events.
pub(super) struct Desk {
    child: Child,
    door: Door,
    frontdesk: PathBuf,
    dir: PathBuf,
}

/// Where events go; outlives the process behind it.
#[derive(Clone)]
pub(super) struct Door {
    url: String,
    http: Client,
}

/// What every process is told.
fn command(frontdesk: &Path, dir: &Path) -> Command {
    let mut command = Command::new(frontdesk);
    command.env_clear().env("FRONTDESK_DIR", dir).current_dir(dir);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    command
}

/// Starts it without waiting for anything; `die_at` is what `chassis::brink` takes.
pub(super) fn spawn(
    frontdesk: &Path,
    dir: &Path,
    sheets: &str,
    die_at: Option<&str>,
) -> anyhow::Result<Child> {
    let mut command = command(frontdesk, dir);
    command.envs([
        ("PORT", "0"),
        ("GOOGLE_SHEETS_ID", sandbox::SPREADSHEET_ID),
        ("GOOGLE_ACCESS_TOKEN", sandbox::ACCESS_TOKEN),
        ("SHEETS_BASE_URL", sheets),
        ("RUST_LOG", "off"),
    ]);
    command.envs(die_at.map(|point| ("FRONTDESK_DIE_AT", point)));
    command.spawn().with_context(|| format!("{} cannot be started", frontdesk.display()))
}

/// Whether a process ended as one that was killed.
pub(super) fn was_killed(status: ExitStatus) -> bool {
    status.signal() == Some(SIGKILL)
}

// === impl Desk ===

impl Desk {
    /// Starts it and waits until it serves; none if it was killed before.
    pub(super) async fn start(
        frontdesk: &Path,
        dir: &Path,
        sheets: &str,
        die_at: Option<&str>,
    ) -> anyhow::Result<Option<Self>> {
        let mut child = spawn(frontdesk, dir, sheets, die_at)?;
        let mut table = BufReader::new(child.stdout.take().context("it has no output")?).lines();
        while let Some(line) = table.next_line().await? {
            let Some(url) = line.trim().strip_prefix("gateway") else { continue };
            let door = Door { url: url.trim().to_owned(), http: chassis::http::client() };
            // the rest is read too, or the process would wait for us
            tokio::spawn(async move { while let Ok(Some(_)) = table.next_line().await {} });
            return Ok(Some(Self { child, door, frontdesk: frontdesk.to_owned(), dir: dir.to_owned() }));
        }
        match child.wait().await? {
            status if was_killed(status) => Ok(None),
            status => bail!("frontdesk ended at its start: {status}"),
        }
    }

    pub(super) fn door(&self) -> Door {
        self.door.clone()
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    pub(super) async fn kill(mut self) -> anyhow::Result<ExitStatus> {
        self.child.start_kill()?;
        Ok(self.child.wait().await?)
    }

    /// Waits until no row waits for the spreadsheet any more.
    pub(super) async fn drained(&self, patience: Duration) -> anyhow::Result<()> {
        let (mut since, mut least) = (Instant::now(), u64::MAX);
        loop {
            let mut command = command(&self.frontdesk, &self.dir);
            let said = timeout(ANSWER, command.args(["ledger", "status", "--json"]).output()).await??;
            let status: Value = serde_json::from_slice(&said.stdout)
                .with_context(|| format!("`ledger status` ended with {}", said.status))?;
            let count = |name: &str| -> anyhow::Result<u64> {
                let count = status[name].as_u64().or_else(|| status[name].as_str()?.parse().ok());
                count.with_context(|| format!("`ledger status` has no {name}: {status}"))
            };
            let (waiting, parked) = (count("pending")?, count("parked")?);
            if parked > 0 {
                bail!("{parked} rows are parked: {status}");
            }
            if waiting == 0 {
                return Ok(());
            }
            // what takes long is fine as long as it becomes less
            if waiting < least {
                (since, least) = (Instant::now(), waiting);
            }
            if since.elapsed() > patience {
                bail!("{waiting} rows wait for ever: {status}");
            }
            sleep(LOOK).await;
        }
    }
}

// === impl Door ===

impl Door {
    /// The ids of the events, if they were acknowledged.
    pub(super) async fn deliver(&self, events: &[&Value]) -> Option<Vec<String>> {
        let one = events.first().filter(|_| events.len() == 1);
        let body = one.map_or_else(|| serde_json::json!(events), |event| (*event).clone());
        let request = self.http.post(format!("{}/webhooks/ajd/chat-events", self.url)).json(&body);
        let answer = request.timeout(ANSWER).send().await.ok()?;
        let answer: Value = answer.status().is_success().then_some(answer)?.json().await.ok()?;
        let ids: Option<Vec<_>> =
            answer["ids"].as_array()?.iter().map(|id| id.as_str().map(str::to_owned)).collect();
        ids.filter(|ids| ids.len() == events.len())
    }
}
