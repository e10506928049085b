//! The spreadsheet resource, as `spreadsheets.get` and a batch that asks for it answer it.
//!
//! The invariant: with ranges, only the tabs they name are in the answer, and their cells in the order asked.

use serde_json::{Map, Value, json};

use super::{
    SPREADSHEET_ID,
    a1::{self, Place},
    format::formatted,
    metadata::Location,
    model::{Cell, Datum, Sheet, Workbook},
    tabs,
};

/// A `Spreadsheet`; `ranges` empty means all of it.
pub(super) fn spreadsheet(book: &Workbook, ranges: &[String], with_cells: bool) -> Result<Value, String> {
    let places = ranges.iter().map(|range| a1::parse(book, range)).collect::<Result<Vec<_>, _>>()?;
    let mut sheets = Vec::new();
    for (index, sheet) in book.sheets.iter().enumerate() {
        let mut areas: Vec<&Place> = places.iter().filter(|place| place.sheet == sheet.id).collect();
        if !places.is_empty() && areas.is_empty() {
            continue;
        }
        let mut view = json!({"properties": tabs::properties(sheet, index)});
        let on_sheet = metadata(book, &Location::Sheet(sheet.id));
        if !on_sheet.is_empty() {
            view["developerMetadata"] = on_sheet.into();
        }
        if !sheet.protections.is_empty() {
            view["protectedRanges"] = sheet.protections.iter().map(|one| one.to_json(sheet.id)).collect();
        }
        sheet.show_filters(&mut view);
        if with_cells {
            let whole = Place { sheet: sheet.id, area: sheet.whole() };
            if areas.is_empty() {
                areas.push(&whole);
            }
            view["data"] = areas.into_iter().map(|place| grid_data(sheet, place)).collect();
        }
        sheets.push(view);
    }
    let mut view = json!({
        "spreadsheetId": SPREADSHEET_ID,
        "properties": {
            "title": "Frontdesk sandbox", "locale": "en_US", "autoRecalc": "ON_CHANGE", "timeZone": "Etc/GMT",
        },
        "sheets": sheets,
        "spreadsheetUrl": format!("https://docs.google.com/spreadsheets/d/{SPREADSHEET_ID}/edit"),
    });
    let on_book = metadata(book, &Location::Spreadsheet);
    if !on_book.is_empty() {
        view["developerMetadata"] = on_book.into();
    }
    Ok(view)
}

fn metadata(book: &Workbook, location: &Location) -> Vec<Value> {
    book.metadata.values().filter(|entry| entry.location == *location).map(|entry| entry.to_json()).collect()
}

fn grid_data(sheet: &Sheet, place: &Place) -> Value {
    let area = &place.area;
    let mut data = Map::new();
    for (name, start) in [("startRow", area.rows.start), ("startColumn", area.columns.start)] {
        if start > 0 {
            data.insert(name.to_owned(), start.into());
        }
    }
    let row = |row: usize| {
        let used = sheet.rows[row].len().min(area.columns.end);
        let cells: Vec<Value> =
            (area.columns.start..used).filter_map(|at| sheet.cell(row, at)).map(cell).collect();
        if cells.is_empty() { json!({}) } else { json!({"values": cells}) }
    };
    let rows: Vec<Value> = (area.rows.start..area.rows.end.min(sheet.rows.len())).map(row).collect();
    if !rows.is_empty() {
        data.insert("rowData".to_owned(), rows.into());
    }
    let hidden = sheet.hidden_rows();
    if !hidden.is_empty() {
        let row =
            |row: usize| if hidden.contains(&row) { json!({"hiddenByFilter": true}) } else { json!({}) };
        let rows = area.rows.start..area.rows.end.min(sheet.rows.len());
        data.insert("rowMetadata".to_owned(), rows.map(row).collect());
    }
    Value::Object(data)
}

fn cell(cell: &Cell) -> Value {
    let mut view = serde_json::to_value(cell).expect("a cell is JSON");
    if let Some(value) = &cell.value {
        view["effectiveValue"] = match value {
            Datum::Formula(_) => {
                json!({"errorValue": {"type": "NAME", "message": "the sandbox does not calculate"}})
            }
            value => serde_json::to_value(value).expect("a value is JSON"),
        };
        view["formattedValue"] = formatted(cell).into();
    }
    if let Some(format) = &cell.format {
        view["effectiveFormat"] = serde_json::to_value(format).expect("a format is JSON");
    }
    view
}
