//! Tabs: added, deleted, renamed, resized.
//!
//! The invariant: titles and ids are unique, and at least one tab stays.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    mask::Mask,
    model::{Sheet, Workbook},
    wire::{GridProperties, SheetProperties, SheetType},
};
use crate::random;

/// Adds a tab.
pub(super) fn add(book: &mut Workbook, sent: SheetProperties) -> Result<Value, String> {
    let taken = |id: i32| book.sheets.iter().any(|sheet| sheet.id == id);
    let id = match sent.sheet_id {
        Some(id) if id < 0 => return Err(format!("Invalid sheet ID {id}. Sheet IDs must not be negative.")),
        Some(id) if taken(id) => {
            return Err(format!("A sheet with ID {id} already exists. Please use another ID."));
        }
        Some(id) => id,
        None => {
            std::iter::repeat_with(random::positive).find(|id| !taken(*id)).expect("the iterator never ends")
        }
    };
    if sent.sheet_type.is_some_and(|kind| !matches!(kind, SheetType::Grid | SheetType::Unspecified)) {
        return Err("a sheet of this type is not supported by the sandbox".to_owned());
    }
    let title = match sent.title.filter(|title| !title.is_empty()) {
        Some(title) => title,
        None => (book.sheets.len() + 1..)
            .map(|number| format!("Sheet{number}"))
            .find(|title| book.titled(title).is_none())
            .expect("the range never ends"),
    };
    check_title(book, &title, id)?;
    let mut sheet = Sheet::new(id, title);
    sheet.hidden = sent.hidden.unwrap_or(false);
    set_grid(&mut sheet, &sent.grid_properties.unwrap_or_default(), &Mask::default(), false)?;
    let end = book.sheets.len();
    let index = usize::try_from(sent.index.unwrap_or(i32::MAX)).map_err(|_| "Invalid index")?.min(end);
    book.sheets.insert(index, Arc::new(sheet));
    book.check_size()?;
    Ok(json!({"addSheet": {"properties": properties(&book.sheets[index], index)}}))
}

/// Deletes a tab, its rows and what metadata is on it.
pub(super) fn delete(book: &mut Workbook, id: i32) -> Result<(), String> {
    let position = book.position(id)?;
    if book.sheets.len() == 1 {
        return Err("You can't remove all the sheets in a document.".to_owned());
    }
    book.sheets.remove(position);
    book.metadata.retain(|_, metadata| metadata.location.sheet() != Some(id));
    Ok(())
}

/// Changes the masked properties of a tab.
pub(super) fn update(book: &mut Workbook, sent: SheetProperties, mask: &Mask) -> Result<(), String> {
    let known = ["sheetId", "title", "index", "sheetType", "gridProperties", "hidden"];
    if let Some(name) = mask.unknown(&known) {
        return Err(format!("Invalid field: {name}"));
    }
    let id = sent.sheet_id.unwrap_or(0);
    if mask.selects(&["title"]) {
        let title = sent.title.filter(|title| !title.is_empty()).ok_or("The sheet must have a title.")?;
        check_title(book, &title, id)?;
        book.sheet_mut(id)?.title = title;
    }
    if mask.selects(&["hidden"]) {
        book.sheet_mut(id)?.hidden = sent.hidden.unwrap_or(false);
    }
    if let Some(mask) = mask.below("gridProperties") {
        set_grid(book.sheet_mut(id)?, &sent.grid_properties.unwrap_or_default(), &mask, true)?;
        book.check_size()?;
    }
    if mask.selects(&["index"]) {
        let (old, end) = (book.position(id)?, book.sheets.len());
        let new = usize::try_from(sent.index.unwrap_or(i32::MAX)).map_err(|_| "Invalid index")?.min(end);
        let sheet = book.sheets.remove(old);
        book.sheets.insert(if new > old { new - 1 } else { new }, sheet);
    }
    Ok(())
}

fn check_title(book: &Workbook, title: &str, id: i32) -> Result<(), String> {
    let same = |sheet: &Arc<Sheet>| sheet.id != id && sheet.title.to_lowercase() == title.to_lowercase();
    if book.sheets.iter().any(same) {
        return Err(format!("A sheet with the name \"{title}\" already exists. Please enter another name."));
    }
    Ok(())
}

/// Sets what the mask selects. When `given` must hold, a selected size has to be sent.
fn set_grid(sheet: &mut Sheet, sent: &GridProperties, mask: &Mask, given: bool) -> Result<(), String> {
    let known = ["rowCount", "columnCount", "frozenRowCount", "frozenColumnCount", "hideGridlines"];
    if let Some(name) = mask.unknown(&known) {
        return Err(format!("Invalid field: {name}"));
    }
    let size = |name: &str, value: Option<i32>, old: usize| match value.map(usize::try_from) {
        _ if !mask.selects(&[name]) => Ok(old),
        Some(Ok(size)) if size > 0 => Ok(size),
        None if !given => Ok(old),
        _ => Err(format!("gridProperties.{name} must be greater than 0")),
    };
    let rows = size("rowCount", sent.row_count, sheet.row_count)?;
    let columns = size("columnCount", sent.column_count, sheet.column_count)?;
    sheet.resize(rows, columns);
    let frozen = |name: &str, value: Option<i32>, old: usize, size: usize| {
        let frozen = if mask.selects(&[name]) { value.unwrap_or(0) } else { return Ok(old) };
        let visible = usize::try_from(frozen).ok().filter(|frozen| *frozen < size);
        visible.ok_or("You can't freeze all visible rows or columns on the sheet.")
    };
    sheet.frozen_rows = frozen("frozenRowCount", sent.frozen_row_count, sheet.frozen_rows, rows)?;
    sheet.frozen_columns =
        frozen("frozenColumnCount", sent.frozen_column_count, sheet.frozen_columns, columns)?;
    if mask.selects(&["hideGridlines"]) {
        sheet.hide_gridlines = sent.hide_gridlines.unwrap_or(false);
    }
    Ok(())
}

/// A tab's properties as Google answers them; zero and false are left out, as there.
pub(super) fn properties(sheet: &Sheet, index: usize) -> Value {
    let mut grid = json!({"rowCount": sheet.row_count, "columnCount": sheet.column_count});
    for (name, frozen) in [("frozenRowCount", sheet.frozen_rows), ("frozenColumnCount", sheet.frozen_columns)]
    {
        if frozen > 0 {
            grid[name] = frozen.into();
        }
    }
    if sheet.hide_gridlines {
        grid["hideGridlines"] = true.into();
    }
    let mut properties = json!({
        "sheetId": sheet.id, "title": sheet.title, "index": index, "sheetType": "GRID", "gridProperties": grid,
    });
    if sheet.hidden {
        properties["hidden"] = true.into();
    }
    properties
}
