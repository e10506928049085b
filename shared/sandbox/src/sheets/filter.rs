//! Filters: rows that a person does not see, and that are there all the same.
//!
//! A tab has one basic filter, and views that are nobody's but their viewer's. The invariant: a filter changes what is
//! seen and nothing else; it goes with its cells when rows or columns come or go.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    a1,
    format::formatted,
    model::{Sheet, Workbook},
    requests::{AddFilterView, ClearBasicFilter, SetBasicFilter},
    wire::{FilterSpec, GridRange},
};

/// The values that a filter hides in one column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Hidden {
    column: usize,
    values: Vec<String>,
}

/// A filter over cells of one tab; the first row is their header.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Filter {
    rows: Range<usize>,
    columns: Range<usize>,
    hidden: Vec<Hidden>,
}

/// A filter that is looked through by whoever chooses it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct View {
    id: i32,
    title: String,
    filter: Filter,
}

/// Sets the filter of a tab, instead of the one that it has.
pub(super) fn set(book: &mut Workbook, request: SetBasicFilter) -> Result<(), String> {
    let sent = request.filter.unwrap_or_default();
    let (sheet, filter) =
        read(book, &sent.range.ok_or("No range specified.")?, sent.filter_specs.unwrap_or_default())?;
    book.sheet_mut(sheet)?.filter = Some(filter);
    Ok(())
}

/// Lifts the filter of a tab, if it has one.
pub(super) fn clear(book: &mut Workbook, request: &ClearBasicFilter) -> Result<(), String> {
    book.sheet_mut(request.sheet_id.unwrap_or(0))?.filter = None;
    Ok(())
}

/// Adds a view to a tab.
pub(super) fn add_view(book: &mut Workbook, request: AddFilterView) -> Result<Value, String> {
    let sent = request.filter.unwrap_or_default();
    let (sheet, filter) =
        read(book, &sent.range.ok_or("No range specified.")?, sent.filter_specs.unwrap_or_default())?;
    let ids = || book.sheets.iter().flat_map(|sheet| &sheet.views).map(|view| view.id);
    let id = match sent.filter_view_id {
        Some(id) if ids().any(|known| known == id) => {
            return Err(format!("A filter view with ID {id} already exists. Please use another ID."));
        }
        Some(id) => id,
        None => 1 + ids().max().unwrap_or(0),
    };
    let title = sent.title.filter(|title| !title.is_empty()).unwrap_or_else(|| format!("Filter {id}"));
    let view = View { id, title, filter };
    let answer = view.to_json(sheet);
    book.sheet_mut(sheet)?.views.push(view);
    Ok(json!({"addFilterView": {"filter": answer}}))
}

fn read(book: &Workbook, range: &GridRange, specs: Vec<FilterSpec>) -> Result<(i32, Filter), String> {
    let place = a1::from_grid_range(book, range)?;
    let mut hidden = Vec::new();
    for spec in specs {
        let index = spec.column_index.unwrap_or(0);
        let column = usize::try_from(index).ok().filter(|column| place.area.columns.contains(column));
        let column =
            column.ok_or_else(|| format!("Filter column index {index} is outside of the filter's range."))?;
        let values = spec.filter_criteria.unwrap_or_default().hidden_values.unwrap_or_default();
        hidden.push(Hidden { column, values });
    }
    Ok((place.sheet, Filter { rows: place.area.rows, columns: place.area.columns, hidden }))
}

// === impl Filter ===

impl Filter {
    /// Whether the filter hides a row.
    fn hides(&self, sheet: &Sheet, row: usize) -> bool {
        let shown = |column| sheet.cell(row, column).map(formatted).unwrap_or_default();
        let below_header = row > self.rows.start && row < self.rows.end;
        below_header && self.hidden.iter().any(|hidden| hidden.values.contains(&shown(hidden.column)))
    }

