//! Money: an integer of minor units and its currency.

use std::fmt;

use serde::{Deserialize, Serialize};

/// ISO 4217 code in capitals, e.g. `EUR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// Why a text is not a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a three-letter ISO 4217 currency code")]
pub struct UnknownCurrency;

/// ISO 4217 currencies whose minor unit is not a hundredth.
const ZERO_DECIMALS: &[&str] = &[
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF",
    "XOF", "XPF",
];
const THREE_DECIMALS: &[&str] = &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

impl Currency {
    /// The code, in capitals.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("three ASCII letters")
    }

    /// Digits behind the decimal point of a major unit, as ISO 4217 lists them.
    pub fn decimals(&self) -> u32 {
        match self.as_str() {
            code if ZERO_DECIMALS.contains(&code) => 0,
            code if THREE_DECIMALS.contains(&code) => 3,
            _ => 2,
        }
    }
}

impl std::str::FromStr for Currency {
    type Err = UnknownCurrency;
    fn from_str(text: &str) -> Result<Self, UnknownCurrency> {
        match text.as_bytes() {
            &[a, b, c] if [a, b, c].iter().all(u8::is_ascii_alphabetic) => {
                Ok(Self([a, b, c].map(|letter| letter.to_ascii_uppercase())))
            }
            _ => Err(UnknownCurrency),
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = UnknownCurrency;
    fn try_from(text: String) -> Result<Self, UnknownCurrency> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

/// An amount: `minor` units of `currency` (cents of EUR, whole JPY).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Minor units; negative for what is owed back.
    pub minor: i64,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// The amount in major units, for a spreadsheet's cell; exact up to 2^53 minor units.
    pub fn major(&self) -> f64 {
        self.minor as f64 / 10_f64.powi(self.currency.decimals() as i32)
    }
}

/// Why a text is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an amount and a currency, such as 10.00 USD")]
pub struct Malformed;

impl std::str::FromStr for Money {
    type Err = Malformed;

    /// Reads what is shown: an amount that is not negative, and its currency.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (major, currency) = text.trim().split_once(' ').ok_or(Malformed)?;
        let currency: Currency = currency.trim().parse().map_err(|_| Malformed)?;
        let (whole, fraction) = major.split_once('.').unwrap_or((major, ""));
        let decimals = currency.decimals() as usize;
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || fraction.len() > decimals || !digits(whole) || !digits(fraction) {
            return Err(Malformed);
        }
        let minor = format!("{whole}{fraction:0<decimals$}").parse().map_err(|_| Malformed)?;
        Ok(Self { minor, currency })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.*} {}", self.currency.decimals() as usize, self.major(), self.currency.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(minor: i64, code: &str) -> Money {
        Money { minor, currency: code.parse().unwrap() }
    }

    #[test]
    fn decimals_follow_the_currency() {
        assert_eq!(money(1050, "eur").to_string(), "10.50 EUR");
        assert_eq!(money(1050, "jpy").to_string(), "1050 JPY");
        assert_eq!(money(-1050, "KWD").to_string(), "-1.050 KWD");
    }

    #[test]
    fn money_reads_as_it_is_written() {
        for text in ["10.00 USD", "0.05 EUR", "1050 JPY", "1.250 KWD"] {
            assert_eq!(text.parse::<Money>().unwrap().to_string(), text);
        }
        assert_eq!("1.5 usd".parse(), Ok(money(150, "USD")));
        for text in ["", "10", "USD", "-1 USD", "1.005 USD", "1.5 JPY", "1,5 USD", ". USD", "10 DOLLARS"] {
            assert_eq!(text.parse::<Money>(), Err(Malformed), "{text}");
        }
    }

    #[test]
    fn codes_are_three_letters() {
        assert!("EURO".parse::<Currency>().is_err());
        assert!("E1R".parse::<Currency>().is_err());
    }
}
