//! The yardstick: one request a row, as often as the quota lets it, again after a 429.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};

use crate::{desk::Sheets, minutes::Calls};

/// As fast as 60 a minute goes without waste.
const PACE: Duration = Duration::from_secs(1);

/// What it came to.
pub(crate) struct Single {
    pub(crate) rows: usize,
    pub(crate) minutes: f64,
    pub(crate) calls: Calls,
}

pub(crate) async fn run(span: Duration) -> anyhow::Result<Single> {
    let sheets = Sheets::serve().await?;
    let url = format!("{}/v4/spreadsheets/{}:batchUpdate", sheets.url, sandbox::SPREADSHEET_ID);
    let http = chassis::http::client();
    let mut tick = interval(PACE);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let begin = Instant::now();
    while begin.elapsed() < span {
        tick.tick().await;
        let cell = json!({"userEnteredValue": {"stringValue": "row"}});
        // one write of the quota, as `values.append` of one row is
        let append = json!({"appendCells": {"sheetId": 0, "rows": [{"values": [cell]}], "fields": "userEnteredValue"}});
        let request = http.post(&url).bearer_auth(sandbox::ACCESS_TOKEN).json(&json!({"requests": [append]}));
        let status = request.send().await.context("the stand-in does not answer")?.status();
        ensure!(status == 200 || status == 429, "a row was answered {status}");
    }
    let rows = sheets.sandbox.applied(0).iter().map(|batch| batch.appended.len()).sum();
    let minutes = begin.elapsed().as_secs_f64() / 60.0;
    Ok(Single { rows, minutes, calls: Calls::of(&sheets.sandbox.calls()) })
}
