//! Cells that others typed, read by the type of their column.
//!
//! The invariant: what is not plainly of the column's type is refused, never guessed.

use domain::{Money, money::Currency};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::{Value, json};

use super::{cells, layout::text, line::Line};

/// The largest amount whose minor units a number holds exactly.
const MOST_MINOR: f64 = 9.0e15;

/// The cell of a column as a row takes it.
///
/// # Errors
/// Why it cannot be one, in words.
pub(super) fn cell(line: &Line, column: &str, zone: &TimeZone) -> Result<Value, &'static str> {
    let value = line.cell(column);
    if value.is_null() {
        return Ok(if column == "tags" { json!([]) } else { empty(column) });
    }
    match column {
        "created_at" | "occurred_at" | "event_start" | "event_end" | "started_at" | "renews_at"
        | "canceled_at" | "paid_at" | "last_touch" => {
            time(value, zone).map(|time| json!(time)).ok_or("it is no date and time")
        }
        "score" => number(value).map(|number| json!(number)).ok_or("it is no number"),
        "amount" => {
            let currency = line.cell("currency").as_str().and_then(|code| code.trim().parse().ok());
            money(value, currency).map(|money| json!(money))
        }
        "mrr" => money(value, None).map(|money| json!(money)),
        "tags" => {
            let labels = text(value);
            Ok(labels.split(',').map(str::trim).filter(|label| !label.is_empty()).collect())
        }
        _ => Ok(text(value).into()),
    }
}

fn empty(column: &str) -> Value {
    match column {
        "score" | "amount" | "mrr" | "last_touch" => Value::Null,
        column if column.ends_with("_at") || column == "event_start" || column == "event_end" => Value::Null,
        _ => json!(""),
    }
}

fn number(value: &Value) -> Option<f64> {
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    number.is_finite().then_some(number)
}

/// A date of the spreadsheet, RFC 3339, or a wall clock as people write it.
fn time(value: &Value, zone: &TimeZone) -> Option<Timestamp> {
    let Some(written) = value.as_str().map(str::trim) else { return cells::time_of(value, zone) };
    if let Ok(time) = written.parse::<Timestamp>() {
        return Some(time);
    }
    zone.to_timestamp(written.parse::<DateTime>().ok()?).ok()
}

/// `10.5` of a currency that is known, or `10.50 EUR`.
fn money(value: &Value, currency: Option<Currency>) -> Result<Money, &'static str> {
    let (amount, currency) = match value.as_str().and_then(|text| text.trim().rsplit_once(' ')) {
        Some((amount, code)) => (json!(amount), code.parse().ok()),
        None => (value.clone(), currency),
    };
    let amount = number(&amount).ok_or("it is no amount; write it like 10.50 EUR")?;
    let currency = currency.ok_or("it has no currency that is known; write it like 10.50 EUR")?;
    let minor = amount * 10_f64.powi(currency.decimals() as i32);
    if minor.abs() > MOST_MINOR || (minor - minor.round()).abs() > 1e-6 * minor.abs().max(1.0) {
        return Err("it is finer than the currency's smallest coin, or too large");
    }
    Ok(Money { minor: minor.round() as i64, currency })
}

#[cfg(test)]
mod tests {
    use domain::Tab;

    use super::*;

    fn read(tab: Tab, column: &str, values: &[(&str, Value)]) -> Result<Value, &'static str> {
        let columns = tab.columns().iter().map(|column| (*column).to_owned()).zip(0..).collect();
        let mut line = vec![json!(""); tab.columns().len()];
        for (column, value) in values {
            line[tab.columns().iter().position(|name| name == column).unwrap()] = value.clone();
        }
        cell(&Line::read(tab, 1, &columns, &line), column, &TimeZone::get("Europe/Berlin").unwrap())
    }

    #[test]
    fn money_needs_a_currency_and_no_more_than_its_coins() {
        let amount = |amount: Value, currency: Value| {
            read(Tab::Payments, "amount", &[("amount", amount), ("currency", currency)])
        };
        let euros = json!({"minor": 1050, "currency": "EUR"});
        assert_eq!(amount(json!(10.5), json!("eur")), Ok(euros.clone()));
        assert_eq!(amount(json!("10.50 EUR"), json!("")), Ok(euros));
        for (wrong, currency) in
            [(json!(10.5), json!("")), (json!(0.001), json!("EUR")), (json!("ten"), json!("EUR"))]
        {
            assert!(amount(wrong.clone(), currency).is_err(), "{wrong}");
        }
        assert!(read(Tab::Subscriptions, "mrr", &[("mrr", json!(5))]).unwrap_err().contains("currency"));
    }

    #[test]
    fn times_are_serial_numbers_or_written_out_and_nothing_is_guessed() {
        let time = |value: Value| read(Tab::Leads, "created_at", &[("created_at", value)]);
        let noon = json!("2025-11-01T11:00:00Z");
        for same in [
            json!(45962.5),
            json!("2025-11-01T12:00:00"),
            json!("2025-11-01 12:00"),
            json!("2025-11-01T11:00:00Z"),
        ] {
            assert_eq!(time(same.clone()), Ok(noon.clone()), "{same}");
        }
        assert!(time(json!("next week")).is_err() && time(json!("1/11/2025")).is_err());
        assert_eq!(time(json!("")), Ok(Value::Null));
    }

    #[test]
    fn the_rest_is_text_numbers_and_lists() {
        assert_eq!(
            read(Tab::Contacts, "phone", &[("phone", json!(491701234567_i64))]),
            Ok(json!("491701234567"))
        );
        assert_eq!(read(Tab::Contacts, "tags", &[("tags", json!("a, b ,,c"))]), Ok(json!(["a", "b", "c"])));
        assert_eq!(read(Tab::Leads, "score", &[("score", json!("0.7"))]), Ok(json!(0.7)));
        assert!(read(Tab::Leads, "score", &[("score", json!("high"))]).is_err());
    }
}
