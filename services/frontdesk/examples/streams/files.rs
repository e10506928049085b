//! Open files: a stream takes several of them.
//!
//! The invariant: a run that has not enough does not begin.

use std::{os::unix::process::CommandExt as _, process::Command};

use anyhow::{Context as _, bail};

use crate::rig::machine;

/// Open files that this process has for every stream: as browser, as upstream, and of moderations before.
const FILES_A_STREAM: usize = 4;
const FILES_BESIDE: usize = 256;

/// Makes sure that so many streams can be open, by beginning anew with a higher limit where that is needed.
pub(crate) fn raise_open_files(streams: usize) -> anyhow::Result<()> {
    let needed = streams * FILES_A_STREAM + FILES_BESIDE;
    let limits = machine::read("/proc/self/limits")?;
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
