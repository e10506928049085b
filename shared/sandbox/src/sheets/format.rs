//! Numbers as a person sees them: dates, money, plain.
//!
//! The invariant: a number is shown by its own format alone; no locale is guessed.

use jiff::{ToSpan, civil};

use super::{
    model::{Cell, Datum},
    wire::{NumberFormat, NumberFormatType},
};

/// What the stand-in shows where Google would show a formula's result.
pub(super) const NOT_CALCULATED: &str = "#NAME?";

/// A cell as `FORMATTED_VALUE`.
pub(crate) fn formatted(cell: &Cell) -> String {
    match &cell.value {
        None => String::new(),
        Some(Datum::Text(text)) => text.clone(),
        Some(Datum::Bool(yes)) => if *yes { "TRUE" } else { "FALSE" }.to_owned(),
        Some(Datum::Formula(_)) => NOT_CALCULATED.to_owned(),
        Some(Datum::Number(number)) => shown(*number, cell.number_format()),
    }
}

/// Whether the cell's format makes its number a date or a time.
pub(super) fn is_time(cell: &Cell) -> bool {
    let kind = cell.number_format().and_then(|format| format.kind);
    matches!(kind, Some(NumberFormatType::Date | NumberFormatType::Time | NumberFormatType::DateTime))
}

fn shown(number: f64, format: Option<&NumberFormat>) -> String {
    let Some(format) = format else { return plain(number) };
    let pattern = format.pattern.as_deref().filter(|pattern| !pattern.is_empty());
    match format.kind {
        Some(NumberFormatType::DateTime) => moment(number, "%Y-%m-%d %H:%M:%S"),
        Some(NumberFormatType::Date) => moment(number, "%Y-%m-%d"),
        Some(NumberFormatType::Time) => moment(number, "%H:%M:%S"),
        Some(NumberFormatType::Percent) => patterned(number * 100.0, pattern.unwrap_or("0.00%")),
        Some(NumberFormatType::Currency) => patterned(number, pattern.unwrap_or("#,##0.00")),
        Some(NumberFormatType::Number) => patterned(number, pattern.unwrap_or("#,##0.00")),
        _ => plain(number),
    }
}

/// General format: up to ten decimals, no trailing zeros.
fn plain(number: f64) -> String {
    let text = format!("{number:.10}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A serial number, days since 1899-12-30, to the nearest second.
fn moment(serial: f64, format: &str) -> String {
    let seconds = (serial * 86_400.0).round();
    let epoch = civil::date(1899, 12, 30).at(0, 0, 0, 0);
    let moment = if seconds.abs() < 1e12 { epoch.checked_add((seconds as i64).seconds()).ok() } else { None };
    moment.map_or_else(|| plain(serial), |moment| moment.strftime(format).to_string())
}

/// A number by a pattern such as `#,##0.00 "EUR"` or `[$€]0.00`: its first section, literals kept.
fn patterned(number: f64, pattern: &str) -> String {
    let pattern = pattern.split(';').next().unwrap_or(pattern);
    let (mut before, mut digits, mut after) = (String::new(), String::new(), String::new());
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        let in_number = !digits.is_empty() && after.is_empty();
        let literal = if digits.is_empty() { &mut before } else { &mut after };
        match letter {
            '#' | '0' | '?' => digits.push(letter),
            '.' | ',' if in_number => digits.push(letter),
            '"' => literal.extend(letters.by_ref().take_while(|letter| *letter != '"')),
            '\\' => literal.extend(letters.next()),
            '[' => {
                let inside: String = letters.by_ref().take_while(|letter| *letter != ']').collect();
                literal
                    .push_str(inside.strip_prefix('$').and_then(|name| name.split('-').next()).unwrap_or(""));
            }
            '_' | '*' => _ = letters.next(),
            letter => literal.push(letter),
        }
    }
    let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let text = format!("{:.decimals$}", number.abs());
    let (whole, decimals) =
        text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let whole = if digits.contains(',') { grouped(whole) } else { whole.to_owned() };
    let sign = if number < 0.0 { "-" } else { "" };
    let point = decimals.map_or_else(String::new, |decimals| format!(".{decimals}"));
    format!("{sign}{before}{whole}{point}{after}")
}

fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_by_their_format() {
        use NumberFormatType::*;
        for (number, kind, pattern, shown_as) in [
            (45_958.680_555_555_555, DateTime, "yyyy-mm-dd hh:mm:ss", "2025-10-28 16:20:00"),
            (45_958.0, Date, "", "2025-10-28"),
            (0.5, Time, "", "12:00:00"),
            (1234567.5, Currency, "#,##0.00 \"EUR\"", "1,234,567.50 EUR"),
            (-12.0, Currency, "[$USD] 0.00", "-USD 12.00"),
            (12.0, Currency, "[$€-407]#,##0", "€12"),
            (0.125, Percent, "0.0%", "12.5%"),
            (1e300, DateTime, "", &plain(1e300)),
        ] {
            let format = NumberFormat { kind: Some(kind), pattern: Some(pattern.to_owned()) };
            assert_eq!(shown(number, Some(&format)), shown_as);
        }
        assert_eq!(shown(0.72, None), "0.72");
        assert_eq!(shown(50.0, None), "50");
    }
}
