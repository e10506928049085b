//! Whop's amounts and our money.
//!
//! Whop writes an amount of major units: as a decimal text with its currency (`types/money.py` of `whop_sdk` 2.6.0: "a
//! string so no float rounds it in transit"), as a JSON number beside a currency (plans), or for people (`$25.00 / month`,
//! the shape of 2025-01-01). The invariant: no float comes near it, and an amount that cannot be said exactly in our minor
//! unit is not said at all.

use domain::money::Currency;
use serde::Deserialize;
use serde_json::Number;

/// Why an amount cannot be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Inexact {
    /// No currency.
    #[error("the currency is not one")]
    Currency,
    /// It is no amount, falls between two minor units, or out of range.
    #[error("the amount has no exact counterpart")]
    Amount,
}

/// An amount with its currency.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Money {
    /// `10.00`
    amount: String,
    /// In small letters.
    currency: String,
    /// How many decimals the amount carries.
    #[serde(default)]
    decimals: Option<u32>,
}

/// An amount whose currency stands elsewhere: `1490`, `14.9` or, in API v2, `"14.9"`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Amount {
    /// As JSON writes it.
    Number(Number),
    /// As text.
    Text(String),
}

// === impl Money ===

impl Money {
    /// The same in our minor units.
    pub(crate) fn exact(&self) -> Result<domain::Money, Inexact> {
        let carried = self.amount.split_once('.').map_or(0, |(_, behind)| behind.len());
        if self.decimals.is_some_and(|decimals| carried > decimals as usize) {
            return Err(Inexact::Amount);
        }
        decimal(&self.amount, &self.currency)
    }
}

// === impl Amount ===

impl Amount {
    /// The same in `currency`. A JSON number is written out again in the digits that it was read from, up to fifteen of
    /// them.
    pub(crate) fn of(&self, currency: &str) -> Result<domain::Money, Inexact> {
        match self {
            Self::Number(number) => decimal(&number.to_string(), currency),
            Self::Text(text) => decimal(text, currency),
        }
    }
}

/// What is meant by a text for people such as `$1,490.00` or `€25 / month`. Its sign of a currency is not believed: many
/// call theirs a dollar.
pub(crate) fn formatted(text: &str, currency: &str) -> Result<domain::Money, Inexact> {
    let amount = text.split_once('/').map_or(text, |(amount, _)| amount).trim();
    let (minus, amount) = amount.strip_prefix('-').map_or(("", amount), |amount| ("-", amount));
    let is_sign = |c: char| !c.is_ascii_digit() && !matches!(c, '.' | ',' | '-' | '+');
    let digits = amount.trim_matches(is_sign);
    decimal(&format!("{minus}{}", ungrouped(digits).ok_or(Inexact::Amount)?), currency)
}

/// Without the commas between thousands; `None` if they stand elsewhere.
fn ungrouped(digits: &str) -> Option<String> {
    let (whole, behind) = digits.find('.').map_or((digits, ""), |at| digits.split_at(at));
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let is_grouped = !whole.contains(',') || (1..=3).contains(&first.len());
    (is_grouped && groups.all(|group| group.len() == 3)).then(|| whole.replace(',', "") + behind)
}

