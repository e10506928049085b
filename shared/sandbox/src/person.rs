//! The owner's hand: what a person does to the spreadsheet while the program writes to it.
//!
//! The invariant: a person's edits follow the same rules as the API's, and are in the file when the call returns.

use serde_json::Value;

use crate::sheets::{
    AddFilterView, AppendDimension, BasicFilter, CellData, DeleteDimension, DeleteSheet, Dimension,
    DimensionRange, ExtendedValue, FilterCriteria, FilterSpec, FilterView, GridCoordinate, GridRange,
    InsertDimension, Kind, RowData, SetBasicFilter, Sheet, SheetProperties, Sheets, SortOrder, SortRange,
    SortSpec, UpdateCells, UpdateSheetProperties,
};

/// Why something cannot be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// No tab of this title.
    NoTab,
    /// The provider refuses it, in its own words.
    Refused(String),
}

/// A person at the spreadsheet. Rows and columns count from 0; row 0 is the header.
pub struct Person<'a>(&'a Sheets);

impl std::fmt::Display for Mishap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoTab => f.write_str("no such tab"),
            Self::Refused(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Mishap {}

impl<'a> Person<'a> {
    pub(crate) fn new(sheets: &'a Sheets) -> Self {
        Self(sheets)
    }

    /// Sorts a tab below its header by a column.
    pub fn sort(&self, tab: &str, column: usize, descending: bool) -> Result<(), Mishap> {
        let sheet_id = Some(self.id(tab)?);
        let order = if descending { SortOrder::Descending } else { SortOrder::Ascending };
        let range = GridRange { sheet_id, start_row_index: Some(1), ..GridRange::default() };
        let sort_specs = Some(vec![SortSpec::new(index(column)?, order)]);
        self.edit(SortRange { range: Some(range), sort_specs })
    }

    /// Deletes a row; those below move up.
    pub fn delete_row(&self, tab: &str, row: usize) -> Result<(), Mishap> {
        let range = self.span(tab, Dimension::Rows, row)?;
        self.edit(DeleteDimension { range: Some(range) })
    }

    /// Inserts an empty row above `row`.
    pub fn insert_row(&self, tab: &str, row: usize) -> Result<(), Mishap> {
        let range = self.span(tab, Dimension::Rows, row)?;
        self.edit(InsertDimension { range: Some(range), inherit_from_before: None })
    }

    /// Inserts an empty column left of `column`.
    pub fn insert_column(&self, tab: &str, column: usize) -> Result<(), Mishap> {
        let range = self.span(tab, Dimension::Columns, column)?;
        self.edit(InsertDimension { range: Some(range), inherit_from_before: None })
    }

    /// Deletes a column.
    pub fn delete_column(&self, tab: &str, column: usize) -> Result<(), Mishap> {
        let range = self.span(tab, Dimension::Columns, column)?;
        self.edit(DeleteDimension { range: Some(range) })
    }

    /// Types into a cell: a string, number or boolean; null clears it. The cell's format stays.
    pub fn set_cell(&self, tab: &str, row: usize, column: usize, value: &Value) -> Result<(), Mishap> {
        let start = GridCoordinate {
            sheet_id: Some(self.id(tab)?),
            row_index: Some(index(row)?),
            column_index: Some(index(column)?),
        };
        let entered = match value {
            Value::Null => None,
            Value::Bool(yes) => Some(ExtendedValue { bool_value: Some(*yes), ..Default::default() }),
            Value::Number(number) => {
                Some(ExtendedValue { number_value: number.as_f64(), ..Default::default() })
            }
            Value::String(text) => {
                Some(ExtendedValue { string_value: Some(text.clone()), ..Default::default() })
            }
            _ => return Err(Mishap::Refused("a cell holds a string, a number or a boolean".to_owned())),
        };
        let cell = CellData { user_entered_value: entered, ..Default::default() };
        self.edit(UpdateCells {
            rows: Some(vec![RowData { values: Some(vec![cell]) }]),
            fields: Some("userEnteredValue".to_owned()),
            start: Some(start),
            range: None,
        })
    }

    /// Renames a tab.
    pub fn rename_tab(&self, tab: &str, title: &str) -> Result<(), Mishap> {
        let sheet_id = Some(self.id(tab)?);
        let properties = SheetProperties { sheet_id, title: Some(title.to_owned()), ..Default::default() };
        self.edit(UpdateSheetProperties { properties: Some(properties), fields: Some("title".to_owned()) })
    }

    /// Deletes a tab with all its rows.
    pub fn delete_tab(&self, tab: &str) -> Result<(), Mishap> {
        let sheet_id = Some(self.id(tab)?);
        self.edit(DeleteSheet { sheet_id })
    }

    /// Protects columns of a tab from everybody else, or all of it.
    pub fn protect(&self, tab: &str, columns: Option<std::ops::Range<usize>>) -> Result<(), Mishap> {
        self.0.protect(self.id(tab)?, columns).map_err(Mishap::Refused)
    }

    /// Lifts every protection of a tab.
    pub fn unprotect(&self, tab: &str) -> Result<(), Mishap> {
        self.0.unprotect(self.id(tab)?).map_err(Mishap::Refused)
    }

    /// Adds empty rows at the end of a tab.
    pub fn add_rows(&self, tab: &str, count: usize) -> Result<(), Mishap> {
        self.edit(AppendDimension {
            sheet_id: Some(self.id(tab)?),
            dimension: Some(Dimension::Rows),
            length: Some(index(count)?),
        })
    }

    /// Filters a tab: rows that show one of `values` in a column are not seen.
    pub fn hide_values(&self, tab: &str, column: usize, values: &[&str]) -> Result<(), Mishap> {
        let (range, filter_specs) = self.filter(tab, column, values)?;
        let filter =
            BasicFilter { range: Some(range), filter_specs: Some(filter_specs), ..Default::default() };
        self.edit(SetBasicFilter { filter: Some(filter) })
    }

    /// Saves the same as a view of this name.
    pub fn add_view(&self, tab: &str, title: &str, column: usize, values: &[&str]) -> Result<(), Mishap> {
        let (range, filter_specs) = self.filter(tab, column, values)?;
        let filter = FilterView {
            title: Some(title.to_owned()),
            range: Some(range),
            filter_specs: Some(filter_specs),
            ..Default::default()
        };
        self.edit(AddFilterView { filter: Some(filter) })
    }

    /// The rows of a tab that its filter hides.
    pub fn hidden_rows(&self, tab: &str) -> Result<Vec<usize>, Mishap> {
        self.0.book().titled(tab).map(Sheet::hidden_rows).ok_or(Mishap::NoTab)
    }

    fn filter(
        &self,
        tab: &str,
        column: usize,
        values: &[&str],
    ) -> Result<(GridRange, Vec<FilterSpec>), Mishap> {
        let hidden_values = Some(values.iter().map(|value| (*value).to_owned()).collect());
        let filter_criteria = Some(FilterCriteria { hidden_values, ..Default::default() });
        let spec = FilterSpec { column_index: Some(index(column)?), filter_criteria, ..Default::default() };
        Ok((GridRange { sheet_id: Some(self.id(tab)?), ..Default::default() }, vec![spec]))
    }

    fn edit(&self, request: impl Into<Kind>) -> Result<(), Mishap> {
        self.0.edit(vec![request.into()]).map_err(Mishap::Refused)
    }

    fn id(&self, tab: &str) -> Result<i32, Mishap> {
        self.0.book().titled(tab).map(|sheet| sheet.id).ok_or(Mishap::NoTab)
    }

    fn span(&self, tab: &str, dimension: Dimension, at: usize) -> Result<DimensionRange, Mishap> {
        let start = index(at)?;
        Ok(DimensionRange {
            sheet_id: Some(self.id(tab)?),
            dimension: Some(dimension),
            start_index: Some(start),
            end_index: start.checked_add(1),
        })
    }
}

fn index(at: usize) -> Result<i32, Mishap> {
    i32::try_from(at).map_err(|_| Mishap::Refused("outside of the grid".to_owned()))
}
