//! Cells of the model as cells of the spreadsheet: typed, never parsed.

use domain::{Cell, Money};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;

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

/// Whether the spreadsheet, which has `seen` there, shows the cell. Google may drop control characters and spaces at the
/// ends; and an empty text is an empty cell.
pub(super) fn shows(cell: &Cell, zone: &TimeZone, seen: &Value) -> bool {
    match (render(cell, zone).user_entered_value, seen) {
        (None, seen) => seen.is_null() || *seen == "",
        (Some(ExtendedValue::Text(text)), seen) => {
            let seen = if seen.is_null() { "" } else { seen.as_str().unwrap_or("\u{fffd}") };
            text == seen || told(&text) == told(seen)
        }
        (Some(ExtendedValue::Number(number)), seen) => {
            seen.as_f64().is_some_and(|seen| is_near(number, seen))
        }
        (Some(ExtendedValue::Bool(flag)), seen) => *seen == flag,
    }
}

/// Numbers travel as decimal text.
fn is_near(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-12 * one.abs().max(1.0)
}

fn told(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_owned()
}

/// The time that a serial number of the spreadsheet shows.
pub(super) fn time_of(seen: &Value, zone: &TimeZone) -> Option<Timestamp> {
    let millis = ((seen.as_f64()? - EPOCH_DAYS as f64) * MILLIS_A_DAY as f64).round();
    // A wall clock, read as if it were UTC.
    let wall = Timestamp::from_millisecond(millis as i64).ok()?.to_zoned(TimeZone::UTC).datetime();
    zone.to_timestamp(wall).ok()
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
    fn a_cell_is_shown_as_it_was_written_and_as_nothing_else() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let time = Cell::Time { time: "2025-11-01T18:00:00.123Z".parse().unwrap() };
        let money = Cell::Money(Money { minor: 1050, currency: "EUR".parse().unwrap() });
        for cell in [time.clone(), money, Cell::Number(0.1 + 0.2), Cell::Bool(true), Cell::Text("=1".into())]
        {
            let seen = serde_json::to_value(render(&cell, &zone).user_entered_value.unwrap()).unwrap();
            let seen = seen.as_object().unwrap().values().next().unwrap();
            assert!(shows(&cell, &zone, seen), "{cell:?} {seen}");
            for other in [json!(7), json!("other"), json!(""), json!(null), json!(false)] {
                assert!(!shows(&cell, &zone, &other), "{cell:?} {other}");
            }
        }
        assert!(
            shows(&Cell::Empty, &zone, &json!(""))
                && shows(&Cell::Text("a\u{0}b\n".into()), &zone, &json!("ab"))
        );
        assert!(!shows(&Cell::Empty, &zone, &json!(0)));
        let second = 1.0 / 86_400.0;
        let shown = serial("2025-11-01T18:00:00.123Z".parse().unwrap(), &zone);
        assert!(!shows(&time, &zone, &json!(shown + second)));
        assert_eq!(Cell::Time { time: time_of(&json!(shown), &zone).unwrap() }, time);
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
