//! The yardstick: the chat protocol's own Python server over the same upstream.
//!
//! The invariant: it is measured as the services are, by the same streams and from the same window.

use std::path::Path;

use tempfile::TempDir;
use tokio::process::Command;

use crate::{rig::process::Process, stream::Target, upstream::Upstream};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/streams/python_server.py");

/// How the server asks the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relay {
    /// As its documentation does: the agents SDK and the protocol's bridge to it.
    Agents,
    /// With the least that works: events of the stream mapped by hand.
    Bare,
}

/// A running server.
pub(crate) struct Python {
    process: Process,
    url: String,
    _dir: TempDir,
}

// === impl Relay ===

impl Relay {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Bare, Self::Agents];

    fn name(self) -> &'static str {
        match self {
            Self::Agents => "agents",
            Self::Bare => "bare",
        }
    }

    /// What the table calls it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Agents => "python, agents sdk",
            Self::Bare => "python, bare",
        }
    }
}

// === impl Python ===

impl Python {
    pub(crate) async fn start(interpreter: &Path, relay: Relay, upstream: &Upstream) -> anyhow::Result<Self> {
        let dir = TempDir::new()?;
        let mut command = Command::new(interpreter);
        command.args([SCRIPT, "--relay", relay.name()]);
        let openai = upstream.openai();
        let vars = [
            ("OPENAI_API_KEY", sandbox::API_KEY),
            ("OPENAI_BASE_URL", openai.as_str()),
            ("OPENAI_AGENTS_DISABLE_TRACING", "1"),
            ("PYTHONDONTWRITEBYTECODE", "1"),
            ("PYTHONUNBUFFERED", "1"),
        ];
        let mut process = Process::start("python", command, &dir, vars)?;
        let url = process.url().await?;
        Ok(Self { process, url, _dir: dir })
    }

    /// The chat.
    pub(crate) fn target(&self) -> Target {
        // it asks for no session, so any bearer does
        Target::chat(format!("{}/chatkit", self.url), vec!["none".to_owned()])
    }

    /// The one process.
    pub(crate) fn watched(&self) -> anyhow::Result<Vec<u32>> {
        Ok(vec![self.process.id()?])
    }

    pub(crate) async fn stop(self) {
        self.process.stop().await;
    }
}
