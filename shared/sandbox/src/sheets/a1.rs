//! Ranges in A1 notation, and ranges as grid coordinates.
//!
//! The invariant: an [`Area`] that comes from here lies inside its grid.

use std::ops::Range;

use super::{
    grid::Area,
    model::{Sheet, Workbook},
    wire::{Dimension, DimensionRange, GridRange},
};

/// A place in the workbook: the id of a tab, and an area of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) sheet: i32,
    pub(super) area: Area,
}

/// One end of a range: `B7`, `B` or `7`, counted from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Corner {
    row: Option<usize>,
    column: Option<usize>,
}

/// Reads `tab`, `A1:B2`, `tab!A2:C`, `'my tab'!A:A`, …
pub(super) fn parse(book: &Workbook, text: &str) -> Result<Place, String> {
    let unreadable = || format!("Unable to parse range: {text}");
    let (sheet, cells) = split(book, text).ok_or_else(unreadable)?;
    let area = match cells {
        None => sheet.whole(),
        Some(cells) => {
            let (from, to) = corners(cells).ok_or_else(unreadable)?;
            clip(sheet, from, to).ok_or_else(|| {
                let (rows, columns) = (sheet.row_count, sheet.column_count);
                format!("Range ({text}) exceeds grid limits. Max rows: {rows}, max columns: {columns}")
            })?
        }
    };
    Ok(Place { sheet: sheet.id, area })
}

/// The tab that a range names (the first one when it names none), and its part after `!`.
fn split<'a, 'b>(book: &'a Workbook, text: &'b str) -> Option<(&'a Sheet, Option<&'b str>)> {
    if let Some(quoted) = text.strip_prefix('\'') {
        let end = closing_quote(quoted)?;
        let sheet = book.titled(&quoted[..end].replace("''", "'"))?;
        return match &quoted[end + 1..] {
            "" => Some((sheet, None)),
            rest => Some((sheet, Some(rest.strip_prefix('!')?))),
        };
    }
    if let Some(sheet) = book.titled(text) {
        return Some((sheet, None));
    }
    match text.rsplit_once('!') {
        Some((title, cells)) => Some((book.titled(title)?, Some(cells))),
        None => Some((book.sheets.first()?, Some(text))),
    }
}

fn closing_quote(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == b'\'')?;
        if bytes.get(at + 1) != Some(&b'\'') {
            return Some(at);
        }
        at += 2;
    }
}

fn corners(cells: &str) -> Option<(Corner, Corner)> {
    match cells.split_once(':') {
        Some((from, to)) => Some((corner(from)?, corner(to)?)),
        None => {
            let corner = corner(cells)?;
            (corner.row.is_some() && corner.column.is_some()).then_some((corner, corner))
        }
    }
}

