//! What is measured, and what its processes take for a load.
//!
//! The invariant: processor time is that of the service's processes alone, from before the first request until after
//! the last answer.

use std::{
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::process::Command;

use crate::{
    browser::Request,
    load::{self, Load, Served},
    rig::{
        fleet::{self, Fleet},
        machine,
        process::Process,
    },
    startup,
};

/// How long a process must have taken no processor time to be at rest.
const QUIET: Duration = Duration::from_millis(300);
/// Longest wait for that.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a subject is called in tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Each service a process.
    Services,
    /// All in one process.
    AllInOne,
    /// The yardstick.
    Bare,
}

/// Something that serves.
pub(crate) struct Subject {
    pub(crate) kind: Kind,
    pub(crate) address: SocketAddr,
    /// Its processes by name.
    pub(crate) parts: Vec<(&'static str, u32)>,
    /// Resident bytes of each when it had nothing to do yet.
    pub(crate) idle: Vec<u64>,
    running: Running,
}

enum Running {
    Fleet(Fleet),
    One(Process, TempDir),
}

/// What a load took.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) served: Served,
    /// Of each process of the subject.
    pub(crate) processor: Vec<Duration>,
    /// Of this process: the load and the stand-ins.
    pub(crate) beside: Duration,
    /// Share of the machine's processors that other programs took meanwhile.
    pub(crate) others: f64,
}

/// Processor time so far.
struct Look {
    processor: Vec<Duration>,
    beside: Duration,
    machine: (u64, u64),
}

// === impl Kind ===

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Services, Self::AllInOne, Self::Bare];

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Services => "services",
            Self::AllInOne => "all in one",
            Self::Bare => "bare axum + reqwest",
        }
    }
}

/// The command of the yardstick.
pub(crate) fn bare(upstream: &str, port: u16) -> anyhow::Result<Command> {
    let this: PathBuf = std::env::current_exe().context("no path of this program")?;
    let mut command = Command::new(this);
    command.args(["--bare", upstream, "--port", &port.to_string()]);
    Ok(command)
}

// === impl Subject ===

impl Subject {
    /// Starts it over an upstream, and lets it come to rest.
    pub(crate) async fn start(kind: Kind, upstream: &str) -> anyhow::Result<Self> {
        let (running, address, parts) = match kind {
            Kind::Services => {
                let fleet = Fleet::start(upstream).await?;
                let ids = fleet::SERVICES.map(|name| Ok((name, fleet.id(name)?)));
                let parts = ids.into_iter().rev().collect::<anyhow::Result<_>>()?;
                let address = fleet.url.trim_start_matches("http://").parse().context("no address")?;
                (Running::Fleet(fleet), address, parts)
            }
            Kind::AllInOne | Kind::Bare => {
                let name = if kind == Kind::Bare { "bare" } else { "frontdesk" };
                let dir = fleet::dir()?;
                let (process, address) = startup::start(name, upstream, &dir).await?;
                let parts = vec![(name, process.id()?)];
                (Running::One(process, dir), address, parts)
            }
        };
        let mut subject = Self { kind, address, parts, idle: Vec::new(), running };
        subject.rest().await?;
        subject.idle = subject.memory("VmRSS")?;
        Ok(subject)
    }

    /// Waits until it takes no processor time.
    async fn rest(&self) -> anyhow::Result<()> {
        let (begin, mut before) = (Instant::now(), self.processor()?);
        loop {
            tokio::time::sleep(QUIET).await;
            let now = self.processor()?;
            if now == before || begin.elapsed() > PATIENCE {
                return Ok(());
            }
            before = now;
        }
    }

    /// Puts a load on it.
    pub(crate) fn bear(&self, load: Load, request: &(dyn Fn() -> Request + Sync)) -> anyhow::Result<Taken> {
        let before = self.look()?;
        let served = load::run(load, self.address, request).with_context(|| self.kind.label())?;
        let after = self.look()?;
        let processor = after.processor.iter().zip(&before.processor).map(|(after, before)| *after - *before);
        let processor: Vec<Duration> = processor.collect();
        let beside = after.beside - before.beside;
        let ours = (processor.iter().sum::<Duration>() + beside).div_duration_f64(machine::TICK);
        let (busy, all) = (after.machine.0 - before.machine.0, after.machine.1 - before.machine.1);
        let others = (busy as f64 - ours).max(0.0) / all.max(1) as f64;
        Ok(Taken { served, processor, beside, others })
    }

    fn look(&self) -> anyhow::Result<Look> {
        Ok(Look {
            processor: self.processor()?,
            beside: machine::processor_time(std::process::id())?,
            machine: machine::processors()?,
        })
    }

    fn processor(&self) -> anyhow::Result<Vec<Duration>> {
        self.parts.iter().map(|(_, id)| machine::processor_time(*id)).collect()
    }

    /// Bytes of each process, by their name in `/proc`.
    pub(crate) fn memory(&self, name: &str) -> anyhow::Result<Vec<u64>> {
        self.parts.iter().map(|(_, id)| machine::memory(*id, name)).collect()
    }

    pub(crate) async fn stop(self) {
        match self.running {
            Running::Fleet(fleet) => fleet.stop().await,
            Running::One(process, _dir) => process.stop().await,
        }
    }
}
