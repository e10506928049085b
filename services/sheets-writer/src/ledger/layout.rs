//! Where our tabs and columns are in the spreadsheet.
//!
//! Tabs are known by their sheet id, so a renamed tab is fine; columns by their header, so extra columns and another
//! order are fine too. A column of ours that is missing is a clear error, and the tab's rows wait.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use domain::Tab;
use serde_json::Value;

use super::{
    protocol::{Columns, METADATA_KEY},
    trouble::Trouble,
};
use crate::sheets::body::{
    CellData, CellFormat, ExtendedValue, GridCoordinate, GridProperties, GridRange, Request, RowData,
    SheetProperties, TextFormat,
};

/// Lines of a new tab; appending adds more.
const NEW_TAB_LINES: u32 = 1_000;
/// The most cells that a spreadsheet may have, over all tabs (Google Drive help, "files you can store").
pub(super) const MOST_CELLS: u64 = 10_000_000;

/// What is said before the spreadsheet is full.
pub(super) fn warning(cells: u64) -> Option<String> {
    (cells >= MOST_CELLS / 10 * 9).then(|| {
        format!(
            "the spreadsheet has {cells} cells and Google Sheets takes {MOST_CELLS}; at that, rows wait: delete rows, columns or tabs that are not needed"
        )
    })
}

/// One tab of the spreadsheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) sheet_id: i64,
    pub(super) title: String,
    /// Index of each of our columns.
    pub(super) columns: Columns,
    /// Columns that we may not change, by index.
    pub(super) protected: Vec<Range<u64>>,
    /// Lines of its grid when somebody last looked, the header's included.
    pub(super) height: u32,
}

/// A spreadsheet as `spreadsheets.get` describes it.
#[derive(Debug, Default)]
pub(super) struct Description {
    /// Titles by sheet id.
    pub(super) sheets: BTreeMap<i64, String>,
    /// Columns that we may not change, by sheet id.
    pub(super) protected: BTreeMap<i64, Vec<Range<u64>>>,
    /// How many lines each sheet's grid has.
    pub(super) heights: BTreeMap<i64, u32>,
    /// How many cells the grids of all tabs have.
    pub(super) cells: u64,
    /// Ids and values of our developer metadata.
    pub(super) marks: Vec<(i32, String)>,
}

// === impl Description ===

impl Description {
    pub(super) fn read(body: &Value) -> Self {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let (mut protected, mut heights, mut cells) = (BTreeMap::new(), BTreeMap::new(), 0);
        for sheet in list(&body["sheets"]) {
            let (properties, grid) = (&sheet["properties"], &sheet["properties"]["gridProperties"]);
            let size = |name: &str| grid[name].as_u64().unwrap_or(0);
            cells += size("rowCount") * size("columnCount");
            let ranges: Vec<_> =
                list(&sheet["protectedRanges"]).iter().filter_map(protected_columns).collect();
            let sheet_id = properties["sheetId"].as_i64().unwrap_or(0);
            protected.insert(sheet_id, ranges);
            heights.insert(sheet_id, u32::try_from(size("rowCount")).unwrap_or(u32::MAX));
        }
        let sheets = list(&body["sheets"]).into_iter().filter_map(|sheet| {
            let properties = &sheet["properties"];
            Some((properties["sheetId"].as_i64().unwrap_or(0), properties["title"].as_str()?.to_owned()))
        });
        let marks = list(&body["developerMetadata"])
            .into_iter()
            .filter(|entry| entry["metadataKey"] == METADATA_KEY)
            .map(|entry| {
                let number = entry["metadataId"].as_i64().and_then(|id| i32::try_from(id).ok());
                (number.unwrap_or(0), entry["metadataValue"].as_str().unwrap_or_default().to_owned())
            })
            .collect();
        Self { sheets: sheets.collect(), marks, protected, heights, cells }
    }

    /// The sheet with a tab's name.
    pub(super) fn sheet_of(&self, tab: Tab) -> Option<i64> {
        self.sheets.iter().find(|(_, title)| title.as_str() == tab.as_str()).map(|(id, _)| *id)
    }

