//! Kills Frontdesk hundreds of times while it is sent events, and looks at the spreadsheet afterwards:
//! `cargo run --example crash`.
//!
//! The invariant: it ends with success only if nothing at all was wrong.

#[path = "../rig/programs.rs"]
mod programs;
mod run;

use std::{
    process::ExitCode,
    time::{Duration, Instant, SystemTime},
};

use anyhow::ensure;
use clap::Parser;

use crate::run::Plan;

/// Kills frontdesk with SIGKILL, at random moments and between steps that must not come apart, while events are sent
/// to it out of order and more than once, and while the spreadsheet fails by dice.
///
/// Afterwards every acknowledged event must be exactly one row, and all rows as if nothing had happened. Needs a debug
/// build: a release has no points at which it can be made to die. The full run takes about an hour.
#[derive(Clone, Debug, Parser)]
struct Options {
    /// Processes that are killed
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    kills: u32,
    /// Events that are sent
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    events: u32,
    /// Where all dice begin; a new one each time if it is not set
    #[arg(long)]
    seed: Option<u64>,
    /// Writes, and reads, a minute that the spreadsheet grants. Google's are 60, which makes the full run take hours:
    /// each life begins with calls of its own
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(60..))]
    quota: u32,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    ensure!(
        cfg!(debug_assertions),
        "a release has no points at which it can be made to die: run it without --release"
    );
    programs::build()?;
    let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let plan = Plan {
        frontdesk: programs::path("frontdesk")?,
        kills: options.kills as usize,
        events: options.events as usize,
        seed: options.seed.unwrap_or(u64::from(clock.subsec_nanos()) ^ clock.as_secs()),
        quota: options.quota as usize,
    };
    println!(
        "{} kills, {} events, seed {}, {} writes and {} reads a minute; 5 % 503, 2 % applied without an answer, \
         1 % resets, storms of 429",
        plan.kills, plan.events, plan.seed, plan.quota, plan.quota
    );
    let begin = Instant::now();
    let outcome = run::run(&plan, |life| {
        let took = Duration::from_secs(begin.elapsed().as_secs());
        println!("{took:?} of {}: {life}", plan.kills);
    })
    .await?;
    println!("\n{outcome}\nseed {}", plan.seed);
    Ok(if outcome.wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
