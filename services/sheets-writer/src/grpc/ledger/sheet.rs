//! The spreadsheet itself over gRPC: compared, read, taken over.

use proto::sheets::v1::{
    self as pb, AdoptLedgerRequest, AdoptLedgerResponse, AdoptRowsRequest, AdoptRowsResponse,
    ReadSheetRequest, ReadSheetResponse, VerifyLedgerRequest, VerifyLedgerResponse,
};
use tokio::sync::mpsc;
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use tonic::Status;

use super::{
    super::page::{self, fitting, limit},
    Books, status, tabs,
};
use crate::{
    error::Error,
    ledger::{
        Mend, Shown,
        verify::{Finding, Found, Progress},
    },
    wire,
};

/// Most reads for one page.
const MOST_READS: usize = 3;
/// Answers that wait for a slow listener.
const WAITING: usize = 4;

/// What is found, as it is found.
pub(super) type Differences =
    std::pin::Pin<Box<dyn tokio_stream::Stream<Item = Result<VerifyLedgerResponse, Status>> + Send>>;

impl Books {
    /// Compares the spreadsheet with the store for as long as somebody listens.
    pub(super) fn verify(&self, request: &VerifyLedgerRequest) -> Result<Differences, Error> {
        let tabs = tabs(request.tab)?;
        let (out, found) = mpsc::channel(WAITING);
        let ledger = self.ledger.clone();
        tokio::spawn(async move { ledger.verify(&tabs, &out).await });
        let told = |said: Result<Progress, Error>| said.map(progress).map_err(status);
        Ok(Box::pin(ReceiverStream::new(found).map(told)))
    }

    pub(super) async fn adopt(&self, request: &AdoptRowsRequest) -> Result<AdoptRowsResponse, Error> {
        let done = self.ledger.adopt_rows(wire::tab(request.tab)?, request.dry_run).await?;
        let rows = done.rows.into_iter().map(|row| pb::AdoptedRow {
            line: people(row.line),
            row_id: row.row_id.unwrap_or_default(),
            kept_id: row.kept_id,
        });
        let unreadable = done.unreadable.into_iter().map(|row| pb::UnreadableRow {
            line: people(row.line),
            column: row.column.to_owned(),
            reason: row.reason.to_owned(),
        });
        Ok(AdoptRowsResponse { rows: rows.collect(), unreadable: unreadable.collect(), more: done.more })
    }

    pub(super) async fn adopt_spreadsheet(
        &self,
        request: &AdoptLedgerRequest,
    ) -> Result<AdoptLedgerResponse, Error> {
        let found = self.ledger.claim(&request.foreign_ledger_id).await?;
        Ok(AdoptLedgerResponse {
            foreign_ledger_ids: found.foreign,
            foreign_batches: i32::try_from(found.batches).unwrap_or(i32::MAX),
            tabs: found.tabs.into_iter().map(|tab| wire::wire_tab(tab).into()).collect(),
            begun: found.begun,
        })
    }

    pub(super) async fn view(&self, request: &ReadSheetRequest) -> Result<ReadSheetResponse, Error> {
        let tab = wire::tab(request.tab)?;
        let size = limit(request.page_size)? as usize;
        let mut from = match request.page_token.as_str() {
            "" => 1,
            token => token.parse().map_err(|_| page::foreign())?,
        };
        let view = self.ledger.view(tab, from).await?;
        let (title, columns) = (view.title.clone(), view.columns.clone());
        let (mut rows, mut next) = first(&view.lines, view.next, size);
        // Empty lines are walked over, but not without end: whoever asked can go on from there.
        for _ in 1..MOST_READS {
            let (true, Some(line)) = (rows.is_empty(), next) else { break };
            from = line;
            let view = self.ledger.view(tab, from).await?;
            (rows, next) = first(&view.lines, view.next, size);
        }
        let next_page_token = next.map(|line| line.to_string()).unwrap_or_default();
        Ok(ReadSheetResponse { rows, next_page_token, title, columns })
    }
}