    /// An id for a new sheet, the same at every try, that no sheet has.
    pub(super) fn free_id(&self, tab: Tab, taken: &BTreeSet<i64>) -> i64 {
        let first = 710_000 + 1_000 * (tab as i64 + 1);
        (first..).find(|id| !self.sheets.contains_key(id) && !taken.contains(id)).expect("ids go on")
    }
}

/// The columns that a `ProtectedRange` keeps from us. One that covers some rows only, such as the header, or that has
/// exceptions, may not concern what we write: that is found out by writing.
fn protected_columns(range: &Value) -> Option<Range<u64>> {
    let is = |name: &str| range[name].as_bool().unwrap_or(false);
    let area = range["range"].as_object()?;
    let some_rows = area.contains_key("startRowIndex") || area.contains_key("endRowIndex");
    let exceptions = range["unprotectedRanges"].as_array().is_some_and(|ranges| !ranges.is_empty());
    if is("warningOnly") || is("requestingUserCanEdit") || some_rows || exceptions {
        return None;
    }
    let bound = |name: &str, unbounded: u64| area.get(name).and_then(Value::as_u64).unwrap_or(unbounded);
    Some(bound("startColumnIndex", 0)..bound("endColumnIndex", u64::MAX))
}

// === impl Place ===

impl Place {
    /// The column that holds the ids.
    pub(super) fn id_column(&self) -> u32 {
        self.columns["id"]
    }

    /// Our columns that we may not change.
    pub(super) fn locked_columns(&self) -> Vec<&str> {
        let is_locked = |index: u32| self.protected.iter().any(|range| range.contains(&u64::from(index)));
        let locked = self.columns.iter().filter(|(_, index)| is_locked(**index));
        locked.map(|(column, _)| column.as_str()).collect()
    }

    /// One cell of the id column, as the API's A1 notation names it; `line` counts from 0.
    pub(super) fn id_cell(&self, line: u32) -> String {
        format!("{}!{}{}", self.quoted_title(), letters(self.id_column()), line + 1)
    }

    /// The header line, as the API's A1 notation names it.
    pub(super) fn header_line(&self) -> String {
        format!("{}!1:1", self.quoted_title())
    }

    fn quoted_title(&self) -> String {
        format!("'{}'", self.title.replace('\'', "''"))
    }

    /// A cell of the id column as a grid range.
    pub(super) fn id_range(&self, line: u32) -> GridRange {
        self.cell_range(line, self.id_column())
    }

    /// One cell as a grid range.
    pub(super) fn cell_range(&self, line: u32, column: u32) -> GridRange {
        GridRange {
            sheet_id: self.sheet_id,
            start_row_index: Some(line),
            end_row_index: Some(line + 1),
            start_column_index: Some(column),
            end_column_index: Some(column + 1),
        }
    }

    /// A whole column.
    pub(super) fn column_range(&self, column: u32) -> GridRange {
        column_range(self.sheet_id, column)
    }

    /// The whole id column.
    pub(super) fn id_column_range(&self) -> GridRange {
        self.column_range(self.id_column())
    }
}

/// A whole column of a sheet.
pub(super) fn column_range(sheet_id: i64, column: u32) -> GridRange {
    GridRange {
        sheet_id,
        start_row_index: None,
        end_row_index: None,
        start_column_index: Some(column),
        end_column_index: Some(column + 1),
    }
}

/// Some lines of a sheet.
pub(super) fn lines_range(sheet_id: i64, lines: Range<u32>) -> GridRange {
    GridRange {
        sheet_id,
        start_row_index: Some(lines.start),
        end_row_index: Some(lines.end),
        start_column_index: None,
        end_column_index: None,
    }
}

/// The header line of a sheet.
pub(super) fn header_range(sheet_id: i64) -> GridRange {
    GridRange {
        sheet_id,
        start_row_index: Some(0),
        end_row_index: Some(1),
        start_column_index: None,
        end_column_index: None,
    }
}

