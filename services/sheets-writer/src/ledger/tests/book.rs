//! A spreadsheet, as far as the ledger uses one. The invariant: a batch is applied as a whole or not at all, and an
//! id of developer metadata is taken once.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Why a request is refused.
#[derive(Debug)]
pub(super) struct Refused;

/// One tab.
#[derive(Clone, Debug, Default)]
pub(super) struct Sheet {
    pub(super) title: String,
    /// Values of cells by line; empty ones are null.
    pub(super) lines: Vec<Vec<Value>>,
}

/// The spreadsheet.
#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    pub(super) sheets: BTreeMap<i64, Sheet>,
    /// Values of metadata by id.
    pub(super) marks: BTreeMap<i64, String>,
}

// === impl Book ===

impl Book {
    pub(super) fn titled(&self, title: &str) -> Option<&Sheet> {
        self.sheets.values().find(|sheet| sheet.title == title)
    }

    pub(super) fn titled_mut(&mut self, title: &str) -> Option<&mut Sheet> {
        self.sheets.values_mut().find(|sheet| sheet.title == title)
    }

    /// `spreadsheets.get`.
    pub(super) fn describe(&self) -> Value {
        let sheet =
            |(id, sheet): (&i64, &Sheet)| json!({"properties": {"sheetId": id, "title": sheet.title}});
        let mark = |(id, value): (&i64, &String)| json!({"metadataId": id, "metadataKey": "fd", "metadataValue": value});
        json!({
            "sheets": self.sheets.iter().map(sheet).collect::<Vec<_>>(),
            "developerMetadata": self.marks.iter().map(mark).collect::<Vec<_>>(),
        })
    }

    /// `spreadsheets.batchUpdate`.
    pub(super) fn batch(&mut self, body: &Value) -> Result<Value, Refused> {
        let mut next = self.clone();
        for request in body["requests"].as_array().unwrap() {
            next.apply(request)?;
        }
        *self = next;
        let ranges = body["responseRanges"].as_array().into_iter().flatten();
        let seen = ranges.map(|range| self.seen(range.as_str().unwrap())).collect::<Result<Vec<_>, _>>()?;
        Ok(json!({"updatedSpreadsheet": {"sheets": seen}}))
    }

    fn apply(&mut self, request: &Value) -> Result<(), Refused> {
        let (kind, body) = request.as_object().unwrap().iter().next().unwrap();
        match kind.as_str() {
            "createDeveloperMetadata" => {
                let entry = &body["developerMetadata"];
                let id = entry["metadataId"].as_i64().unwrap();
                if self.marks.contains_key(&id) {
                    return Err(Refused);
                }
                self.marks.insert(id, entry["metadataValue"].as_str().unwrap().to_owned());
            }
            "deleteDeveloperMetadata" => {
                let id = &body["dataFilter"]["developerMetadataLookup"]["metadataId"];
                self.marks.remove(&id.as_i64().unwrap());
            }
            "addSheet" => {
                let properties = &body["properties"];
                let title = properties["title"].as_str().unwrap().to_owned();
                if self.titled(&title).is_some() {
                    return Err(Refused);
                }
                let id = properties["sheetId"].as_i64().unwrap();
                self.sheets.insert(id, Sheet { title, lines: Vec::new() });
            }
            "appendCells" => {
                let sheet = self.sheet(&body["sheetId"])?;
                sheet.lines.extend(body["rows"].as_array().unwrap().iter().map(values));
            }
            "updateCells" => {
                let start = &body["start"];
                let index = |name: &str| usize::try_from(start[name].as_u64().unwrap()).unwrap();
                let (line, column) = (index("rowIndex"), index("columnIndex"));
                let sheet = self.sheet(&start["sheetId"])?;
                for (at, row) in (line..).zip(body["rows"].as_array().unwrap()) {
                    sheet.write(at, column, values(row));
                }
            }
            _ => return Err(Refused),
        }
        Ok(())
    }

    fn sheet(&mut self, id: &Value) -> Result<&mut Sheet, Refused> {
        self.sheets.get_mut(&id.as_i64().unwrap()).ok_or(Refused)
    }

    /// A range of an answer: `'tab'!1:1` or `'tab'!A5`.
    fn seen(&self, range: &str) -> Result<Value, Refused> {
        let (title, cells) = range.rsplit_once('!').ok_or(Refused)?;
        let title = title.trim_matches('\'');
        let (id, sheet) = self.sheets.iter().find(|(_, sheet)| sheet.title == title).ok_or(Refused)?;
        let shown = |value: &Value| match value {
            Value::Null => json!({}),
            Value::String(text) => json!({"userEnteredValue": {"stringValue": text}}),
            other => json!({"userEnteredValue": {"numberValue": other}}),
        };
        let data = if cells == "1:1" {
            let header = sheet.lines.first().into_iter().flatten().map(shown);
            json!({"rowData": [{"values": header.collect::<Vec<_>>()}]})
        } else {
            let line = cells.trim_start_matches(|c: char| c.is_ascii_uppercase());
            // Ids stand in the first column here.
            assert_eq!(cells.len() - line.len(), 1, "{range}");
            let line: usize = line.parse().unwrap();
            let cell = sheet.lines.get(line - 1).and_then(|line| line.first()).map_or(json!({}), shown);
            json!({"startRow": line - 1, "rowData": [{"values": [cell]}]})
        };
        Ok(json!({"properties": {"sheetId": id}, "data": [data]}))
    }

    /// `spreadsheets.values.batchGetByDataFilter`.
    pub(super) fn values(&self, body: &Value) -> Result<Value, Refused> {
        let mut ranges = Vec::new();
        for filter in body["dataFilters"].as_array().unwrap() {
            let range = &filter["gridRange"];
            let sheet = self.sheets.get(&range["sheetId"].as_i64().unwrap()).ok_or(Refused)?;
            let bound = |name: &str, unbounded: usize, most: usize| {
                let index = range[name].as_u64().map_or(unbounded, |index| usize::try_from(index).unwrap());
                index.min(most)
            };
            let height = sheet.lines.len();
            let lines = bound("startRowIndex", 0, height)..bound("endRowIndex", height, height);
            let cut = |line: &Vec<Value>| {
                let width = line.len();
                let columns = bound("startColumnIndex", 0, width)..bound("endColumnIndex", width, width);
                let cell = |value: &Value| if value.is_null() { json!("") } else { value.clone() };
                line[columns].iter().map(cell).collect::<Vec<_>>()
            };
            let found: Vec<_> = sheet.lines[lines].iter().map(cut).collect();
            ranges.push(json!({"valueRange": {"values": found}}));
        }
        Ok(json!({"valueRanges": ranges}))
    }
}

// === impl Sheet ===

impl Sheet {
    fn write(&mut self, line: usize, column: usize, values: Vec<Value>) {
        if self.lines.len() <= line {
            self.lines.resize(line + 1, Vec::new());
        }
        let cells = &mut self.lines[line];
        if cells.len() < column + values.len() {
            cells.resize(column + values.len(), Value::Null);
        }
        for (cell, value) in cells[column..].iter_mut().zip(values) {
            *cell = value;
        }
    }
}

fn values(row: &Value) -> Vec<Value> {
    row["values"].as_array().unwrap().iter().map(value).collect()
}

/// The value that `CellData` brings.
pub(super) fn value(cell: &Value) -> Value {
    let entered = cell["userEnteredValue"].as_object().and_then(|entered| entered.values().next());
    entered.cloned().unwrap_or(Value::Null)
}