/// The first lines that have room in an answer, `size` at most, and the line after them.
fn first(lines: &[Shown], after: Option<u32>, size: usize) -> (Vec<pb::SheetRow>, Option<u32>) {
    let mut rows: Vec<pb::SheetRow> = lines.iter().take(size).map(sheet_row).collect();
    rows.truncate(fitting(&rows, page::ROOM).max(1));
    let next = lines.get(rows.len()).map(|line| line.number).or(after);
    (rows, next)
}

/// A line's number as people see it.
fn people(line: u32) -> i64 {
    i64::from(line) + 1
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn sheet_row(shown: &Shown) -> pb::SheetRow {
    let cells = shown.cells.clone().into_iter().map(|(name, value)| (name, wire::wire_value(value)));
    pb::SheetRow {
        line: people(shown.number),
        row_id: shown.row_id.clone().unwrap_or_default(),
        cells: Some(prost_types::Struct { fields: cells.collect() }),
    }
}

/// What was restored, as the status tells it.
pub(super) fn restoration(mend: Mend) -> pb::Restoration {
    pb::Restoration {
        tab: wire::wire_tab(mend.tab).into(),
        row_id: mend.row_id,
        column: mend.column,
        notice_time: Some(wire::wire_time(mend.at)),
        left: mend.left,
    }
}

fn progress(said: Progress) -> VerifyLedgerResponse {
    VerifyLedgerResponse {
        tab: wire::wire_tab(said.tab).into(),
        lines: count(said.lines),
        rows: count(said.rows),
        differences: said.found.into_iter().map(difference).collect(),
    }
}

fn difference(finding: Finding) -> pb::Difference {
    let kind = match finding.found {
        Found::Missing => pb::DifferenceKind::Missing,
        Found::IdOverwritten => pb::DifferenceKind::IdOverwritten,
        Found::Twice => pb::DifferenceKind::Twice,
        Found::Cell => pb::DifferenceKind::Cell,
        Found::DeletedIsBack => pb::DifferenceKind::DeletedIsBack,
        Found::Parked => pb::DifferenceKind::Parked,
        Found::Tab => pb::DifferenceKind::Tab,
        Found::Pending => pb::DifferenceKind::Pending,
        Found::Typed => pb::DifferenceKind::Typed,
        Found::NoId => pb::DifferenceKind::NoId,
        Found::UnknownId => pb::DifferenceKind::UnknownId,
    };
    let shows = matches!(finding.found, Found::Cell | Found::Typed);
    let value = |value| shows.then(|| wire::wire_value(value));
    pb::Difference {
        kind: kind.into(),
        row_id: finding.row_id,
        line: finding.line.map_or(0, people),
        column: finding.column.to_owned(),
        stored: value(finding.stored),
        shown: value(finding.shown),
        detail: finding.detail,
        fault: finding.found.is_fault(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_lines_ends_by_number_or_by_length() {
        let line = |number: u32, length: usize| {
            let cells = [("notes".to_owned(), "x".repeat(length).into())].into_iter().collect();
            Shown { number, row_id: None, cells }
        };
        let lines = |length: usize| (1..=30).map(|number| line(number * 2, length)).collect::<Vec<_>>();
        let page = |lines: &[Shown], size| {
            let (rows, next) = first(lines, Some(99), size);
            (rows.len(), next)
        };
        assert_eq!(page(&lines(10), 20), (20, Some(42)));
        assert_eq!(page(&lines(10), 30), (30, Some(99)));
        // Nine of them have room; what is longer than all room comes alone.
        assert_eq!(page(&lines(210_000), 20), (9, Some(20)));
        assert_eq!(page(&lines(2_100_000)[..2], 20), (1, Some(4)));
        assert_eq!(page(&[], 20), (0, Some(99)));
    }
}
