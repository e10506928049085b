//! How a day's cap is written: `200000`, `10.00 USD`, or `off`.

use domain::Money;

/// The most of something in a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cap<T> {
    /// Any amount. For local runs only.
    Off,
    /// This much.
    At(T),
}

impl<T: Copy> Cap<T> {
    /// The amount, unless it is off.
    pub fn amount(self) -> Option<T> {
        match self {
            Self::Off => None,
            Self::At(amount) => Some(amount),
        }
    }
}

/// Reads a number of tokens.
pub(super) fn tokens(text: &str) -> Result<Cap<u64>, &'static str> {
    match text {
        "off" => Ok(Cap::Off),
        text => text.parse().map(Cap::At).map_err(|_| "must be a number of tokens or off"),
    }
}

/// Reads an amount of money.
pub(super) fn money(text: &str) -> Result<Cap<Money>, &'static str> {
    match text {
        "off" => Ok(Cap::Off),
        text => text
            .parse()
            .map(Cap::At)
            .map_err(|_| "must be an amount and a currency, such as 10.00 USD, or off"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_reads_as_it_is_written() {
        for text in ["10.00 USD", "0.05 EUR", "1050 JPY", "1.250 KWD"] {
            assert_eq!(money(text).unwrap().amount().unwrap().to_string(), text);
        }
        assert_eq!(money("10 usd").unwrap().amount().unwrap().minor, 1_000);
        assert_eq!(money("1.5 USD").unwrap().amount().unwrap().minor, 150);
        assert_eq!(money("off"), Ok(Cap::Off));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", "10", "USD", "-1 USD", "1.005 USD", "1.5 JPY", "1,5 USD", ". USD", "10 DOLLARS"] {
            assert!(money(text).is_err(), "{text}");
        }
        assert!(tokens("many").is_err() && tokens("-1").is_err());
        assert_eq!(tokens("7"), Ok(Cap::At(7)));
    }
}