    fn to_json(&self, sheet: i32) -> Value {
        let specs = self.hidden.iter().map(
            |hidden| json!({"columnIndex": hidden.column, "filterCriteria": {"hiddenValues": hidden.values}}),
        );
        let mut filter = json!({"range": {
            "sheetId": sheet, "startRowIndex": self.rows.start, "endRowIndex": self.rows.end,
            "startColumnIndex": self.columns.start, "endColumnIndex": self.columns.end,
        }});
        let specs: Vec<Value> = specs.collect();
        if !specs.is_empty() {
            filter["filterSpecs"] = specs.into();
            // Both forms are answered.
            let by_column =
                |hidden: &Hidden| (hidden.column.to_string(), json!({"hiddenValues": hidden.values}));
            filter["criteria"] = Value::Object(self.hidden.iter().map(by_column).collect());
        }
        filter
    }

    /// False when none of its cells is left.
    fn shift(&mut self, rows: bool, at: &Range<usize>, inserted: bool) -> bool {
        let range = if rows { &mut self.rows } else { &mut self.columns };
        *range = moved(range.start, at, inserted, false)..moved(range.end, at, inserted, true);
        if !rows {
            self.hidden.retain(|hidden| inserted || !at.contains(&hidden.column));
            for hidden in &mut self.hidden {
                hidden.column = moved(hidden.column, at, inserted, false);
            }
        }
        !self.rows.is_empty() && !self.columns.is_empty()
    }
}

fn moved(index: usize, at: &Range<usize>, inserted: bool, is_end: bool) -> usize {
    match (inserted, is_end) {
        (true, false) if index >= at.start => index + at.len(),
        (true, true) if index > at.start => index + at.len(),
        (true, _) => index,
        (false, _) => index - (index.clamp(at.start, at.end) - at.start),
    }
}

// === impl View ===

impl View {
    fn to_json(&self, sheet: i32) -> Value {
        let mut view = self.filter.to_json(sheet);
        view["filterViewId"] = self.id.into();
        view["title"] = self.title.clone().into();
        view
    }
}

// === impl Sheet ===

impl Sheet {
    /// The rows that the basic filter hides; a view hides nothing from anybody else.
    pub(crate) fn hidden_rows(&self) -> Vec<usize> {
        let hides = |row: &usize| self.filter.as_ref().is_some_and(|filter| filter.hides(self, *row));
        (0..self.rows.len()).filter(hides).collect()
    }

    /// Moves filters when rows or columns are inserted at or deleted from `at`.
    pub(super) fn shift_filters(&mut self, rows: bool, at: &Range<usize>, inserted: bool) {
        if self.filter.as_mut().is_some_and(|filter| !filter.shift(rows, at, inserted)) {
            self.filter = None;
        }
        self.views.retain_mut(|view| view.filter.shift(rows, at, inserted));
    }

    /// The filters as Google answers them with a tab.
    pub(super) fn show_filters(&self, view: &mut Value) {
        if let Some(filter) = &self.filter {
            view["basicFilter"] = filter.to_json(self.id);
        }
        if !self.views.is_empty() {
            view["filterViews"] = self.views.iter().map(|one| one.to_json(self.id)).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter() -> Filter {
        Filter {
            rows: 2..10,
            columns: 1..5,
            hidden: vec![Hidden { column: 3, values: vec!["x".to_owned()] }],
        }
    }

    #[test]
    fn a_filter_goes_with_its_cells() {
        let after = |rows, at: Range<usize>, inserted| {
            let mut filter = filter();
            let stands = filter.shift(rows, &at, inserted);
            stands.then(|| (filter.rows, filter.columns, filter.hidden.first().map(|one| one.column)))
        };
        assert_eq!(after(true, 4..5, true), Some((2..11, 1..5, Some(3))));
        assert_eq!(after(true, 0..2, false), Some((0..8, 1..5, Some(3))));
        assert_eq!(after(false, 0..1, true), Some((2..10, 2..6, Some(4))));
        assert_eq!(after(false, 3..4, false), Some((2..10, 1..4, None)));
        assert_eq!(after(true, 2..10, false), None);
    }
}
