//! Stripe's integers and our money.
//!
//! Stripe counts most amounts as ISO 4217 does. By its page "Supported currencies" the exceptions are: the ariary (MGA)
//! is counted in wholes, though ISO gives it two decimals; the króna (ISK) and the Ugandan shilling (UGX) are counted in
//! hundredths that must be 00, though ISO gives them none; and of three decimals the last must be 0. The invariant: an
//! amount that cannot be said exactly is not said at all.

use domain::{Money, money::Currency};

/// Why an amount cannot be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Inexact {
    /// No currency.
    #[error("the currency is not one")]
    Currency,
    /// It falls between two of the other side's units, or out of its range.
    #[error("the amount has no exact counterpart")]
    Amount,
}

/// What Stripe means by `amount` of `currency`.
pub(crate) fn read(amount: i64, currency: &str) -> Result<Money, Inexact> {
    let currency: Currency = currency.parse().map_err(|_| Inexact::Currency)?;
    let minor = scale(amount, decimals(currency), currency.decimals())?;
    Ok(Money { minor, currency })
}

/// What Stripe means by the fraction `sum / of` of `currency`, rounded to our unit, once.
pub(crate) fn nearest(sum: i128, of: i128, currency: &str) -> Result<Money, Inexact> {
    let currency: Currency = currency.parse().map_err(|_| Inexact::Currency)?;
    let power = |digits: u32| 10_i128.pow(digits);
    let (ours, theirs) = (power(currency.decimals()), power(decimals(currency)));
    let sum = sum.checked_mul(2 * ours).ok_or(Inexact::Amount)?;
    let of = of.checked_mul(theirs).filter(|of| *of > 0).ok_or(Inexact::Amount)?;
    let minor = i64::try_from((sum + of).div_euclid(2 * of)).map_err(|_| Inexact::Amount)?;
    Ok(Money { minor, currency })
}

/// `money` as Stripe takes it.
pub(crate) fn write(money: Money) -> Result<i64, Inexact> {
    let amount = scale(money.minor, money.currency.decimals(), decimals(money.currency))?;
    if decimals(money.currency) == 3 && amount % 10 != 0 {
        return Err(Inexact::Amount);
    }
    Ok(amount)
}

/// Digits behind the decimal point, as Stripe counts them.
fn decimals(currency: Currency) -> u32 {
    match currency.as_str() {
        "MGA" => 0,
        "ISK" | "UGX" => 2,
        _ => currency.decimals(),
    }
}

fn scale(amount: i64, from: u32, to: u32) -> Result<i64, Inexact> {
    if to >= from {
        return amount.checked_mul(10_i64.pow(to - from)).ok_or(Inexact::Amount);
    }
    let unit = 10_i64.pow(from - to);
    if amount % unit == 0 { Ok(amount / unit) } else { Err(Inexact::Amount) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn money(minor: i64, currency: &str) -> Money {
        Money { minor, currency: currency.parse().unwrap() }
    }

    #[test]
    fn most_currencies_are_counted_alike() {
        for (amount, currency) in [(1050, "eur"), (99, "USD"), (500, "jpy"), (70_000, "KRW"), (5000, "clp")] {
            assert_eq!(read(amount, currency), Ok(money(amount, currency)));
            assert_eq!(write(money(amount, currency)), Ok(amount));
        }
        assert_eq!(read(500, "jpy").unwrap().to_string(), "500 JPY");
        assert_eq!(read(500, "eur").unwrap().to_string(), "5.00 EUR");
    }

    #[test]
    fn three_decimals_end_in_zero() {
        assert_eq!(write(money(5120, "KWD")), Ok(5120));
        assert_eq!(write(money(5124, "KWD")), Err(Inexact::Amount));
        assert_eq!(read(5120, "kwd").unwrap().to_string(), "5.120 KWD");
        for currency in ["BHD", "JOD", "OMR", "TND"] {
            assert_eq!(write(money(1, currency)), Err(Inexact::Amount), "{currency}");
            assert_eq!(write(money(10, currency)), Ok(10), "{currency}");
        }
    }

    #[test]
    fn wholes_that_stripe_sends_as_hundredths() {
        for currency in ["ISK", "UGX"] {
            assert_eq!(write(money(500, currency)), Ok(50_000), "{currency}");
            assert_eq!(read(50_000, currency), Ok(money(500, currency)));
            assert_eq!(read(50_001, currency), Err(Inexact::Amount), "no half króna");
        }
    }

    #[test]
    fn hundredths_that_stripe_sends_as_wholes() {
        assert_eq!(read(500, "mga"), Ok(money(50_000, "MGA")));
        assert_eq!(write(money(50_000, "MGA")), Ok(500));
        assert_eq!(write(money(50_001, "MGA")), Err(Inexact::Amount));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        assert_eq!(read(1, "euro"), Err(Inexact::Currency));
        assert_eq!(write(money(i64::MAX, "ISK")), Err(Inexact::Amount));
        assert_eq!(read(i64::MAX, "MGA"), Err(Inexact::Amount));
    }

    #[test]
    fn a_fraction_is_rounded_to_our_unit() {
        assert_eq!(nearest(10_000_000, 12, "isk"), Ok(money(8_333, "ISK")));
        assert_eq!(nearest(149, 100, "isk"), Ok(money(0, "ISK")), "rounded once, not twice");
        assert_eq!(nearest(1_000, 12, "eur"), Ok(money(83, "EUR")));
        assert_eq!(nearest(5, 2, "eur"), Ok(money(3, "EUR")));
        assert_eq!(nearest(1_000, 12, "mga"), Ok(money(8_333, "MGA")));
        assert_eq!(nearest(1, 0, "eur"), Err(Inexact::Amount));
        assert_eq!(nearest(i128::MAX, 1, "eur"), Err(Inexact::Amount));
        assert_eq!(nearest(1, 1, "euro"), Err(Inexact::Currency));
    }

    proptest! {
        #[test]
        fn what_is_said_is_understood(minor in -1_000_000_000_i64..1_000_000_000, code in "[A-Z]{3}") {
            let said = money(minor, &code);
            if let Ok(amount) = write(said) {
                prop_assert_eq!(read(amount, &code.to_lowercase()), Ok(said));
            }
        }
    }
}
