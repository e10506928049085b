//! What the kernel says of processes and of the machine, from `/proc`.
//!
//! The invariant: what cannot be read fails the run; no figure is made up.

use std::{fs, path::Path, time::Duration};

use anyhow::Context as _;

/// A clock tick of `/proc`; Linux shows 100 a second on every common machine, whatever the kernel's own are.
pub(crate) const TICK: Duration = Duration::from_millis(10);

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

/// Memory of a process in bytes, by its name in `/proc/PID/status`: `VmRSS` is resident now, `VmHWM` was at most.
pub(crate) fn memory(process: u32, name: &str) -> anyhow::Result<u64> {
    let status = read(&format!("/proc/{process}/status"))?;
    let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kilobytes = value.with_context(|| format!("no {name} in status"))?.trim().trim_end_matches("kB");
    Ok(kilobytes.trim().parse::<u64>().with_context(|| format!("no number in {name}"))? * 1024)
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

/// The machine in a line, with what kind of file system `dir` is on.
pub(crate) fn conditions(dir: &Path) -> anyhow::Result<String> {
    let cores = std::thread::available_parallelism().context("no number of processors")?;
    let load = read("/proc/loadavg")?;
    let load: Vec<&str> = load.split_whitespace().take(3).collect();
    let build = if cfg!(debug_assertions) { "debug builds: no figures to quote" } else { "release builds" };
    let disk = file_system(dir)?;
    Ok(format!("{cores} processors, load before the run {}, stores on {disk}, {build}", load.join(" ")))
}

fn file_system(dir: &Path) -> anyhow::Result<String> {
    let mounts = read("/proc/self/mounts")?;
    // device, place, kind; the innermost place counts, and of those on one place the last
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let around = mounts.filter(|(place, _)| dir.starts_with(place));
    let (_, kind) = around.max_by_key(|(place, _)| place.len()).context("no file system")?;
    Ok(kind.to_owned())
}

/// What a file of `/proc` says.
pub(crate) fn read(path: &str) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("{path} cannot be read; this needs Linux"))
}
