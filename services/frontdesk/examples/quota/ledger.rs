//! This ledger: rows that waited, and then events as they come.
//!
//! The invariant: a row counts when the batch that it came with was applied.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{interval, sleep},
};

use crate::{
    desk::{Desk, Sheets},
    minutes::Calls,
};

const TAB: &str = "chat_events";
/// Nothing listens there.
const NOWHERE: &str = "http://127.0.0.1:1/sheets";
const LOOK: Duration = Duration::from_millis(20);
/// What takes longer failed.
const PATIENCE: Duration = Duration::from_secs(240);

/// Rows that waited when the ledger began.
pub(crate) struct Backlog {
    pub(crate) rows: usize,
    pub(crate) writes: usize,
    /// From the start of the process to the last row.
    pub(crate) took: Duration,
}

/// Events as they come.
pub(crate) struct Steady {
    /// From each 202 to the cell, shortest first.
    pub(crate) times: Vec<Duration>,
}

// === impl Steady ===

impl Steady {
    /// The time that this share does not exceed.
    pub(crate) fn percentile(&self, share: f64) -> Duration {
        let rank = (self.times.len() as f64 * share).ceil() as usize;
        self.times.get(rank.max(1) - 1).copied().unwrap_or_default()
    }
}

/// An event that makes one row.
fn event(id: &str) -> Value {
    json!({"id": id, "type": "page.viewed", "session_id": "s-1", "page": "/services",
        "occurred_at": "2025-10-28T16:20:00Z"})
}

pub(crate) async fn run(rows: usize, rate: u32, span: Duration) -> anyhow::Result<(Backlog, Steady, Calls)> {
    let sheets = Sheets::serve().await?;
    let dir = tempfile::tempdir().context("no directory for the books")?;
    // the tabs are there before anything is measured; what that took of the quota is not given back
    let desk = Desk::start(dir.path(), &sheets.url).await?;
    desk.deliver(&event("first")).await?;
    landed(&sheets, 1).await?;
    desk.stop().await?;

    let desk = Desk::start(dir.path(), NOWHERE).await?;
    let ids: Vec<String> = (0..rows).map(|number| format!("waits-{number}")).collect();
    for ids in ids.chunks(100) {
        desk.deliver(&ids.iter().map(|id| event(id)).collect()).await?;
    }
    desk.stop().await?;

    let before = sheets.sandbox.calls().len();
    let begin = Instant::now();
    let desk = Desk::start(dir.path(), &sheets.url).await?;
    let cells = landed(&sheets, rows + 1).await?;
    let last = cells.values().max().context("no row was written")?;
    let writes = Calls::of(&sheets.sandbox.calls()[before..]).writes;
    let backlog = Backlog { rows, writes, took: last.duration_since(begin) };
    println!("{rows} waiting rows stand there after {:.1} s", backlog.took.as_secs_f64());

    let desk = Arc::new(desk);
    let answered = send(desk.clone(), rate, span).await?;
    let cells = landed(&sheets, rows + 1 + answered.len()).await?;
    drop(desk);
    let mut times = Vec::new();
    for (id, at) in answered {
        let cell = cells.get(&id).with_context(|| format!("{id} has no row"))?;
        // a batch may be quicker than the answer
        times.push(cell.saturating_duration_since(at));
    }
    times.sort();
    Ok((backlog, Steady { times }, Calls::of(&sheets.sandbox.calls())))
}

/// Waits until so many events stand in the spreadsheet; when each came there.
async fn landed(sheets: &Sheets, rows: usize) -> anyhow::Result<BTreeMap<String, Instant>> {
    let begin = Instant::now();
    let (mut cells, mut seen) = (BTreeMap::new(), 0);
    loop {
        let applied = sheets.sandbox.applied(seen);
        seen += applied.len();
        for batch in applied {
            let ids = batch.appended.into_iter().filter(|(tab, id)| tab == TAB && id != "id");
            for (_, id) in ids {
                ensure!(cells.insert(id.clone(), batch.at).is_none(), "{id} was written twice");
            }
        }
        if cells.len() >= rows {
            return Ok(cells);
        }
        ensure!(begin.elapsed() < PATIENCE, "only {} of {rows} rows were written", cells.len());
        sleep(LOOK).await;
    }
}

/// Sends `rate` events a second, whatever the answers take; when each was acknowledged.
async fn send(desk: Arc<Desk>, rate: u32, span: Duration) -> anyhow::Result<Vec<(String, Instant)>> {
    let mut tick = interval(Duration::from_secs(1) / rate);
    let count = (f64::from(rate) * span.as_secs_f64()) as usize;
    let mut sending = JoinSet::new();
    for number in 0..count {
        tick.tick().await;
        let (desk, id) = (desk.clone(), format!("comes-{number}"));
        sending.spawn(async move {
            desk.deliver(&event(&id)).await?;
            anyhow::Ok((id, Instant::now()))
        });
    }
    sending.join_all().await.into_iter().collect()
}
