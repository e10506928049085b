//! What the services cost beside the least that could do the same:
//! `cargo run --release --example speed`.
//!
//! The services run as processes of their own, and once more all in one, over stand-ins in this process. Beside them
//! runs the yardstick, a bare axum + reqwest proxy, which is this program started anew. The invariant: nothing is
//! asserted of a time; a run fails only if a request was not answered as it should be.

mod browser;
mod contest;
mod figures;
mod load;
mod proxy;
#[path = "../rig/mod.rs"]
mod rig;
mod startup;
mod subject;
mod table;
mod traffic;
mod upstream;

use std::{process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::Parser;

use crate::{
    contest::{Contest, Size},
    figures::{Figures, Findings},
    rig::{machine, programs},
    subject::{Kind, Subject},
    traffic::Traffic,
    upstream::Upstream,
};

const FULL: Size = Size { rounds: 5, round: Duration::from_secs(2), paced_rounds: 2, seconds: 6, starts: 20 };
const QUICK: Size = Size { rounds: 2, round: Duration::from_secs(1), paced_rounds: 1, seconds: 3, starts: 5 };

/// Measures what sessions and events cost: processor time, times, memory, starts.
///
/// Builds the services as this program was built, starts them over stand-ins for the providers, with all limits off,
/// and a bare axum + reqwest proxy beside them, and prints the figures of both with what is to hold. Takes about five
/// minutes after the build. Nothing else should run meanwhile.
#[derive(Clone, Debug, Parser)]
struct Options {
    /// Less of everything: a minute and a half, for a first look
    #[arg(long)]
    quick: bool,
    /// Requests a second at which times are taken
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    rate: u32,
    /// Connections over which requests go as fast as they are answered
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=512))]
    connections: u32,
    /// Webhooks alone: verified, committed, answered
    #[arg(long)]
    webhooks: bool,
    /// Be the bare proxy over this upstream
    #[arg(long, hide = true)]
    bare: Option<String>,
    #[arg(long, hide = true, default_value_t = 0)]
    port: u16,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let end = match &options.bare {
        Some(upstream) => proxy::serve(upstream, options.port),
        None => run(&options),
    };
    match end {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    programs::build()?;
    println!("{}\n", machine::conditions(&programs::dir()?)?);
    let runtime = tokio::runtime::Runtime::new().context("no runtime")?;
    if options.webhooks {
        println!("{}", table::events(&runtime.block_on(measure_webhooks(options))?));
        return Ok(());
    }
    let findings = runtime.block_on(measure(options))?;
    println!("{}\n{}", table::tables(&findings), table::legend(&findings));
    Ok(())
}

async fn measure(options: &Options) -> anyhow::Result<Findings> {
    let size = if options.quick { QUICK } else { FULL };
    let upstream = Upstream::start().await?;
    let connections = options.connections as usize;
    let contest = Contest { upstream: &upstream, size, rate: options.rate, connections };
    eprintln!("starts…");
    let starts = startup::measure(&upstream.base, size.starts).await?;
    let mut subjects = Vec::new();
    for kind in Kind::ALL {
        subjects.push(Subject::start(kind, &upstream.base).await?);
    }
    let all: Vec<&Subject> = subjects.iter().collect();
    eprintln!("sessions…");
    let mint = contest.run(Traffic::Mint, &all)?;
    let held = contest.run(Traffic::Held, &all)?;
    let (mut memory, mut events) = (Vec::new(), Vec::new());
    // one after the other: what they took is still on its way to the sheet when they have answered
    for subject in subjects {
        eprintln!("events, {}…", subject.kind.label());
        events.push(take_events(&contest, &subject)?);
        let most = subject.memory("VmHWM")?;
        let sizes = subject.idle.iter().zip(most);
        memory.extend(
            subject
                .parts
                .iter()
                .zip(sizes)
                .map(|((name, _), (idle, most))| (*name, subject.kind, *idle, most)),
        );
        subject.stop().await;
    }
    Ok(Findings {
        rate: options.rate,
        mint,
        held,
        events: events.into_iter().flatten().collect(),
        starts,
        memory,
    })
}

/// Webhooks at each subject, and the yardstick.
async fn measure_webhooks(options: &Options) -> anyhow::Result<Findings> {
    let size = if options.quick { QUICK } else { FULL };
    let upstream = Upstream::start().await?;
    let connections = options.connections as usize;
    let contest = Contest { upstream: &upstream, size, rate: options.rate, connections };
    let mut findings = Findings { rate: options.rate, ..Findings::default() };
    for kind in Kind::ALL {
        eprintln!("webhooks, {}…", kind.label());
        let subject = Subject::start(kind, &upstream.base).await?;
        let figures = contest.run(Traffic::Webhook, &[&subject])?;
        findings.events.extend(figures.into_iter().map(|figures| ("webhook", figures)));
        subject.stop().await;
    }
    Ok(findings)
}

/// All kinds of events at one subject; the yardstick knows but one.
fn take_events(contest: &Contest<'_>, subject: &Subject) -> anyhow::Result<Vec<(&'static str, Figures)>> {
    let kinds = [
        ("turn", Traffic::Turn),
        ("turn with a lead", Traffic::Lead),
        ("turns in arrays", Traffic::Turns),
        ("webhook", Traffic::Webhook),
    ];
    let kinds = kinds.into_iter().take(if subject.kind == Kind::Bare { 1 } else { 4 });
    let run = |(name, traffic)| {
        let figures = contest.run(traffic, &[subject])?;
        Ok(figures.into_iter().map(move |figures| (name, figures)))
    };
    let figures = kinds.map(run).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(figures.into_iter().flatten().collect())
}
