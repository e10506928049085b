//! `frontdesk backup` and `restore`: with the real binary, beside a spreadsheet that outlives the stores.

mod files;
mod ledger;
mod load;

use std::path::PathBuf;

use sandbox::{ACCESS_TOKEN, SPREADSHEET_ID, Sandbox};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    commands::{Ran, run},
    processes::child::host,
    world::{World, lines},
};

/// A spreadsheet, and room for backups.
struct Ground {
    sandbox: Sandbox,
    base: String,
    dir: TempDir,
}

// === impl Ground ===

impl Ground {
    async fn new() -> Self {
        let sandbox = Sandbox::open(None).unwrap();
        sandbox.set_quota(100_000, 100_000);
        let base = host(sandbox.providers()).await;
        Self { sandbox, base, dir: tempfile::tempdir().unwrap() }
    }

    /// A system with an empty store.
    async fn world(&self) -> World {
        let sheets = format!("{}/sheets", self.base);
        World::with(&[
            ("GOOGLE_SHEETS_ID", SPREADSHEET_ID),
            ("GOOGLE_ACCESS_TOKEN", ACCESS_TOKEN),
            ("SHEETS_BASE_URL", &sheets),
        ])
        .await
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The lines of a tab, ordered by their ids.
    fn lines(&self, tab: &str) -> Vec<Value> {
        let mut lines = lines(&self.sandbox, tab);
        lines.sort_by_key(|line| line["id"].as_str().unwrap_or_default().to_owned());
        lines
    }

    /// What stands in all tabs.
    fn sheet(&self) -> Vec<(&'static str, Vec<Value>)> {
        domain::Tab::ALL.map(|tab| (tab.as_str(), self.lines(tab.as_str()))).into()
    }
}

/// Runs a command that talks to `world`.
async fn ask(world: &World, args: &[&str]) -> Ran {
    let dir = world.dir.path().display().to_string();
    run(world.dir.path(), &[("FRONTDESK_DIR", &dir)], args).await
}

/// Takes a backup of `world`.
async fn backup(world: &World, ground: &Ground, name: &str) -> Value {
    let file = ground.file(name).display().to_string();
    ask(world, &["backup", &file, "--json"]).await.json(0)
}

/// Restores a backup into `world`.
async fn restore(world: &World, ground: &Ground, name: &str) -> Ran {
    let file = ground.file(name).display().to_string();
    ask(world, &["restore", &file, "--json"]).await
}
