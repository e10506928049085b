//! Reading the spreadsheet for somebody who asks, beside the writer.
//!
//! The invariant: it takes no more than about half of Google's 60 reads a minute, so that the writer goes on; what is
//! refused for the quota is waited for.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use domain::{Fault, Kind, Reason, Tab};
use serde_json::Value;
use tokio::{sync::Mutex, time::Instant};

use super::{
    Ledger,
    layout::{Description, find_columns, header_range, lines_range, text, values},
    line::Line,
    protocol::{Columns, Head},
    trouble::Trouble,
};
use crate::{
    error::Error,
    sheets::{Render, Reply, body::GridRange},
};

/// So many reads may go at once after a while without any, and then one in so long a time.
const BURST: u32 = 12;
const GAP: Duration = Duration::from_secs(2);
/// How often a read is tried, and how long is waited in between unless Google says.
const TRIES: u32 = 10;
const WAIT: Duration = Duration::from_secs(5);

/// How many reads may go now.
#[derive(Debug)]
pub(super) struct Reads(Mutex<(u32, Instant)>);

/// The spreadsheet as it was described, and what the ledger knows of it.
pub(super) struct Survey {
    pub(super) head: Head,
    pub(super) description: Description,
}

/// One tab of ours.
#[derive(Clone, Debug)]
pub(super) struct Sheet {
    pub(super) tab: Tab,
    pub(super) sheet_id: i64,
    pub(super) title: String,
    pub(super) height: u32,
}

/// Some lines of a tab, and the header that was read with them.
pub(super) struct Lines {
    pub(super) header: Vec<String>,
    pub(super) body: Vec<Vec<Value>>,
    /// The number of the first line.
    pub(super) first: u32,
}

// === impl Reads ===

impl Reads {
    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new((BURST, now)))
    }

    /// Takes one; says how long to wait for it.
    async fn take(&self, now: Instant) -> Duration {
        let mut held = self.0.lock().await;
        let (left, since) = &mut *held;
        let grown = u32::try_from(now.duration_since(*since).as_millis() / GAP.as_millis()).unwrap_or(BURST);
        if grown > 0 {
            *left = left.saturating_add(grown).min(BURST);
            *since += GAP * grown;
        }
        if *left > 0 {
            *left -= 1;
            return Duration::ZERO;
        }
        *since += GAP;
        since.duration_since(now)
    }
}

// === impl Survey ===

impl Survey {
    /// One of our tabs.
    ///
    /// # Errors
    /// It was never made, or is gone.
    pub(super) fn sheet(&self, tab: Tab) -> Result<Sheet, Trouble> {
        let found = self.head.tabs.get(&tab).and_then(|id| Some((*id, self.description.sheets.get(id)?)));
        let Some((sheet_id, title)) = found else { return Err(Trouble::TabGone(tab)) };
        let height = self.description.heights.get(&sheet_id).copied().unwrap_or(0);
        Ok(Sheet { tab, sheet_id, title: title.clone(), height })
    }
}

// === impl Lines ===

impl Lines {
    /// Our columns in it.
    pub(super) fn columns(&self, tab: Tab) -> Result<Columns, Trouble> {
        find_columns(tab, &self.header)
    }

    /// Its lines by our columns.
    pub(super) fn ours(&self, tab: Tab, columns: &Columns) -> Vec<Line> {
        let lines = (self.first..).zip(&self.body);
        lines.map(|(number, values)| Line::read(tab, number, columns, values)).collect()
    }
}

// === impl Ledger ===

impl Ledger {
    /// Describes the spreadsheet, which must be ours.
    pub(super) async fn survey(&self) -> Result<Survey, Error> {
        let head = self.load_head().await?;
        if head.spreadsheet_id != self.sheets.spreadsheet_id() {
            return Err(refused(&Trouble::OtherSpreadsheet(head.spreadsheet_id)));
        }
        let description = self.describe().await?;
        match head.check_marks(&description.marks) {
            Err(trouble @ Trouble::ForeignLedger(_)) => Err(refused(&trouble)),
            // A batch may have gone out since the head was read.
            _ => Ok(Survey { head, description }),
        }
    }

    pub(super) async fn describe(&self) -> Result<Description, Error> {
        Ok(Description::read(&self.patiently(None).await?))
    }

