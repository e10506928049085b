//! `batchUpdate`: all sub-requests, or none.
//!
//! The invariant: it works on a copy, so a refused batch leaves no trace.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    a1,
    cells::{self, CellMask},
    error::Refusal,
    filter,
    grid::Key,
    mask::Mask,
    metadata,
    model::Workbook,
    protect,
    requests::{
        AppendCells, AppendDimension, DeleteRange, InsertDimension, Kind, Request, SortRange, UpdateCells,
    },
    tabs,
    wire::{DimensionRange, RowData, SortOrder},
};

/// Applies the batch to a copy of the workbook; returns it with the replies.
pub(super) fn apply(book: &Workbook, requests: Vec<Request>) -> Result<(Workbook, Vec<Value>), Refusal> {
    if requests.is_empty() {
        return Err(Refusal::invalid("Must specify at least one request."));
    }
    let kinds = requests.into_iter().enumerate().map(|(at, request)| {
        request.kind().map_err(|why| Refusal::invalid(format!("Invalid requests[{at}]: {why}")))
    });
    apply_all(book, kinds.collect::<Result<_, _>>()?, protect::check)
}

/// What a person does, whom no protection keeps from it.
pub(super) fn apply_kinds(book: &Workbook, kinds: Vec<Kind>) -> Result<(Workbook, Vec<Value>), Refusal> {
    apply_all(book, kinds, |_, _| Ok(()))
}

fn apply_all(
    book: &Workbook,
    kinds: Vec<Kind>,
    check: impl Fn(&Workbook, &Kind) -> Result<(), String>,
) -> Result<(Workbook, Vec<Value>), Refusal> {
    let mut book = book.clone();
    let mut replies = Vec::with_capacity(kinds.len());
    for (at, kind) in kinds.into_iter().enumerate() {
        let name = kind.name();
        let reply = check(&book, &kind)
            .and_then(|()| apply_one(&mut book, kind))
            .map_err(|why| Refusal::invalid(format!("Invalid requests[{at}].{}: {why}", camel(name))))?;
        replies.push(reply);
    }
    Ok((book, replies))
}

fn camel(snake: &str) -> String {
    let mut steps = snake.split('_');
    let first = steps.next().unwrap_or_default().to_owned();
    steps.fold(first, |name, step| name + &step[..1].to_ascii_uppercase() + &step[1..])
}

fn apply_one(book: &mut Workbook, kind: Kind) -> Result<Value, String> {
    match kind {
        Kind::AddSheet(request) => return tabs::add(book, request.properties.unwrap_or_default()),
        Kind::DeleteSheet(request) => tabs::delete(book, request.sheet_id.unwrap_or(0))?,
        Kind::UpdateSheetProperties(request) => {
            let mask = fields(request.fields.as_deref())?;
            tabs::update(book, request.properties.unwrap_or_default(), &mask)?;
        }
        Kind::AppendCells(request) => append_cells(book, *request)?,
        Kind::UpdateCells(request) => update_cells(book, *request)?,
        Kind::SortRange(request) => sort(book, *request)?,
        Kind::InsertDimension(request) => insert(book, &request)?,
        Kind::DeleteDimension(request) => delete(book, &request.range.unwrap_or_default())?,
        Kind::AppendDimension(request) => append_dimension(book, &request)?,
        Kind::DeleteRange(request) => delete_range(book, &request)?,
        Kind::SetBasicFilter(request) => filter::set(book, *request)?,
        Kind::ClearBasicFilter(request) => filter::clear(book, &request)?,
        Kind::AddFilterView(request) => return filter::add_view(book, *request),
        Kind::CreateDeveloperMetadata(request) => {
            let reply = metadata::create(book, request.developer_metadata.unwrap_or_default())?;
            return Ok(json!({"createDeveloperMetadata": reply}));
        }
        Kind::UpdateDeveloperMetadata(request) => {
            let mask = fields(request.fields.as_deref())?;
            let filters = request.data_filters.unwrap_or_default();
            let reply =
                metadata::update(book, &filters, &request.developer_metadata.unwrap_or_default(), &mask)?;
            return Ok(json!({"updateDeveloperMetadata": reply}));
        }
        Kind::DeleteDeveloperMetadata(request) => {
            let reply = metadata::delete(book, &request.data_filter.unwrap_or_default())?;
            return Ok(json!({"deleteDeveloperMetadata": reply}));
        }
    }
    Ok(json!({}))
}