/// Finds our columns in a header line.
///
/// # Errors
/// Names the columns that are missing or stand twice.
pub(super) fn find_columns(tab: Tab, header: &[String]) -> Result<Columns, Trouble> {
    let mut columns = Columns::new();
    let mut wrong = Vec::new();
    for column in tab.columns() {
        let mut found = header.iter().zip(0_u32..).filter(|(title, _)| title.trim() == *column);
        match (found.next(), found.next()) {
            (Some((_, index)), None) => drop(columns.insert((*column).to_owned(), index)),
            (None, _) => wrong.push(format!("{column} is missing")),
            (Some(_), Some(_)) => wrong.push(format!("{column} stands twice")),
        }
    }
    if wrong.is_empty() { Ok(columns) } else { Err(Trouble::Header { tab, wrong: wrong.join(", ") }) }
}

/// Requests that make a tab, or write the header into an empty one.
pub(super) fn create(tab: Tab, sheet_id: i64, exists: bool) -> Vec<Request> {
    let grid_properties = GridProperties {
        row_count: NEW_TAB_LINES,
        column_count: tab.columns().len() as u32,
        frozen_row_count: 1,
    };
    let properties = SheetProperties { sheet_id, title: tab.as_str(), grid_properties };
    let bold = CellFormat { number_format: None, text_format: Some(TextFormat { bold: true }) };
    let title = |column: &&str| CellData {
        user_entered_value: Some(ExtendedValue::Text((*column).to_owned())),
        user_entered_format: Some(bold.clone()),
    };
    let header = Request::UpdateCells {
        start: GridCoordinate { sheet_id, row_index: 0, column_index: 0 },
        rows: vec![RowData { values: tab.columns().iter().map(title).collect() }],
        fields: "userEnteredValue,userEnteredFormat.textFormat.bold",
    };
    let sheet = (!exists).then_some(Request::AddSheet { properties });
    sheet.into_iter().chain([header]).collect()
}

/// A cell's value as text.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Values of a `batchGetByDataFilter` answer, range by range, each as lines of cells.
pub(super) fn values(body: &Value) -> Vec<Vec<Vec<Value>>> {
    let line = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let range = |value: &Value| {
        let values = &value["valueRange"]["values"];
        values.as_array().map(|found| found.iter().map(line).collect()).unwrap_or_default()
    };
    body["valueRanges"].as_array().map(|ranges| ranges.iter().map(range).collect()).unwrap_or_default()
}

/// Column letters: 0 is A, 26 is AA.
pub(super) fn letters(mut index: u32) -> String {
    let mut name = Vec::new();
    loop {
        name.push(b'A' + (index % 26) as u8);
        match index / 26 {
            0 => break,
            rest => index = rest - 1,
        }
    }
    name.iter().rev().map(|letter| char::from(*letter)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_their_header() {
        let header = ["my own", "id", "type", "session_id", "payload_json", "occurred_at"].map(str::to_owned);
        let columns = find_columns(Tab::ChatEvents, &header).unwrap();
        assert_eq!((columns["id"], columns["type"], columns["occurred_at"]), (1, 2, 5));
    }

    #[test]
    fn a_wrong_header_says_what_is_wrong() {
        let header = ["id", "id", "occurred_at", "Type", "payload_json"].map(str::to_owned);
        let error = find_columns(Tab::ChatEvents, &header).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the header of tab chat_events is wrong: id stands twice, session_id is missing, type is missing"
        );
    }

    #[test]
    fn cells_are_named_as_people_see_them() {
        assert_eq!([0, 25, 26, 701, 702].map(letters), ["A", "Z", "AA", "ZZ", "AAA"]);
        let place = Place {
            sheet_id: 1,
            title: "Ann's leads".into(),
            columns: Columns::from([("id".to_owned(), 27)]),
            protected: Vec::new(),
            height: 1_000,
        };
        assert_eq!(place.id_cell(16), "'Ann''s leads'!AB17");
    }
}
