//! From rows to one atomic batch.

use std::collections::BTreeMap;

use domain::{Cell, Tab};
use jiff::tz::TimeZone;

use super::{
    cells,
    layout::Place,
    protocol::{Carried, Carries, Head, METADATA_KEY, Mark},
};
use crate::{
    rows::RowDoc,
    sheets::body::{
        BatchUpdate, CellData, DeveloperMetadata, GridCoordinate, Location, MetadataFilter, MetadataLookup,
        Request, RowData,
    },
};

/// Google recommends at most 2 MB a call (Sheets API, usage limits).
const MAX_BYTES: usize = 1_500_000;
const FIELDS: &str = "userEnteredValue,userEnteredFormat.numberFormat";

/// A row and, where the spreadsheet has it already, its line.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) doc: RowDoc,
    pub(super) line: Option<u32>,
}

/// Rows that fit into one batch.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) requests: Vec<Request>,
    pub(super) carried: Vec<Carried>,
    /// What to look at in the answer: the header of each tab, the id cell of each line that is changed.
    pub(super) watched: Vec<String>,
}

// === impl Batch ===

impl Batch {
    /// What is recorded of it before it is sent.
    pub(super) fn carries(&self, places: &BTreeMap<Tab, Place>) -> Carries {
        let tabs = self.carried.iter().map(|row| row.key.tab);
        let columns = tabs.map(|tab| (tab, places[&tab].columns.clone())).collect();
        Carries::Rows { rows: self.carried.clone(), columns }
    }
}

impl Batch {
    /// Its changes without their values, to see whether the places take them; of one row.
    pub(super) fn into_probe(self, places: &BTreeMap<Tab, Place>) -> Option<(Carries, Self)> {
        let [row] = self.carried.as_slice() else { return None };
        let columns = [(row.key.tab, places[&row.key.tab].columns.clone())].into();
        let carries = Carries::Probe { row: row.clone(), columns };
        let requests = self.requests.into_iter().map(Request::without_values).collect();
        Some((carries, Self { requests, ..self }))
    }
}

/// Puts as many of `rows` into a batch as fit, in their order.
pub(super) fn compose(rows: Vec<Placed>, places: &BTreeMap<Tab, Place>, zone: &TimeZone) -> Batch {
    let mut batch = Batch::default();
    let mut appended: BTreeMap<Tab, Vec<RowData>> = BTreeMap::new();
    let mut bytes = 0;
    for Placed { doc, line } in rows {
        let place = &places[&doc.tab];
        let (new, updates) = match line {
            None => (Some(whole_line(&doc, place, zone)), Vec::new()),
            Some(line) => (None, changed_cells(&doc, place, line, zone)),
        };
        bytes += size(&new) + size(&updates);
        if bytes > MAX_BYTES && !batch.carried.is_empty() {
            break;
        }
        let header = place.header_line();
        if !batch.watched.contains(&header) {
            batch.watched.push(header);
        }
        batch.watched.extend(line.map(|line| place.id_cell(line)));
        let columns = if line.is_some() { changed_columns(&doc).cloned().collect() } else { Vec::new() };
        batch.carried.push(Carried { key: doc.key(), version: doc.version, line, columns });
        batch.requests.extend(updates);
        appended.entry(doc.tab).or_default().extend(new);
    }
    let append = appended
        .into_iter()
        .filter(|(_, rows)| !rows.is_empty())
        .map(|(tab, rows)| Request::AppendCells { sheet_id: places[&tab].sheet_id, rows, fields: FIELDS });
    batch.requests.extend(append);
    batch
}

/// The batch's call: its number first, then `requests`, then the metadata that has had its time.
pub(super) fn call(
    head: &Head,
    number: i32,
    mark: Mark,
    requests: Vec<Request>,
    watched: Vec<String>,
    outdated: &[i32],
) -> BatchUpdate {
    let create = Request::CreateDeveloperMetadata {
        developer_metadata: DeveloperMetadata {
            metadata_id: number,
            metadata_key: METADATA_KEY,
            metadata_value: head.value(mark),
            location: Location { spreadsheet: true },
            visibility: "DOCUMENT",
        },
    };
    let delete = outdated.iter().map(|number| Request::DeleteDeveloperMetadata {
        data_filter: MetadataFilter { developer_metadata_lookup: MetadataLookup { metadata_id: *number } },
    });
    BatchUpdate {
        requests: [create].into_iter().chain(requests).chain(delete).collect(),
        include_spreadsheet_in_response: !watched.is_empty(),
        response_include_grid_data: !watched.is_empty(),
        response_ranges: watched,
    }
}

/// A new row, from the first column on; columns that are not ours stay empty.
fn whole_line(doc: &RowDoc, place: &Place, zone: &TimeZone) -> RowData {
    let width = place.columns.values().max().map_or(0, |last| *last as usize + 1);
    let mut values = vec![CellData::default(); width];
    for (column, index) in &place.columns {
        values[*index as usize] = cells::render(cell(doc, column), zone);
    }
    RowData { values }
}

/// The changed cells of a row that stands in `line`: neighbours in one request, the id never.
fn changed_cells(doc: &RowDoc, place: &Place, line: u32, zone: &TimeZone) -> Vec<Request> {
    let indexes: BTreeMap<u32, &str> =
        changed_columns(doc).map(|column| (place.columns[column], column.as_str())).collect();
    let mut requests: Vec<Request> = Vec::new();
    let mut end = None;
    for (index, column) in indexes {
        let value = cells::render(cell(doc, column), zone);
        match requests.last_mut() {
            Some(Request::UpdateCells { rows, .. }) if end == Some(index) => rows[0].values.push(value),
            _ => requests.push(Request::UpdateCells {
                start: GridCoordinate { sheet_id: place.sheet_id, row_index: line, column_index: index },
                rows: vec![RowData { values: vec![value] }],
                fields: FIELDS,
            }),
        }
        end = Some(index + 1);
    }
    requests
}

fn changed_columns(doc: &RowDoc) -> impl Iterator<Item = &String> {
    doc.changed.keys().filter(|column| *column != "id")
}

fn cell<'d>(doc: &'d RowDoc, column: &str) -> &'d Cell {
    doc.cell(column)
}

fn size<T: serde::Serialize>(value: &T) -> usize {
    serde_json::to_string(value).map_or(0, |text| text.len())
}
