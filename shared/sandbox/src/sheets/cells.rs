//! Cells as they are sent, and the part of them that a field mask writes.
//!
//! The invariant: what the mask does not name stays as it was; a value has exactly one type.

use serde_json::{Map, Value};

use super::{
    mask::Mask,
    model::{Cell, Datum},
    wire::{CellData, CellFormat, ExtendedValue},
};

/// The most characters a cell may hold.
const LONGEST: usize = 50_000;

const FORMATS: &[&str] = &[
    "numberFormat",
    "backgroundColor",
    "backgroundColorStyle",
    "horizontalAlignment",
    "verticalAlignment",
    "wrapStrategy",
    "textFormat",
];

const INSIDE_FORMATS: &[&str] = &[
    "type",
    "pattern",
    "red",
    "green",
    "blue",
    "alpha",
    "rgbColor",
    "foregroundColor",
    "foregroundColorStyle",
    "fontFamily",
    "fontSize",
    "bold",
    "italic",
    "strikethrough",
    "underline",
];

/// Which parts of a cell a request writes.
#[derive(Clone, Debug)]
pub(super) struct CellMask {
    value: bool,
    note: bool,
    format: Option<Mask>,
}

impl CellMask {
    /// Reads the `fields` of a request; it must name at least one field of a cell.
    pub(super) fn parse(fields: Option<&str>) -> Result<Self, String> {
        let fields = fields.filter(|fields| !fields.is_empty()).ok_or(
            "At least one field must be listed in 'fields'. (Hint: you can use '*' to list all fields.)",
        )?;
        let invalid = |name: &str| format!("Invalid field: {name}");
        let mask = Mask::parse(fields).ok_or_else(|| invalid(fields))?;
        if let Some(name) = mask.unknown(&["userEnteredValue", "userEnteredFormat", "note"]) {
            return Err(invalid(name));
        }
        if mask.below("userEnteredValue").is_some_and(|below| below != Mask::default()) {
            return Err(invalid("userEnteredValue must be named as a whole"));
        }
        let format = mask.below("userEnteredFormat");
        if let Some(format) = &format {
            let inside = FORMATS.iter().filter_map(|name| format.below(name));
            let unknown = format.unknown(FORMATS).map(str::to_owned);
            let deep =
                || inside.into_iter().find_map(|m| m.unknown_anywhere(INSIDE_FORMATS).map(str::to_owned));
            if let Some(name) = unknown.or_else(deep) {
                return Err(invalid(&name));
            }
        }
        Ok(Self { value: mask.selects(&["userEnteredValue"]), note: mask.selects(&["note"]), format })
    }

    /// Writes the masked part of `new` over `old`.
    pub(super) fn write(&self, old: &mut Cell, new: &NewCell) {
        if self.value {
            old.value.clone_from(&new.value);
        }
        if self.note {
            old.note.clone_from(&new.note);
        }
        if let Some(mask) = &self.format
            && (old.format.is_some() || new.format.is_some())
        {
            old.format = merge(mask, old.format.as_deref(), new.format.as_deref());
        }
    }
}

fn merge(mask: &Mask, old: Option<&CellFormat>, new: Option<&CellFormat>) -> Option<Box<CellFormat>> {
    if *mask == Mask::default() {
        return new.cloned().map(Box::new);
    }
    let map = |format: Option<&CellFormat>| match format.map(serde_json::to_value) {
        Some(Ok(Value::Object(map))) => map,
        _ => Map::new(),
    };
    let mut merged = map(old);
    mask.merge(&mut merged, &map(new));
    let merged: CellFormat =
        serde_json::from_value(Value::Object(merged)).expect("parts of formats make a format");
    (merged != CellFormat::default()).then(|| Box::new(merged))
}

/// A cell as it was sent, checked.
pub(super) type NewCell = Cell;

/// Checks a cell that was sent.
pub(super) fn check(sent: CellData) -> Result<NewCell, String> {
    Ok(Cell {
        value: sent.user_entered_value.map(datum).transpose()?,
        format: sent.user_entered_format.filter(|format| *format != CellFormat::default()).map(Box::new),
        note: sent.note.filter(|note| !note.is_empty()),
    })
}

fn datum(sent: ExtendedValue) -> Result<Datum, String> {
    let mut found = [
        sent.string_value.map(Datum::Text),
        sent.number_value.map(Datum::Number),
        sent.bool_value.map(Datum::Bool),
        sent.formula_value.map(Datum::Formula),
    ]
    .into_iter()
    .flatten();
    match (found.next(), found.next()) {
        (Some(Datum::Text(text) | Datum::Formula(text)), None) if is_too_long(&text) => Err(format!(
            "Your input contains more than the maximum of {LONGEST} characters in a single cell."
        )),
        (Some(Datum::Formula(text)), None) if !text.starts_with('=') => {
            Err("Invalid formulaValue: a formula begins with =".to_owned())
        }
        (Some(datum), None) => Ok(datum),
        (None, _) => Err("Invalid userEnteredValue: no value is set".to_owned()),
        (Some(_), Some(_)) => Err("oneof field 'value' is already set.".to_owned()),
    }
}

fn is_too_long(text: &str) -> bool {
    text.len() > LONGEST && text.encode_utf16().count() > LONGEST
}