fn corner(text: &str) -> Option<Corner> {
    let text = text.replace('$', "");
    let (letters, digits) =
        text.split_at(text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let fits = !text.is_empty() && letters.len() <= 4 && digits.len() <= 9;
    if !fits || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let column =
        letters.bytes().fold(0, |sum, letter| sum * 26 + usize::from(letter.to_ascii_uppercase() - b'A') + 1);
    let row = if digits.is_empty() { None } else { Some(digits.parse::<usize>().ok()?.checked_sub(1)?) };
    Some(Corner { row, column: column.checked_sub(1) })
}

/// The area between two corners; none when it begins outside of the grid.
fn clip(sheet: &Sheet, a: Corner, b: Corner) -> Option<Area> {
    let side = |a: Option<usize>, b: Option<usize>, size: usize| {
        let (start, end) = match (a, b) {
            (Some(a), Some(b)) => (a.min(b), a.max(b) + 1),
            (Some(start), None) | (None, Some(start)) if a.is_some() => (start, size),
            (None, Some(end)) => (0, end + 1),
            _ => (0, size),
        };
        (start < size).then(|| start..end.min(size))
    };
    let rows = side(a.row, b.row, sheet.row_count)?;
    let columns = side(a.column, b.column, sheet.column_count)?;
    Some(Area { rows, columns })
}

/// A place in A1 notation, as Google writes it in answers.
pub(super) fn print(sheet: &Sheet, area: &Area) -> String {
    let plain = sheet.title.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && sheet.title.starts_with(|c: char| c.is_ascii_alphabetic());
    let title = if plain { sheet.title.clone() } else { format!("'{}'", sheet.title.replace('\'', "''")) };
    let from = format!("{}{}", letters(area.columns.start), area.rows.start + 1);
    let to = format!("{}{}", letters(area.columns.end - 1), area.rows.end);
    if from == to { format!("{title}!{from}") } else { format!("{title}!{from}:{to}") }
}

/// The letters of a column counted from 0.
pub(super) fn letters(column: usize) -> String {
    let (mut left, mut letters) = (column + 1, Vec::new());
    while left > 0 {
        left -= 1;
        letters.push(char::from(b'A' + u8::try_from(left % 26).expect("below 26")));
        left /= 26;
    }
    letters.iter().rev().collect()
}

/// Reads a `GridRange`: open ends reach to the grid's edge, a missing tab is tab 0.
pub(super) fn from_grid_range(book: &Workbook, range: &GridRange) -> Result<Place, String> {
    let sheet = book.sheet(range.sheet_id.unwrap_or(0))?;
    let rows = side("Row", range.start_row_index, range.end_row_index, sheet.row_count)?;
    let columns = side("Column", range.start_column_index, range.end_column_index, sheet.column_count)?;
    Ok(Place { sheet: sheet.id, area: Area { rows, columns } })
}

/// Reads a `DimensionRange`; true means rows.
pub(super) fn from_dimension_range(
    book: &Workbook,
    range: &DimensionRange,
) -> Result<(i32, bool, Range<usize>), String> {
    let sheet = book.sheet(range.sheet_id.unwrap_or(0))?;
    let rows = is_rows(range.dimension)?;
    let size = if rows { sheet.row_count } else { sheet.column_count };
    let side = side(if rows { "Row" } else { "Column" }, range.start_index, range.end_index, size)?;
    Ok((sheet.id, rows, side))
}

/// True for rows, false for columns; anything else is refused.
pub(super) fn is_rows(dimension: Option<Dimension>) -> Result<bool, String> {
    match dimension {
        Some(Dimension::Rows) => Ok(true),
        Some(Dimension::Columns) => Ok(false),
        Some(Dimension::Unspecified) | None => Err("No dimension specified.".to_owned()),
    }
}

fn side(name: &str, start: Option<i32>, end: Option<i32>, size: usize) -> Result<Range<usize>, String> {
    let index = |which: &str, value: i32| {
        usize::try_from(value).map_err(|_| format!("{which}{name}Index[{value}] must not be negative"))
    };
    let start = index("start", start.unwrap_or(0))?;
    let end = end.map_or(Ok(size), |end| index("end", end))?;
    let lower = name.to_ascii_lowercase();
    if start >= size || end > size {
        let (which, value) = if start >= size { ("start", start) } else { ("end", end) };
        return Err(format!("{which}{name}Index[{value}] is after last {lower} in grid[{size}]"));
    }
    if start >= end {
        return Err(format!("end{name}Index[{end}] must be after start{name}Index[{start}]"));
    }
    Ok(start..end)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn book() -> Workbook {
        let titles = ["Sheet1", "my tab", "it's", "a!b"];
        let sheets = titles.iter().zip(0..).map(|(title, id)| Arc::new(Sheet::new(id, (*title).to_owned())));
        Workbook { sheets: sheets.collect(), ..Workbook::default() }
    }

    #[test]
    fn ranges_read_and_print() {
        let book = book();
        for (text, printed) in [
            ("Sheet1", "Sheet1!A1:Z1000"),
            ("B2", "Sheet1!B2"),
            ("a1:b2", "Sheet1!A1:B2"),
            ("'my tab'!$C$3:B2", "'my tab'!B2:C3"),
            ("my tab!A2:C", "'my tab'!A2:C1000"),
            ("'it''s'!2:2", "'it''s'!A2:Z2"),
            ("'it''s'", "'it''s'!A1:Z1000"),
            ("'a!b'!A:A", "'a!b'!A1:A1000"),
            ("Sheet1!Y999:AB2000", "Sheet1!Y999:Z1000"),
        ] {
            let place = parse(&book, text).unwrap();
            assert_eq!(print(book.sheet(place.sheet).unwrap(), &place.area), printed, "{text}");
        }
        for text in
            ["nope!A1", "'nope'", "'Sheet1", "Sheet1!", "Sheet1!A", "Sheet1!1A", "A0", "", "'Sheet1'A1"]
        {
            assert_eq!(parse(&book, text).unwrap_err(), format!("Unable to parse range: {text}"));
        }
        let outside = parse(&book, "Sheet1!A1001").unwrap_err();
        assert_eq!(outside, "Range (Sheet1!A1001) exceeds grid limits. Max rows: 1000, max columns: 26");
    }

    #[test]
    fn columns_have_letters() {
        for (column, name) in [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")] {
            assert_eq!(letters(column), name);
        }
    }
}
