//! Cells of the model as cells of the spreadsheet: typed, never parsed.

use domain::{Cell, Money};
use jiff::{Timestamp, tz::TimeZone};

use crate::sheets::body::{CellData, CellFormat, ExtendedValue, NumberFormat};

/// Google takes 50,000 characters a cell; the rest is in the store.
const MAX_TEXT: usize = 49_900;
const CUT: &str = " … [cut; the whole text is in the store]";
/// Day 0 of a spreadsheet's serial numbers, in days before 1970-01-01 (Sheets API, "date/time serial numbers").
const EPOCH_DAYS: i64 = 25_569;
const MILLIS_A_DAY: i64 = 86_400_000;

/// The cell as the spreadsheet takes it; times are shown in `zone`.
pub(super) fn render(cell: &Cell, zone: &TimeZone) -> CellData {
    match cell {
        Cell::Empty => CellData::default(),
        Cell::Text(text) => plain(ExtendedValue::Text(cut(text))),
        Cell::Number(number) => plain(ExtendedValue::Number(*number)),
        Cell::Bool(flag) => plain(ExtendedValue::Bool(*flag)),
        Cell::Time { time } => formatted(serial(*time, zone), "DATE_TIME", "yyyy-mm-dd hh:mm:ss".to_owned()),
        Cell::Money(money) => formatted(money.major(), "CURRENCY", money_pattern(money)),
    }
}

fn plain(value: ExtendedValue) -> CellData {
    CellData { user_entered_value: Some(value), user_entered_format: None }
}

fn formatted(number: f64, kind: &'static str, pattern: String) -> CellData {
    let number_format = Some(NumberFormat { kind, pattern });
    CellData {
        user_entered_value: Some(ExtendedValue::Number(number)),
        user_entered_format: Some(CellFormat { number_format, text_format: None }),
    }
}

/// Google counts UTF-16 units, as its spreadsheets do.
pub(super) fn cut(text: &str) -> String {
    if text.encode_utf16().count() <= MAX_TEXT {
        return text.to_owned();
    }
    let room = MAX_TEXT - CUT.encode_utf16().count();
    let mut units = 0;
    let kept = text.chars().take_while(|c| {
        units += c.len_utf16();
        units <= room
    });
    kept.chain(CUT.chars()).collect()
}

/// Days since 1899-12-30 of the wall clock in `zone`, exact to the millisecond.
fn serial(time: Timestamp, zone: &TimeZone) -> f64 {
    let millis = time.as_millisecond() + i64::from(zone.to_offset(time).seconds()) * 1_000;
    let (day, rest) = (millis.div_euclid(MILLIS_A_DAY), millis.rem_euclid(MILLIS_A_DAY));
    (EPOCH_DAYS + day) as f64 + rest as f64 / MILLIS_A_DAY as f64
}

fn money_pattern(money: &Money) -> String {
    let fraction = match money.currency.decimals() {
        0 => String::new(),
        digits => format!(".{}", "0".repeat(digits as usize)),
    };
    format!("#,##0{fraction} \"{}\"", money.currency.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(cell: Cell, zone: &str) -> serde_json::Value {
        serde_json::to_value(render(&cell, &TimeZone::get(zone).unwrap())).unwrap()
    }

    #[test]
    fn text_is_never_parsed() {
        let formula = shown(Cell::Text("=IMPORTDATA(\"x\")".into()), "UTC");
        assert_eq!(formula, json!({"userEnteredValue": {"stringValue": "=IMPORTDATA(\"x\")"}}));
    }

    #[test]
    fn times_are_the_wall_clock_of_the_zone() {
        let time = Cell::Time { time: "2025-11-01T18:00:00Z".parse().unwrap() };
        assert_eq!(shown(time.clone(), "UTC")["userEnteredValue"], json!({"numberValue": 45962.75}));
        assert_eq!(
            shown(time, "Europe/Berlin")["userEnteredValue"]["numberValue"],
            json!(45962.0 + 19.0 / 24.0)
        );
    }

    #[test]
    fn money_is_a_number_with_its_currency_in_the_format() {
        let yen = Cell::Money(Money { minor: 1050, currency: "JPY".parse().unwrap() });
        let euro = Cell::Money(Money { minor: 1050, currency: "EUR".parse().unwrap() });
        assert_eq!(shown(yen, "UTC")["userEnteredValue"]["numberValue"], json!(1050.0));
        let euro = shown(euro, "UTC");
        assert_eq!(euro["userEnteredValue"]["numberValue"], json!(10.5));
        assert_eq!(
            euro["userEnteredFormat"]["numberFormat"],
            json!({"type": "CURRENCY", "pattern": "#,##0.00 \"EUR\""})
        );
    }

    #[test]
    fn long_text_is_cut_with_a_mark_and_within_googles_limit() {
        let CellData { user_entered_value: Some(ExtendedValue::Text(text)), .. } =
            render(&Cell::Text("😀".repeat(30_000)), &TimeZone::UTC)
        else {
            panic!("text stays text")
        };
        assert!(text.encode_utf16().count() <= MAX_TEXT);
        assert!(text.ends_with(CUT));
        assert_eq!(cut(&"a".repeat(MAX_TEXT)), "a".repeat(MAX_TEXT));
    }
}
