//! What the kernel says of processes and of the machine, from `/proc`.
//!
//! The invariant: what cannot be read fails the run; no figure is made up.

use std::{fs, os::unix::process::CommandExt as _, process::Command, time::Duration};

use anyhow::{Context as _, bail};

/// A clock tick of `/proc`; Linux shows 100 a second on every common machine, whatever the kernel's own are.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Open files that this process has for every stream: as browser, as upstream, and of moderations before.
const FILES_A_STREAM: usize = 4;
const FILES_BESIDE: usize = 256;

/// Processor time that a process has taken, in user and kernel mode.
pub(crate) fn processor_time(process: u32) -> anyhow::Result<Duration> {
    let stat = read(&format!("/proc/{process}/stat"))?;
    // the name before may hold anything, parentheses included
    let (_, fields) = stat.rsplit_once(") ").context("no fields in stat")?;
    let ticks = |place: usize| -> anyhow::Result<u32> {
        let field = fields.split_whitespace().nth(place).context("stat is too short")?;
        field.parse().context("no number in stat")
    };
    Ok(TICK * (ticks(11)? + ticks(12)?))
}

/// Resident memory of a process, in bytes.
pub(crate) fn resident(process: u32) -> anyhow::Result<u64> {
    let status = read(&format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in status")?;
    let kilobytes = line.trim().trim_end_matches("kB").trim();
    Ok(kilobytes.parse::<u64>().context("no number in VmRSS")? * 1024)
}

/// Ticks of all processors: the busy ones, and all.
pub(crate) fn processors() -> anyhow::Result<(u64, u64)> {
    let stat = read("/proc/stat")?;
    let line = stat.lines().next().context("stat is empty")?;
    // user nice system idle iowait irq softirq steal; guests are among the users
    let ticks: Vec<u64> = line.split_whitespace().skip(1).take(8).filter_map(|n| n.parse().ok()).collect();
    let all: u64 = ticks.iter().sum();
    let idle: u64 = ticks.iter().skip(3).take(2).sum();
    Ok((all - idle, all))
}

/// The machine in a line.
pub(crate) fn conditions() -> anyhow::Result<String> {
    let cores = std::thread::available_parallelism().context("no number of processors")?;
    let load = read("/proc/loadavg")?;
    let load: Vec<&str> = load.split_whitespace().take(3).collect();
    let build = if cfg!(debug_assertions) { "debug builds: no figures to quote" } else { "release builds" };
    Ok(format!("{cores} processors, load before the run {}, {build}", load.join(" ")))
}

/// Makes sure that so many streams can be open, by beginning anew with a higher limit where that is needed.
pub(crate) fn raise_open_files(streams: usize) -> anyhow::Result<()> {
    let needed = streams * FILES_A_STREAM + FILES_BESIDE;
    let limits = read("/proc/self/limits")?;
    let line =
        limits.lines().find_map(|line| line.strip_prefix("Max open files")).context("no such limit")?;
    let limit = |text: Option<&str>| match text {
        Some("unlimited") => Ok(usize::MAX),
        text => text.unwrap_or_default().parse::<usize>().context("no number in limits"),
    };
    let mut limits = line.split_whitespace();
    let (soft, hard) = (limit(limits.next())?, limit(limits.next())?);
    if soft >= needed {
        return Ok(());
    }
    if hard < needed {
        bail!("{needed} open files are needed and {hard} allowed: raise `ulimit -Hn` or lower --streams");
    }
    let this = std::env::current_exe().context("no path of this program")?;
    let script = "ulimit -Sn \"$1\" && shift && exec \"$@\"";
    let mut again = Command::new("sh");
    again.args(["-c", script, "sh", &needed.to_string()]).arg(this).args(std::env::args_os().skip(1));
    Err(again.exec()).context("cannot begin anew with more open files")
}

fn read(path: &str) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("{path} cannot be read; this needs Linux"))
}
