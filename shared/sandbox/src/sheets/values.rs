//! `values`: the plain values of ranges, rendered in one of Google's three ways.
//!
//! The invariant: empty cells and rows at the end of a range are left out, as Google does.

use serde_json::{Value, json};

use super::{
    a1::{self, Place},
    error::Refusal,
    format::{self, formatted, is_time},
    metadata,
    model::{Cell, Datum, Workbook, number_value},
    wire::{BatchGetByDataFilter, DataFilter, DateTimeRender, Dimension, ValueRender},
};

/// How values are rendered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    pub(super) columns: bool,
    pub(super) values: ValueRender,
    pub(super) times: DateTimeRender,
}

impl Default for Options {
    fn default() -> Self {
        Self { columns: false, values: ValueRender::FormattedValue, times: DateTimeRender::SerialNumber }
    }
}

/// A `ValueRange`.
pub(super) fn value_range(book: &Workbook, place: &Place, options: Options) -> Result<Value, Refusal> {
    let sheet = book.sheet(place.sheet).map_err(Refusal::invalid)?;
    let area = &place.area;
    let last_row = area.rows.end.min(sheet.rows.len());
    let cell =
        |row, column| sheet.cell(row, column).map_or_else(|| json!(""), |cell| rendered(cell, options));
    let mut lines: Vec<Vec<Value>> = if options.columns {
        let column = |column| (area.rows.start..last_row).map(|row| cell(row, column)).collect();
        area.columns.clone().map(column).collect()
    } else {
        let row = |row| (area.columns.clone()).map(|column| cell(row, column)).collect();
        (area.rows.start..last_row).map(row).collect()
    };
    for line in &mut lines {
        let used = line.iter().rposition(|value| *value != "").map_or(0, |last| last + 1);
        line.truncate(used);
    }
    let used = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
    lines.truncate(used);
    let dimension = if options.columns { "COLUMNS" } else { "ROWS" };
    let mut range = json!({"range": a1::print(sheet, area), "majorDimension": dimension});
    if !lines.is_empty() {
        range["values"] = json!(lines);
    }
    Ok(range)
}

fn rendered(cell: &Cell, options: Options) -> Value {
    match (options.values, &cell.value) {
        (_, None) => json!(""),
        (ValueRender::FormattedValue, Some(_)) => formatted(cell).into(),
        (ValueRender::Formula, Some(Datum::Formula(formula))) => formula.as_str().into(),
        (_, Some(Datum::Formula(_))) => format::NOT_CALCULATED.into(),
        (_, Some(Datum::Text(text))) => text.as_str().into(),
        (_, Some(Datum::Bool(yes))) => (*yes).into(),
        (_, Some(Datum::Number(_))) if options.times == DateTimeRender::FormattedString && is_time(cell) => {
            formatted(cell).into()
        }
        (_, Some(Datum::Number(number))) => number_value(*number),
    }
}

/// `values:batchGetByDataFilter`.
pub(super) fn by_data_filter(book: &Workbook, body: &BatchGetByDataFilter) -> Result<Vec<Value>, Refusal> {
    let options = Options {
        columns: body.major_dimension == Some(Dimension::Columns),
        values: body.value_render_option.unwrap_or(ValueRender::FormattedValue),
        times: body.date_time_render_option.unwrap_or(DateTimeRender::SerialNumber),
    };
    let filters = body.data_filters.as_deref().filter(|filters| !filters.is_empty());
    let filters = filters.ok_or_else(|| Refusal::invalid("Must specify at least one data filter."))?;
    let mut found: Vec<(Place, Vec<&DataFilter>)> = Vec::new();
    for (at, filter) in filters.iter().enumerate() {
        let places = places(book, filter);
        for place in places.map_err(|why| Refusal::invalid(format!("Invalid dataFilters[{at}]: {why}")))? {
            match found.iter_mut().find(|(known, _)| *known == place) {
                Some((_, filters)) => filters.push(filter),
                None => found.push((place, vec![filter])),
            }
        }
    }
    let answer = |(place, filters): (Place, Vec<&DataFilter>)| {
        Ok(json!({"valueRange": value_range(book, &place, options)?, "dataFilters": filters}))
    };
    found.into_iter().map(answer).collect()
}

fn places(book: &Workbook, filter: &DataFilter) -> Result<Vec<Place>, String> {
    match (&filter.developer_metadata_lookup, &filter.a1_range, &filter.grid_range) {
        (None, Some(range), None) => Ok(vec![a1::parse(book, range)?]),
        (None, None, Some(range)) => Ok(vec![a1::from_grid_range(book, range)?]),
        (Some(_), None, None) => {
            let ids = metadata::matching(book, filter)?;
            Ok(ids.iter().filter_map(|id| book.metadata[id].location.place(book)).collect())
        }
        (None, None, None) => Err("Must set exactly one kind of data filter.".to_owned()),
        _ => Err("oneof field 'filter' is already set.".to_owned()),
    }
}
