//! A program that is measured.
//!
//! The invariant: it ends when its value does, and what it wrote is shown when it does not start.

use std::{
    ffi::OsStr,
    fs::{self, File},
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use tempfile::TempDir;
use tokio::process::{Child, Command};

const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(20);
/// Lines that are shown of a program that does not start.
const SHOWN: usize = 20;

/// A running program that serves HTTP on a port of this machine.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    said: PathBuf,
}

// === impl Process ===

impl Process {
    /// Starts it in `dir` and with nothing in its environment but `vars`.
    pub(crate) fn start<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        name: &'static str,
        mut command: Command,
        dir: &TempDir,
        vars: impl IntoIterator<Item = (K, V)>,
    ) -> anyhow::Result<Self> {
        let said = dir.path().join(format!("{name}.log"));
        let log = File::create(&said).context("no file for what it says")?;
        command.env_clear().envs(vars).current_dir(dir.path()).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("{name} cannot be started"))?;
        Ok(Self { name, child, said })
    }

    /// Its id.
    pub(crate) fn id(&self) -> anyhow::Result<u32> {
        self.child.id().with_context(|| format!("{} has ended", self.name))
    }

    /// Where it listens, once it says that it serves.
    pub(crate) async fn url(&mut self) -> anyhow::Result<String> {
        let begin = Instant::now();
        loop {
            let said = fs::read_to_string(&self.said)?;
            let line = said.lines().find(|line| line.contains("serving") && line.contains("127.0.0.1:"));
            if let Some(port) = line.and_then(|line| line.split("127.0.0.1:").nth(1)) {
                let port: String = port.chars().take_while(char::is_ascii_digit).collect();
                return Ok(format!("http://127.0.0.1:{port}"));
            }
            if self.child.try_wait()?.is_some() || begin.elapsed() > PATIENCE {
                let lines: Vec<&str> = said.lines().collect();
                let last = lines[lines.len().saturating_sub(SHOWN)..].join("\n");
                bail!("{} does not serve; it said:\n{last}", self.name);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Ends it.
    pub(crate) async fn stop(mut self) {
        // one that has ended is as good
        let _ = self.child.kill().await;
    }
}
