//! How fast rows reach the spreadsheet under Google's published quota, beside one request a row:
//! `cargo run --release --example quota`.
//!
//! Both write to stand-ins of their own that grant 60 writes and 60 reads in any 60 seconds, as Google does, and that
//! keep when each row stood there. The invariant: every time is taken at the stand-in, none from what a writer says of
//! itself, and the run fails if anything that is to hold does not.

mod desk;
mod ledger;
mod minutes;
#[path = "../rig/programs.rs"]
mod programs;
mod single;

use std::{process::ExitCode, time::Duration};

use clap::Parser;

use crate::{
    ledger::{Backlog, Steady},
    minutes::Calls,
    single::Single,
};

/// What Google grants one user in any 60 seconds.
const QUOTA: usize = 60;
/// What is to hold.
const MOST_SECONDS: f64 = 60.0;
const MOST_P95: Duration = Duration::from_secs(5);

/// Measures rows and calls a minute at Google's published quota, for this ledger and for one request a row, and how
/// long an event takes from its 202 to its cell.
///
/// Builds the services as this program was built. Takes about three minutes, which the quota decides, not the machine.
#[derive(Clone, Debug, Parser)]
struct Options {
    /// Rows that wait
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rows: u32,
    /// Events a second, once no row waits
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    rate: u32,
    /// For how many seconds
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: u32,
    /// For how many seconds one request a row is made
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(61..=3_600))]
    single_seconds: u32,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    programs::build()?;
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    println!("{QUOTA} writes and {QUOTA} reads in any 60 s, {} waiting rows, {build} builds", options.rows);
    let single = tokio::spawn(single::run(Duration::from_secs(options.single_seconds.into())));
    let (backlog, steady, calls) =
        ledger::run(options.rows as usize, options.rate, Duration::from_secs(options.seconds.into())).await?;
    let single = single.await??;
    Ok(report(&options, &backlog, &steady, &calls, &single))
}

fn report(options: &Options, backlog: &Backlog, steady: &Steady, calls: &Calls, single: &Single) -> ExitCode {
    let seconds = backlog.took.as_secs_f64();
    let ours = [backlog.rows as f64 / seconds * 60.0, backlog.writes as f64 / seconds * 60.0];
    let alone = [single.rows as f64 / single.minutes, single.calls.writes as f64 / single.minutes];
    println!();
    println!("{:<28}{:>14}{:>22}", "", "this ledger", "one request a row");
    println!("{:<28}{:>14.0}{:>22.0}", "rows a minute", ours[0], alone[0]);
    println!("{:<28}{:>14.0}{:>22.0}", "write calls a minute", ours[1], alone[1]);
    println!("{:<28}{:>14}{:>22}", "most writes in 60 s", calls.most_writes, single.calls.most_writes);
    println!("{:<28}{:>14}{:>22}", "most reads in 60 s", calls.most_reads, single.calls.most_reads);
    println!("{:<28}{:>14}{:>22}", "answered 429", calls.refused, single.calls.refused);
    let whole = format!("{:.0} s, projected", options.rows as f64 / alone[0] * 60.0);
    println!("{:<28}{:>14}{whole:>22}", format!("{} rows take", options.rows), format!("{seconds:.1} s"));
    println!(
        "one request a row: {} rows in {:.1} minutes, the rest is projected\n",
        single.rows, single.minutes
    );
    let [p50, p95, p99, most] = [0.5, 0.95, 0.99, 1.0].map(|share| steady.percentile(share));
    println!(
        "from 202 to the cell, {} events at {} a second: p50 {:.2} s, p95 {:.2} s, p99 {:.2} s, most {:.2} s\n",
        steady.times.len(),
        options.rate,
        p50.as_secs_f64(),
        p95.as_secs_f64(),
        p99.as_secs_f64(),
        most.as_secs_f64()
    );
    let holds = [
        (
            "all waiting rows within 60 s",
            seconds <= MOST_SECONDS * (f64::from(options.rows) / 10_000.0).max(1.0),
        ),
        ("at most 60 writes in any 60 s", calls.most_writes <= QUOTA),
        ("no 429", calls.refused == 0),
        ("p95 from 202 to cell at most 5 s", p95 <= MOST_P95),
    ];
    for (what, holds) in holds {
        println!("{} {what}", if holds { "holds       " } else { "DOES NOT HOLD" });
    }
    if holds.iter().all(|(_, holds)| *holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
