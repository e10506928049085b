//! What Stripe takes for an amount: its currencies, the least and the most it charges.
//!
//! Sources: docs.stripe.com/currencies (minimum and maximum charge amounts, zero-decimal and three-decimal currencies,
//! special cases). The invariant: an amount that passes could be charged by Stripe.

use super::{error::Refusal, form::Taken};

/// The largest amount, in the currency's smallest unit: eight digits.
const MOST: i64 = 99_999_999;

const ZERO_DECIMAL: [&str; 15] =
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"];
const THREE_DECIMAL: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];
/// Two decimals for Stripe, of which the last two digits must be 00.
const WHOLE: [&str; 2] = ["isk", "ugx"];
/// The least that is charged in a settlement currency, in its smallest unit.
const LEAST: [(&str, i64); 24] = [
    ("usd", 50),
    ("aed", 200),
    ("aud", 50),
    ("bgn", 100),
    ("brl", 50),
    ("cad", 50),
    ("chf", 50),
    ("czk", 1500),
    ("dkk", 250),
    ("eur", 50),
    ("gbp", 30),
    ("hkd", 400),
    ("huf", 17500),
    ("inr", 50),
    ("jpy", 50),
    ("mxn", 1000),
    ("myr", 200),
    ("nok", 300),
    ("nzd", 50),
    ("pln", 200),
    ("ron", 200),
    ("sek", 300),
    ("sgd", 50),
    ("thb", 1000),
];
/// Currencies without a least amount of their own.
const OTHERS: [&str; 14] =
    ["ars", "cop", "egp", "idr", "ils", "kes", "mad", "ngn", "pen", "php", "sar", "try", "uah", "zar"];

/// A currency that Stripe charges in.
pub(super) fn check_currency(currency: &str, param: &str) -> Taken<()> {
    let known = ZERO_DECIMAL.contains(&currency)
        || THREE_DECIMAL.contains(&currency)
        || WHOLE.contains(&currency)
        || OTHERS.contains(&currency)
        || LEAST.iter().any(|(known, _)| *known == currency);
    if known {
        return Ok(());
    }
    let message = "Invalid currency. Stripe currently supports the currencies of https://docs.stripe.com/currencies in lower case.";
    Err(Refusal::new(message).param(param))
}

/// An amount per unit.
pub(super) fn check_unit(amount: i64, currency: &str, param: &str) -> Taken<()> {
    if amount < 0 {
        let message = "Invalid non-negative integer";
        return Err(Refusal::new(message).code("parameter_invalid_integer").param(param));
    }
    if amount > MOST {
        let message = format!("Amount must be no more than {}", written(MOST, currency));
        return Err(Refusal::new(message).code("amount_too_large").param(param));
    }
    let step = match currency {
        currency if THREE_DECIMAL.contains(&currency) => 10,
        currency if WHOLE.contains(&currency) => 100,
        _ => 1,
    };
    if amount % step != 0 {
        let message = format!("Amounts in {currency} must be divisible by {step}.");
        return Err(Refusal::new(message).code("parameter_invalid_integer").param(param));
    }
    Ok(())
}

/// What a session charges in all.
pub(super) fn check_total(amount: i64, currency: &str) -> Taken<()> {
    let least = LEAST.iter().find(|(known, _)| *known == currency).map_or(1, |(_, least)| *least);
    if amount > MOST {
        let message = format!(
            "The Checkout Session's total amount must be no more than {} {currency}",
            written(MOST, currency)
        );
        return Err(Refusal::new(message).code("amount_too_large"));
    }
    if amount < least {
        let message = format!(
            "The Checkout Session's total amount due must add up to at least {} {currency}",
            written(least, currency)
        );
        return Err(Refusal::new(message).code("amount_too_small"));
    }
    Ok(())
}

/// An amount as people write it.
pub(crate) fn written(amount: i64, currency: &str) -> String {
    let digits = match currency {
        currency if ZERO_DECIMAL.contains(&currency) => return amount.to_string(),
        currency if THREE_DECIMAL.contains(&currency) => 3,
        _ => 2,
    };
    let unit = 10_i64.pow(digits);
    format!("{}.{:0width$}", amount / unit, amount % unit, width = digits as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_in_the_decimals_of_their_currency() {
        for (amount, currency, text) in
            [(1050, "usd", "10.50"), (1050, "jpy", "1050"), (1050, "kwd", "1.050"), (100, "isk", "1.00")]
        {
            assert_eq!(written(amount, currency), text);
        }
    }

    #[test]
    fn special_currencies_take_only_what_can_be_paid() {
        assert!(check_unit(1055, "usd", "x").is_ok() && check_unit(1055, "kwd", "x").is_err());
        assert!(check_unit(1050, "kwd", "x").is_ok() && check_unit(1050, "isk", "x").is_err());
        assert!(check_unit(-1, "usd", "x").is_err() && check_unit(100_000_000, "usd", "x").is_err());
        assert!(check_total(49, "usd").is_err() && check_total(50, "usd").is_ok());
        assert!(check_currency("USD", "x").is_err() && check_currency("xyz", "x").is_err());
    }
}
