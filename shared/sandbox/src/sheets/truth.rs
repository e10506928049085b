//! What really happened to the spreadsheet, for those who judge a client by it.
//!
//! A client sees answers, and answers get lost; this is kept where the work is done. Nobody pays for it who did not
//! ask. The invariant: a batch is in here if and only if it was applied, whatever its client was told.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use super::{
    model::Workbook,
    requests::{Kind, Request},
    wire::{CellData, RowData},
};

/// A batch that was applied.
#[derive(Clone, Debug)]
pub struct Applied {
    /// When it stood in the spreadsheet.
    pub at: Instant,
    /// Title of the tab and text of the first cell of each row that was appended.
    pub appended: Vec<(String, String)>,
    /// How often it changed cells that were there.
    pub changed: usize,
    /// Values of the developer metadata that it made.
    pub marks: Vec<String>,
}

/// A call that reached the quota.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// When.
    pub at: Instant,
    /// It counts as a write, not as a read.
    pub writes: bool,
    /// The quota let it pass; else it was answered 429 and does not count.
    pub admitted: bool,
}

#[derive(Debug, Default)]
struct Kept {
    applied: Vec<Applied>,
    calls: Vec<Call>,
}

/// The log; empty until somebody wants it.
#[derive(Debug, Default)]
pub(super) struct Truth(Mutex<Option<Kept>>);

// === impl Applied ===

impl Applied {
    /// What `requests` do to `book`, which they have been applied to.
    fn of(requests: Vec<Request>, book: &Workbook) -> Self {
        let mut applied = Self { at: Instant::now(), appended: Vec::new(), changed: 0, marks: Vec::new() };
        for kind in requests.into_iter().filter_map(|request| request.kind().ok()) {
            match kind {
                Kind::AppendCells(append) => {
                    let title = book.sheet(append.sheet_id.unwrap_or(0)).map(|sheet| sheet.title.clone());
                    let title = title.unwrap_or_default();
                    let rows = append.rows.iter().flatten();
                    applied.appended.extend(rows.map(|row| (title.clone(), first_text(row))));
                }
                Kind::UpdateCells(_) => applied.changed += 1,
                Kind::CreateDeveloperMetadata(create) => {
                    applied.marks.extend(create.developer_metadata.and_then(|made| made.metadata_value));
                }
                _ => {}
            }
        }
        applied
    }
}

fn first_text(row: &RowData) -> String {
    let text = |cell: &CellData| cell.user_entered_value.as_ref()?.string_value.clone();
    row.values.as_ref().and_then(|cells| text(cells.first()?)).unwrap_or_default()
}

// === impl Truth ===

impl Truth {
    fn with<T: Default>(&self, look: impl FnOnce(&mut Kept) -> T) -> T {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_mut().map(look).unwrap_or_default()
    }

    /// Keeps everything from now on.
    pub(super) fn keep(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default();
    }

    /// A copy of `requests` for [`Self::note_applied`], if anybody wants to know.
    pub(super) fn copy(&self, requests: &[Request]) -> Option<Vec<Request>> {
        self.with(|_| Some(requests.to_vec()))
    }

    pub(super) fn note_applied(&self, requests: Vec<Request>, book: &Workbook) {
        let applied = Applied::of(requests, book);
        self.with(|kept| kept.applied.push(applied));
    }

    pub(super) fn note_call(&self, call: Call) {
        self.with(|kept| kept.calls.push(call));
    }

    pub(super) fn applied(&self, from: usize) -> Vec<Applied> {
        self.with(|kept| kept.applied.iter().skip(from).cloned().collect())
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.with(|kept| kept.calls.clone())
    }
}
