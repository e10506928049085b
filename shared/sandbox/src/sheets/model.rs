//! The workbook: tabs, rows, typed cells, developer metadata.
//!
//! Rows and tabs are shared by reference count, so a copy of a workbook is cheap: a batch works on a copy, and
//! what it changed is found by comparing pointers. The invariant: a cell keeps the type it was given.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

use super::{
    filter::{Filter, View},
    metadata::Metadata,
    protect::Protection,
    wire::{CellFormat, NumberFormat},
};

/// The most cells a workbook may have.
pub(super) const MOST_CELLS: usize = 10_000_000;

/// What a person or a program entered into a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Datum {
    #[serde(rename = "stringValue")]
    Text(String),
    #[serde(rename = "numberValue", serialize_with = "serialize_number")]
    Number(f64),
    #[serde(rename = "boolValue")]
    Bool(bool),
    #[serde(rename = "formulaValue")]
    Formula(String),
}

/// One cell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cell {
    #[serde(default, rename = "userEnteredValue", skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<Datum>,
    #[serde(default, rename = "userEnteredFormat", skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<Box<CellFormat>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<String>,
}

/// A row up to its last used cell.
pub(crate) type Row = Vec<Cell>;

/// A tab's properties, and its rows up to the last used one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sheet {
    pub(crate) id: i32,
    pub(crate) title: String,
    pub(super) row_count: usize,
    pub(super) column_count: usize,
    pub(super) frozen_rows: usize,
    pub(super) frozen_columns: usize,
    pub(super) hide_gridlines: bool,
    pub(super) hidden: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) protections: Vec<Protection>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) filter: Option<Filter>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) views: Vec<View>,
    #[serde(skip)]
    pub(crate) rows: Vec<Arc<Row>>,
}

/// The one spreadsheet of the stand-in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Workbook {
    pub(crate) sheets: Vec<Arc<Sheet>>,
    pub(super) metadata: BTreeMap<i32, Metadata>,
}

fn serialize_number<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    number_value(*number).serialize(serializer)
}

/// A number as JSON, without `.0` when it is whole.
pub(crate) fn number_value(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT { json!(number as i64) } else { json!(number) }
}

// === impl Cell ===

impl Cell {
    pub(super) fn number_format(&self) -> Option<&NumberFormat> {
        self.format.as_ref()?.number_format.as_ref()
    }

    pub(super) fn is_blank(&self) -> bool {
        *self == Self::default()
    }
}

// === impl Sheet ===

impl Sheet {
    /// A tab of the size that Google gives a new one.
    pub(super) fn new(id: i32, title: String) -> Self {
        Self { id, title, row_count: 1000, column_count: 26, ..Self::default() }
    }

    pub(crate) fn cell(&self, row: usize, column: usize) -> Option<&Cell> {
        self.rows.get(row)?.get(column)
    }

    pub(crate) fn datum(&self, row: usize, column: usize) -> Option<&Datum> {
        self.cell(row, column)?.value.as_ref()
    }

    /// How many rows there are up to the last one that holds a value; formats alone are no data.
    pub(crate) fn used_rows(&self) -> usize {
        let used = |row: &Arc<Row>| row.iter().any(|cell| cell.value.is_some());
        self.rows.iter().rposition(used).map_or(0, |last| last + 1)
    }
}

// === impl Workbook ===

impl Workbook {
    /// A new spreadsheet of Google's: one empty tab.
    pub(super) fn blank() -> Self {
        Self { sheets: vec![Arc::new(Sheet::new(0, "Sheet1".to_owned()))], metadata: BTreeMap::new() }
    }

    pub(super) fn position(&self, id: i32) -> Result<usize, String> {
        self.sheets.iter().position(|sheet| sheet.id == id).ok_or_else(|| format!("No grid with id: {id}"))
    }

    pub(super) fn sheet(&self, id: i32) -> Result<&Sheet, String> {
        Ok(&self.sheets[self.position(id)?])
    }

    /// The tab to change; copied first when a reader still holds it.
    pub(super) fn sheet_mut(&mut self, id: i32) -> Result<&mut Sheet, String> {
        let position = self.position(id)?;
        Ok(Arc::make_mut(&mut self.sheets[position]))
    }

    pub(crate) fn titled(&self, title: &str) -> Option<&Sheet> {
        self.sheets.iter().find(|sheet| sheet.title == title).map(Arc::as_ref)
    }

    pub(super) fn check_size(&self) -> Result<(), String> {
        let cells = self.sheets.iter().map(|sheet| sheet.row_count.saturating_mul(sheet.column_count));
        if cells.fold(0, usize::saturating_add) > MOST_CELLS {
            return Err(format!(
                "This action would increase the number of cells in the workbook above the limit of {MOST_CELLS} cells."
            ));
        }
        Ok(())
    }
}