/// `[-]digits[.digits]` of major units.
fn decimal(text: &str, currency: &str) -> Result<domain::Money, Inexact> {
    let currency: Currency = currency.parse().map_err(|_| Inexact::Currency)?;
    let (minus, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, behind) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(behind) {
        return Err(Inexact::Amount);
    }
    // Decimals that our unit has not are fine as long as they are zeros.
    let places = currency.decimals() as usize;
    let behind = behind.trim_end_matches('0');
    if behind.len() > places {
        return Err(Inexact::Amount);
    }
    let minor: i64 = format!("{whole}{behind:0<places$}").parse().map_err(|_| Inexact::Amount)?;
    Ok(domain::Money { minor: if minus { -minor } else { minor }, currency })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn exact(amount: &str, currency: &str, decimals: u32) -> Result<i64, Inexact> {
        let money =
            json!({"amount": amount, "currency": currency, "decimals": decimals, "display_decimals": 0});
        serde_json::from_value::<Money>(money).unwrap().exact().map(|money| money.minor)
    }

    #[test]
    fn a_decimal_text_is_minor_units() {
        for (amount, currency, decimals, minor) in [
            ("10.00", "usd", 2, 1_000),
            ("1490.00", "eur", 2, 149_000),
            ("1490", "eur", 2, 149_000),
            ("0.1", "eur", 2, 10),
            ("0.29", "eur", 2, 29),
            ("-5.05", "eur", 2, -505),
            ("500", "jpy", 0, 500),
            ("500.00", "jpy", 2, 500),
            ("5.125", "kwd", 3, 5_125),
            ("12000.50", "cop", 2, 1_200_050),
            ("0.00", "usd", 2, 0),
            ("92233720368547758.07", "usd", 2, i64::MAX),
        ] {
            assert_eq!(exact(amount, currency, decimals), Ok(minor), "{amount} {currency}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (amount, currency, decimals) in [
            ("0.005", "usd", 3),
            ("10.001", "usd", 2),
            ("500.5", "jpy", 1),
            ("92233720368547758.08", "usd", 2),
            ("1e3", "usd", 2),
            ("1,000.00", "usd", 2),
            ("", "usd", 2),
            (".5", "usd", 2),
            ("5.", "usd", 2),
            ("+5", "usd", 2),
            ("--5", "usd", 2),
            (" 5", "usd", 2),
            ("5.0.0", "usd", 2),
            ("NaN", "usd", 2),
            ("٥", "usd", 2),
        ] {
            assert_eq!(exact(amount, currency, decimals), Err(Inexact::Amount), "{amount} {currency}");
        }
        assert_eq!(exact("1.00", "whop_token", 2), Err(Inexact::Currency));
    }

    #[test]
    fn a_plan_writes_numbers() {
        let of = |amount: serde_json::Value, currency: &str| {
            serde_json::from_value::<Amount>(amount).unwrap().of(currency).map(|money| money.minor)
        };
        assert_eq!(of(json!(1490), "eur"), Ok(149_000));
        assert_eq!(of(json!(14.9), "eur"), Ok(1_490));
        assert_eq!(of(json!(1490.0), "eur"), Ok(149_000));
        assert_eq!(of(json!("0.0"), "usd"), Ok(0), "as API v2 wrote it");
        assert_eq!(of(json!(4.35), "usd"), Ok(435), "434.99999999999994 as a float");
        assert_eq!(of(json!(1e300), "usd"), Err(Inexact::Amount));
        assert_eq!(of(json!(0.001), "usd"), Err(Inexact::Amount));
    }

    #[test]
    fn a_text_for_people_is_read() {
        let minor = |text: &str, currency: &str| formatted(text, currency).map(|money| money.minor);
        for (text, currency, expected) in [
            ("$25.00", "usd", 2_500),
            ("$1,490.00", "usd", 149_000),
            ("$1,234,567.89", "usd", 123_456_789),
            ("€25 / month", "eur", 2_500),
            ("A$25.00", "aud", 2_500),
            ("-$5.00", "usd", -500),
            ("25.00 USD", "usd", 2_500),
            ("¥1,000", "jpy", 1_000),
        ] {
            assert_eq!(minor(text, currency), Ok(expected), "{text}");
        }
        for wrong in ["Free", "", "$", "$25,00", "$1,49.00", "1.490,00 €", "$25.00 $30.00", "$,100", "$2-5"]
        {
            assert_eq!(minor(wrong, "usd"), Err(Inexact::Amount), "{wrong}");
        }
        assert_eq!(minor("$25.00", ""), Err(Inexact::Currency));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(minor in any::<i32>(), code in "[A-Z]{3}") {
            let currency: Currency = code.parse().unwrap();
            let money = domain::Money { minor: minor.into(), currency };
            let written = money.to_string();
            let amount = written.strip_suffix(&format!(" {code}")).unwrap();
            prop_assert_eq!(exact(amount, &code.to_lowercase(), currency.decimals()), Ok(minor.into()));
        }
    }
}