    /// Lines of a tab with its header; the lines must be within its grid.
    pub(super) async fn read_lines(
        &self,
        sheet: &Sheet,
        lines: Range<u32>,
        render: Render,
    ) -> Result<Lines, Error> {
        let mut ranges = vec![header_range(sheet.sheet_id)];
        if lines.start < lines.end {
            ranges.push(lines_range(sheet.sheet_id, lines.clone()));
        }
        let mut found = self.read(&ranges, render).await?.into_iter();
        let header = found.next().into_iter().flatten().next().unwrap_or_default();
        let header = header.iter().map(text).collect();
        Ok(Lines { header, body: found.next().unwrap_or_default(), first: lines.start })
    }

    /// How often each of these ids stands in a tab now, read in one go.
    pub(super) async fn count_ids(
        &self,
        sheet: &Sheet,
        columns: &Columns,
    ) -> Result<BTreeMap<String, u32>, Error> {
        let range = super::layout::column_range(sheet.sheet_id, columns["id"]);
        let mut column = self.read(&[range], Render::Stored).await?.into_iter().flatten();
        let title = column.next().and_then(|line| line.first().map(text)).unwrap_or_default();
        if title.trim() != "id" {
            return Err(refused(&Trouble::ReadRefused));
        }
        let mut counts = BTreeMap::new();
        for id in column.filter_map(|line| line.first().map(text)).filter(|id| !id.is_empty()) {
            *counts.entry(id).or_default() += 1;
        }
        Ok(counts)
    }

    /// The cells of some ranges.
    async fn read(&self, ranges: &[GridRange], render: Render) -> Result<Vec<Vec<Vec<Value>>>, Error> {
        let found = values(&self.patiently(Some((ranges, render))).await?);
        if found.len() == ranges.len() { Ok(found) } else { Err(refused(&Trouble::ReadRefused)) }
    }

    /// Reads ranges, or the description of the whole.
    async fn patiently(&self, what: Option<(&[GridRange], Render)>) -> Result<Value, Error> {
        let mut tries = 0;
        loop {
            let wait = self.reads.take(self.timer.now()).await;
            if !wait.is_zero() {
                self.timer.sleep(wait).await;
            }
            tries += 1;
            let reply = match what {
                Some((ranges, render)) => self.sheets.values(ranges, render).await,
                None => self.sheets.describe().await,
            };
            let trouble = match reply {
                Reply::Done(body) => return Ok(body),
                Reply::RateLimited(hint) if tries < TRIES => {
                    self.timer.sleep(hint.unwrap_or(WAIT).clamp(GAP, WAIT * 4)).await;
                    continue;
                }
                Reply::RateLimited(hint) => Trouble::Quota(hint),
                Reply::Refused(_) => Trouble::ReadRefused,
                Reply::Absent => Trouble::NoSpreadsheet(self.sheets.spreadsheet_id().to_owned()),
                Reply::Unclear(trouble) => trouble.into(),
            };
            return Err(refused(&trouble));
        }
    }
}

/// What a caller gets to know of it.
pub(super) fn refused(trouble: &Trouble) -> Error {
    let (kind, reason) = match trouble {
        Trouble::Quota(_) => (Kind::RateLimited, Reason::ProviderRateLimited),
        Trouble::Sheets(_) => (Kind::Unavailable, Reason::ProviderUnavailable),
        Trouble::ReadRefused | Trouble::NoSpreadsheet(_) => (Kind::Precondition, Reason::ProviderRefused),
        _ => (Kind::Precondition, Reason::StateWrong),
    };
    Fault::new(kind, reason, trouble.to_string()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn reads_leave_half_of_the_quota_to_the_writer() {
        let start = Instant::now();
        let reads = Reads::new(start);
        let mut at = start;
        let mut taken = Vec::new();
        while at < start + Duration::from_secs(180) {
            at += reads.take(at).await;
            taken.push(at);
        }
        let within = |from: Instant| {
            taken.iter().filter(|at| **at >= from && **at < from + Duration::from_secs(60)).count()
        };
        let most = taken.iter().map(|from| within(*from)).max().unwrap();
        assert!((30..=42).contains(&most), "{most}");
        assert_eq!(within(start + Duration::from_secs(100)), 30);
    }
}
