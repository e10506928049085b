//! What open chat streams cost: `cargo run --release -p frontdesk --example streams`.
//!
//! The services run as processes of their own, as when deployed, and this one is both sides of them: the upstream,
//! which says so many deltas a second in every stream, and the browsers, which listen. The yardsticks are the same
//! upstream with nothing between and, with `--python`, the chat protocol's own Python server over it. The
//! invariant: a time is that of a stream which came whole; one that did not makes the run fail.

mod files;
mod load;
mod mark;
mod python;
#[path = "../rig/mod.rs"]
mod rig;
mod stream;
mod table;
mod upstream;
mod visitors;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use clap::Parser;

use crate::{
    load::{Load, Report},
    python::{Python, Relay},
    rig::{fleet::Fleet, machine, programs},
    stream::Target,
    table::Row,
    upstream::Upstream,
};

const OURS: &str = "frontdesk";
/// Streams at which Python's server is compared.
const COMPARED: usize = 100;
/// Streams that a process has seen before it is measured.
const WARM_UP: usize = 8;

/// Measures what open chat streams cost.
#[derive(Clone, Debug, Parser)]
struct Options {
    /// Streams that are open at once, step by step
    #[arg(long, value_delimiter = ',', default_value = "1,100,1000")]
    streams: Vec<usize>,
    /// Deltas of every answer
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(20..=350))]
    deltas: u32,
    /// Deltas that the upstream says in a second, in each stream
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
    rate: u32,
    /// Streams that are opened in a second
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    opening: u32,
    /// Interpreter of an environment with `openai-chatkit`, `starlette` and `uvicorn` to compare with
    #[arg(long)]
    python: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("{failure:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> anyhow::Result<bool> {
    let most = options.streams.iter().copied().max().context("no streams to open")?;
    files::raise_open_files(most)?;
    programs::build()?;
    println!("{}\n", machine::conditions(&programs::dir()?)?);
    let runtime = tokio::runtime::Runtime::new().context("no runtime")?;
    let rows = runtime.block_on(options.rows());
    println!("{}\n{}", table::render(&rows), table::remarks(&rows));
    match &options.python {
        Some(_) => {
            let ratios = Relay::ALL.map(|relay| table::ratios(&rows, OURS, relay.label()));
            println!("{}", ratios.concat());
        }
        None => println!("No Python server was compared; --python PATH_TO_VENV_PYTHON does.\n"),
    }
    let failures = table::failures(&rows);
    eprint!("{failures}");
    Ok(failures.is_empty())
}

// === impl Options ===

impl Options {
    /// All steps. Each has an upstream and processes of its own, so that nothing of one is in another.
    async fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for &streams in &self.streams {
            rows.push(Row::new("upstream alone", streams, self.alone(streams).await));
            rows.push(Row::new(OURS, streams, self.frontdesk(streams).await));
        }
        if let Some(interpreter) = &self.python {
            for relay in Relay::ALL {
                rows.push(Row::new(relay.label(), COMPARED, self.python(interpreter, relay).await));
            }
        }
        rows
    }

    /// The upstream with nothing between.
    async fn alone(&self, streams: usize) -> anyhow::Result<Report> {
        let upstream = self.upstream().await?;
        let target = Arc::new(Target::upstream(&upstream));
        load::run(&self.load(streams), &upstream, &target, &[]).await
    }

    async fn frontdesk(&self, streams: usize) -> anyhow::Result<Report> {
        let upstream = self.upstream().await?;
        let fleet = Fleet::start(&upstream.base).await?;
        let target = Arc::new(visitors::target(&fleet.url, streams.max(WARM_UP)).await?);
        // the processes that a stream goes through
        let watched = [fleet.id("gateway")?, fleet.id("chat-agent")?];
        let report = self.warm(streams, &upstream, &target, &watched).await;
        fleet.stop().await;
        report
    }

    async fn python(&self, interpreter: &Path, relay: Relay) -> anyhow::Result<Report> {
        let upstream = self.upstream().await?;
        let server = Python::start(interpreter, relay, &upstream).await?;
        let report = self.warm(COMPARED, &upstream, &Arc::new(server.target()), &server.watched()?).await;
        server.stop().await;
        report
    }

    /// Measures processes that have done all of it a few times before.
    async fn warm(
        &self,
        streams: usize,
        upstream: &Arc<Upstream>,
        target: &Arc<Target>,
        watched: &[u32],
    ) -> anyhow::Result<Report> {
        let before = Load { deltas: 20, ..self.load(WARM_UP) };
        load::run(&before, upstream, target, watched).await?.whole().context("before the measurement")?;
        load::run(&self.load(streams), upstream, target, watched).await
    }

    async fn upstream(&self) -> anyhow::Result<Arc<Upstream>> {
        Upstream::start(Duration::from_secs(1) / self.rate).await.map(Arc::new)
    }

    fn load(&self, streams: usize) -> Load {
        let Self { deltas, rate, opening, .. } = *self;
        Load { streams, deltas: deltas as usize, rate, opening }
    }
}
