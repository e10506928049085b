//! What can be done to a tab's grid: write, insert, delete, sort.
//!
//! The invariant: no row is longer than `column_count` and there are no more rows than `row_count`.

use std::{cmp::Ordering, ops::Range, sync::Arc};

use super::model::{Cell, Datum, Row, Sheet};

/// A rectangle of cells inside the grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
}

/// One key of a sort: a column, and whether the largest comes first.
pub(super) type Key = (usize, bool);

impl Sheet {
    pub(super) fn whole(&self) -> Area {
        Area { rows: 0..self.row_count, columns: 0..self.column_count }
    }

    /// Changes one cell inside the grid.
    pub(super) fn change(&mut self, row: usize, column: usize, change: impl FnOnce(&mut Cell)) {
        if self.rows.len() <= row {
            self.rows.resize_with(row + 1, Arc::default);
        }
        let cells = Arc::make_mut(&mut self.rows[row]);
        if cells.len() <= column {
            cells.resize_with(column + 1, Cell::default);
        }
        change(&mut cells[column]);
    }

    /// Drops unused cells and rows at the ends.
    pub(super) fn trim(&mut self) {
        while self.rows.last().is_some_and(|row| row.iter().all(Cell::is_blank)) {
            self.rows.pop();
        }
    }

    pub(super) fn insert_rows(&mut self, at: usize, count: usize) {
        self.row_count += count;
        if at < self.rows.len() {
            self.rows.splice(at..at, std::iter::repeat_with(Arc::default).take(count));
        }
    }

    pub(super) fn insert_columns(&mut self, at: usize, count: usize) {
        self.column_count += count;
        for row in self.rows.iter_mut().filter(|row| row.len() > at) {
            let blank = std::iter::repeat_with(Cell::default).take(count);
            Arc::make_mut(row).splice(at..at, blank);
        }
    }

    pub(super) fn delete_rows(&mut self, range: Range<usize>) {
        self.row_count -= range.len();
        let end = range.end.min(self.rows.len());
        if range.start < end {
            self.rows.drain(range.start..end);
        }
        self.frozen_rows = self.frozen_rows.min(self.row_count - 1);
        self.trim();
    }

    pub(super) fn delete_columns(&mut self, range: Range<usize>) {
        self.column_count -= range.len();
        for row in self.rows.iter_mut().filter(|row| row.len() > range.start) {
            let row = Arc::make_mut(row);
            let end = range.end.min(row.len());
            row.drain(range.start..end);
        }
        self.frozen_columns = self.frozen_columns.min(self.column_count - 1);
        self.trim();
    }

    /// Makes the grid this large; what is outside is lost.
    pub(super) fn resize(&mut self, rows: usize, columns: usize) {
        self.rows.truncate(rows);
        for row in self.rows.iter_mut().filter(|row| row.len() > columns) {
            Arc::make_mut(row).truncate(columns);
        }
        (self.row_count, self.column_count) = (rows, columns);
        self.trim();
    }

    /// Deletes an area; what is below moves up, or what is right of it moves left.
    pub(super) fn delete_area(&mut self, area: &Area, up: bool) {
        let last = self.rows.len();
        for row in area.rows.start..last {
            let from = if up { row + area.rows.len() } else { row };
            if !up && row >= area.rows.end {
                break;
            }
            let columns = if up { area.columns.clone() } else { area.columns.start..self.column_count };
            for column in columns {
                let source = if up { column } else { column + area.columns.len() };
                let cell = self.cell(from, source).cloned().unwrap_or_default();
                if self.cell(row, column).is_some_and(|old| *old != cell) || !cell.is_blank() {
                    self.change(row, column, |old| *old = cell);
                }
            }
        }
        self.trim();
    }

    /// Sorts the rows of an area, stably, blank cells last; cells outside of its columns stay.
    pub(super) fn sort(&mut self, area: &Area, keys: &[Key]) {
        let end = area.rows.end.min(self.rows.len());
        if area.rows.start >= end {
            return;
        }
        let mut rows = self.rows[area.rows.start..end].to_vec();
        rows.sort_by(|a, b| compare_rows(a, b, keys));
        let whole = area.columns.start == 0 && rows.iter().all(|row| row.len() <= area.columns.end);
        for (target, source) in self.rows[area.rows.start..end].iter_mut().zip(rows) {
            if whole {
                *target = source;
            } else {
                put(Arc::make_mut(target), &source, &area.columns);
            }
        }
        self.trim();
    }
}

fn put(target: &mut Row, source: &Row, columns: &Range<usize>) {
    let end = columns.end.min(target.len().max(source.len()));
    if target.len() < end {
        target.resize_with(end, Cell::default);
    }
    for (column, cell) in target.iter_mut().enumerate().take(end).skip(columns.start) {
        *cell = source.get(column).cloned().unwrap_or_default();
    }
}

fn compare_rows(a: &Row, b: &Row, keys: &[Key]) -> Ordering {
    let datum = |row: &Row, column: usize| row.get(column).and_then(|cell| cell.value.clone());
    for &(column, descending) in keys {
        let order = match (datum(a, column), datum(b, column)) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => return Ordering::Greater,
            (Some(_), None) => return Ordering::Less,
            (Some(a), Some(b)) if descending => compare(&b, &a),
            (Some(a), Some(b)) => compare(&a, &b),
        };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// Numbers before texts before booleans; texts without regard to case.
fn compare(a: &Datum, b: &Datum) -> Ordering {
    let rank = |datum: &Datum| match datum {
        Datum::Number(_) => 0,
        Datum::Text(_) | Datum::Formula(_) => 1,
        Datum::Bool(_) => 2,
    };
    match (a, b) {
        (Datum::Number(a), Datum::Number(b)) => a.total_cmp(b),
        (Datum::Bool(a), Datum::Bool(b)) => a.cmp(b),
        (Datum::Text(a) | Datum::Formula(a), Datum::Text(b) | Datum::Formula(b)) => {
            a.to_lowercase().cmp(&b.to_lowercase()).then_with(|| a.cmp(b))
        }
        _ => rank(a).cmp(&rank(b)),
    }
}
