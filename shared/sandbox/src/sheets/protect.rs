//! Protected ranges: cells that their owner lets nobody else change.
//!
//! A person protects and edits freely; the API's caller is nobody's editor. The invariant: a batch that touches one
//! protected cell is refused as a whole, and a range goes with its cells when rows or columns come or go.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    a1::{self, Place},
    model::{Sheet, Workbook},
    requests::Kind,
};

/// What Google says to whoever is no editor of the range.
const REFUSAL: &str = "You are trying to edit a protected cell or object. Please contact the spreadsheet owner to remove protection if you need to edit.";

/// One protected range of a tab.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Protection {
    id: i32,
    /// All rows of these columns; all columns if there are none.
    columns: Option<Range<usize>>,
}

// === impl Protection ===

impl Protection {
    fn holds(&self, columns: &Range<usize>) -> bool {
        let meets = |own: &Range<usize>| own.start < columns.end && columns.start < own.end;
        self.columns.as_ref().is_none_or(meets)
    }

    /// As Google answers it.
    pub(super) fn to_json(&self, sheet: i32) -> Value {
        let mut range = json!({"sheetId": sheet});
        if let Some(columns) = &self.columns {
            range["startColumnIndex"] = columns.start.into();
            range["endColumnIndex"] = columns.end.into();
        }
        // A field that is false is left out, as in all of Google's answers.
        json!({"protectedRangeId": self.id, "range": range})
    }
}

// === impl Sheet ===

impl Sheet {
    /// Protects columns, or the whole tab.
    pub(super) fn protect(&mut self, columns: Option<Range<usize>>) {
        let id = 1 + self.protections.iter().map(|one| one.id).max().unwrap_or(0);
        self.protections.push(Protection { id, columns });
    }

    /// Moves the protections of columns when some are inserted at or deleted from `at`.
    pub(super) fn shift_protections(&mut self, at: &Range<usize>, inserted: bool) {
        let moved = |index: usize, is_end: bool| match (inserted, is_end) {
            (true, false) if index >= at.start => index + at.len(),
            (true, true) if index > at.start => index + at.len(),
            (true, _) => index,
            (false, _) => index - (index.clamp(at.start, at.end) - at.start),
        };
        for columns in self.protections.iter_mut().filter_map(|one| one.columns.as_mut()) {
            *columns = moved(columns.start, false)..moved(columns.end, true);
        }
        self.protections.retain(|one| one.columns.as_ref().is_none_or(|columns| !columns.is_empty()));
    }
}

/// Refuses what changes protected cells.
pub(super) fn check(book: &Workbook, kind: &Kind) -> Result<(), String> {
    let Some((sheet, columns)) = touched(book, kind) else { return Ok(()) };
    // That there is no such tab is said by whoever applies the request.
    let Ok(sheet) = book.sheet(sheet) else { return Ok(()) };
    if sheet.protections.iter().any(|one| one.holds(&columns)) { Err(REFUSAL.to_owned()) } else { Ok(()) }
}

/// The tab and the columns that a request changes; requests that cannot be read are refused elsewhere.
fn touched(book: &Workbook, kind: &Kind) -> Option<(i32, Range<usize>)> {
    let width = |rows: &Option<Vec<super::RowData>>| {
        let width = |row: &super::RowData| row.values.as_ref().map_or(0, Vec::len);
        rows.iter().flatten().map(width).max().unwrap_or(0)
    };
    let of = |place: Place| (place.sheet, place.area.columns);
    match kind {
        Kind::AppendCells(request) => Some((request.sheet_id.unwrap_or(0), 0..width(&request.rows))),
        Kind::UpdateCells(request) => match (&request.start, &request.range) {
            (Some(start), _) => {
                let column = usize::try_from(start.column_index.unwrap_or(0)).ok()?;
                Some((start.sheet_id.unwrap_or(0), column..column + width(&request.rows)))
            }
            (None, range) => a1::from_grid_range(book, range.as_ref()?).ok().map(of),
        },
        Kind::SortRange(request) => a1::from_grid_range(book, request.range.as_ref()?).ok().map(of),
        Kind::DeleteRange(request) => a1::from_grid_range(book, request.range.as_ref()?).ok().map(of),
        Kind::DeleteDimension(request) => {
            let (sheet, rows, range) = a1::from_dimension_range(book, request.range.as_ref()?).ok()?;
            Some((sheet, if rows { 0..usize::MAX } else { range }))
        }
        Kind::DeleteSheet(request) => Some((request.sheet_id.unwrap_or(0), 0..usize::MAX)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protected(columns: Range<usize>) -> Sheet {
        let mut sheet = Sheet::new(1, "tab".to_owned());
        sheet.protect(Some(columns));
        sheet
    }

    fn after(at: Range<usize>, inserted: bool) -> Option<Range<usize>> {
        let mut sheet = protected(3..5);
        sheet.shift_protections(&at, inserted);
        sheet.protections.first().and_then(|one| one.columns.clone())
    }

    #[test]
    fn a_range_goes_with_its_columns() {
        assert_eq!(after(3..4, true), Some(4..6));
        assert_eq!(after(4..6, true), Some(3..7));
        assert_eq!(after(5..6, true), Some(3..5));
        assert_eq!(after(0..1, false), Some(2..4));
        assert_eq!(after(4..9, false), Some(3..4));
        assert_eq!(after(3..5, false), None);
    }

    #[test]
    fn only_cells_of_the_range_are_protected() {
        let sheet = protected(3..5);
        assert!(sheet.protections[0].holds(&(4..9)) && sheet.protections[0].holds(&(0..4)));
        assert!(!sheet.protections[0].holds(&(0..3)) && !sheet.protections[0].holds(&(5..6)));
    }
}
