//! What the books must show: the same events, in order, each once, with nothing going wrong.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::{PATIENCE, Sheets, books::Books, desk::Desk};

/// No minute has room for more.
const PLENTY: usize = 1_000_000;
/// Events of one delivery.
const BATCH: usize = 50;

pub(super) async fn run(frontdesk: PathBuf, story: Arc<Vec<Value>>) -> anyhow::Result<Books> {
    let sheets = Sheets::serve(PLENTY).await?;
    let dir = tempfile::tempdir().context("no directory for the reference")?;
    let desk =
        Desk::start(&frontdesk, dir.path(), &sheets.url, None).await?.context("the reference was killed")?;
    for events in story.chunks(BATCH) {
        let answer = desk.door().deliver(&events.iter().collect::<Vec<_>>()).await;
        ensure!(answer.is_some(), "the reference does not take its events");
    }
    desk.drained(PATIENCE).await?;
    let books = Books::read(&sheets.sandbox);
    desk.kill().await?;
    Ok(books)
}