fn fields(fields: Option<&str>) -> Result<Mask, String> {
    let fields =
        fields.filter(|fields| !fields.is_empty()).ok_or("At least one field must be listed in 'fields'.")?;
    Mask::parse(fields).ok_or_else(|| format!("Invalid field: {fields}"))
}

fn append_cells(book: &mut Workbook, request: AppendCells) -> Result<(), String> {
    let mask = CellMask::parse(request.fields.as_deref())?;
    let sheet = book.sheet_mut(request.sheet_id.unwrap_or(0))?;
    let rows = request.rows.unwrap_or_default();
    let start = sheet.used_rows();
    sheet.row_count = sheet.row_count.max(start + rows.len());
    let id = sheet.id;
    book.check_size()?;
    write_rows(book, id, (start, 0), rows, &mask)
}

fn update_cells(book: &mut Workbook, request: UpdateCells) -> Result<(), String> {
    let mask = CellMask::parse(request.fields.as_deref())?;
    let mut rows = request.rows.unwrap_or_default();
    match (request.start, request.range) {
        (Some(_), Some(_)) => Err("oneof field 'area' is already set.".to_owned()),
        (None, None) => Err("Must specify start or range.".to_owned()),
        (Some(start), None) => {
            let index =
                |name: &str, value: Option<i32>, size: usize| match usize::try_from(value.unwrap_or(0)) {
                    Ok(index) if index < size => Ok(index),
                    _ => Err(format!(
                        "GridCoordinate.{name}[{}] is after last one in grid[{size}]",
                        value.unwrap_or(0)
                    )),
                };
            let sheet = book.sheet(start.sheet_id.unwrap_or(0))?;
            let row = index("rowIndex", start.row_index, sheet.row_count)?;
            let column = index("columnIndex", start.column_index, sheet.column_count)?;
            let id = sheet.id;
            write_rows(book, id, (row, column), rows, &mask)
        }
        (None, Some(range)) => {
            let place = a1::from_grid_range(book, &range)?;
            let (height, width) = (place.area.rows.len(), place.area.columns.len());
            if rows.len() > height
                || rows.iter().any(|row| row.values.as_ref().is_some_and(|v| v.len() > width))
            {
                return Err("Attempting to write outside of the requested range.".to_owned());
            }
            // Cells of the range that are not sent are cleared, as far as the mask goes.
            rows.resize_with(
                height.min(rows.len().max(book.sheet(place.sheet)?.rows.len())),
                RowData::default,
            );
            for row in &mut rows {
                row.values.get_or_insert_default().resize_with(width, Default::default);
            }
            write_rows(book, place.sheet, (place.area.rows.start, place.area.columns.start), rows, &mask)
        }
    }
}

fn write_rows(
    book: &mut Workbook,
    id: i32,
    (first_row, first_column): (usize, usize),
    rows: Vec<RowData>,
    mask: &CellMask,
) -> Result<(), String> {
    let sheet = book.sheet_mut(id)?;
    for (row, sent) in (first_row..).zip(rows) {
        if row >= sheet.row_count {
            let last = sheet.row_count - 1;
            return Err(format!("Attempting to write row: {row}, beyond the last requested row of: {last}"));
        }
        for (column, sent) in (first_column..).zip(sent.values.unwrap_or_default()) {
            if column >= sheet.column_count {
                let last = sheet.column_count - 1;
                return Err(format!(
                    "Attempting to write column: {column}, beyond the last requested column of: {last}"
                ));
            }
            let new = cells::check(sent)?;
            if !new.is_blank() || sheet.cell(row, column).is_some() {
                sheet.change(row, column, |old| mask.write(old, &new));
            }
        }
    }
    sheet.trim();
    Ok(())
}

