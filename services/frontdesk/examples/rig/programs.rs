//! The programs that are measured.
//!
//! The invariant: none is older than its source if cargo started this one.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};

/// Where the programs stand: the directory above this example's.
pub(crate) fn dir() -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe().context("no path of this program")?;
    let dir = this.parent().and_then(Path::parent).context("this program stands nowhere")?;
    Ok(dir.to_owned())
}

/// The program of a service.
pub(crate) fn path(name: &str) -> anyhow::Result<PathBuf> {
    let path = dir()?.join(name);
    ensure!(path.is_file(), "{} is missing: run `{}`", path.display(), command().join(" "));
    Ok(path)
}

/// Builds all programs as this one was built. Started by hand it takes those that are there.
pub(crate) fn build() -> anyhow::Result<()> {
    let Some(cargo) = std::env::var_os("CARGO") else { return Ok(()) };
    let mut build = Command::new(cargo);
    let status = build.args(&command()[1..]).current_dir(env!("CARGO_MANIFEST_DIR")).status();
    ensure!(status.context("cargo cannot be started")?.success(), "the services do not compile");
    Ok(())
}

fn command() -> Vec<&'static str> {
    let mut command = vec!["cargo", "build", "--workspace", "--bins"];
    if !cfg!(debug_assertions) {
        command.push("--release");
    }
    command
}