fn sort(book: &mut Workbook, request: SortRange) -> Result<(), String> {
    let place = a1::from_grid_range(book, &request.range.unwrap_or_default())?;
    let key = |spec: super::requests::SortSpec| -> Result<Key, String> {
        let column =
            usize::try_from(spec.dimension_index.unwrap_or(0)).map_err(|_| "Invalid dimensionIndex")?;
        match spec.sort_order {
            _ if !place.area.columns.contains(&column) => {
                Err("Sort column is outside of the range.".to_owned())
            }
            Some(SortOrder::Ascending) => Ok((column, false)),
            Some(SortOrder::Descending) => Ok((column, true)),
            Some(SortOrder::Unspecified) | None => Err("No sort order specified.".to_owned()),
        }
    };
    let keys = request.sort_specs.unwrap_or_default().into_iter().map(key).collect::<Result<Vec<_>, _>>()?;
    if keys.is_empty() {
        return Err("Must specify at least one sort spec.".to_owned());
    }
    book.sheet_mut(place.sheet)?.sort(&place.area, &keys);
    Ok(())
}

fn insert(book: &mut Workbook, request: &InsertDimension) -> Result<(), String> {
    let range = request.range.clone().unwrap_or_default();
    let (Ok(start), Ok(end)) =
        (usize::try_from(range.start_index.unwrap_or(0)), usize::try_from(range.end_index.unwrap_or(0)))
    else {
        return Err("range must not be negative".to_owned());
    };
    let (id, rows) = (range.sheet_id.unwrap_or(0), a1::is_rows(range.dimension)?);
    let sheet = book.sheet_mut(id)?;
    let size = if rows { sheet.row_count } else { sheet.column_count };
    if start >= end || start > size {
        return Err(format!("range[{start}..{end}] is empty or begins after the end of the grid[{size}]"));
    }
    if request.inherit_from_before == Some(true) && start == 0 {
        return Err("inheritFromBefore needs a start index greater than 0".to_owned());
    }
    let count = end - start;
    // The size is checked before the cells are made.
    let (row_count, column_count) = (sheet.row_count, sheet.column_count);
    if count.saturating_mul(if rows { column_count } else { row_count }) > super::model::MOST_CELLS {
        return Err(format!("Cannot insert {count} rows or columns."));
    }
    if rows {
        sheet.insert_rows(start, count);
    } else {
        sheet.insert_columns(start, count);
        sheet.shift_protections(&(start..end), true);
    }
    sheet.shift_filters(rows, &(start..end), true);
    metadata::shift(book, id, rows, &(start..end), true);
    book.check_size()
}

fn delete(book: &mut Workbook, range: &DimensionRange) -> Result<(), String> {
    let (id, rows, range) = a1::from_dimension_range(book, range)?;
    let sheet = book.sheet_mut(id)?;
    let (size, name) = if rows { (sheet.row_count, "rows") } else { (sheet.column_count, "columns") };
    if range.len() == size {
        return Err(format!("You can't delete all the {name} on the sheet."));
    }
    if rows {
        sheet.delete_rows(range.clone());
    } else {
        sheet.delete_columns(range.clone());
        sheet.shift_protections(&range, false);
    }
    sheet.shift_filters(rows, &range, false);
    metadata::shift(book, id, rows, &range, false);
    Ok(())
}

fn append_dimension(book: &mut Workbook, request: &AppendDimension) -> Result<(), String> {
    let rows = a1::is_rows(request.dimension)?;
    let length = request.length.and_then(|length| usize::try_from(length).ok()).filter(|length| *length > 0);
    let length = length.ok_or("length must be positive")?;
    let sheet = book.sheet_mut(request.sheet_id.unwrap_or(0))?;
    *(if rows { &mut sheet.row_count } else { &mut sheet.column_count }) += length;
    book.check_size()
}

fn delete_range(book: &mut Workbook, request: &DeleteRange) -> Result<(), String> {
    let place = a1::from_grid_range(book, &request.range.clone().unwrap_or_default())?;
    let up = a1::is_rows(request.shift_dimension)?;
    book.sheet_mut(place.sheet)?.delete_area(&place.area, up);
    Ok(())
}

/// Whether two workbooks share every tab and all metadata, so that nothing needs to be written.
pub(super) fn is_same(old: &Workbook, new: &Workbook) -> bool {
    old.sheets.len() == new.sheets.len()
        && old.sheets.iter().zip(&new.sheets).all(|(old, new)| Arc::ptr_eq(old, new))
        && old.metadata == new.metadata
}
