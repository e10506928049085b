//! What tokens cost, and what may be spent.
//!
//! The invariant: costs are integers, billionths of a major unit of money, rounded up; a model without a price is never free.

use std::collections::BTreeMap;

use domain::Money;

/// What well-known models cost in USD, as OpenAI's price list has them.
const BUILT_IN: &str =
    "gpt-5=1.25/10,gpt-5-mini=0.25/2,gpt-5-nano=0.05/0.4,gpt-4.1=2/8,gpt-4.1-mini=0.4/1.6,gpt-4o=2.5/10";

/// Prices of models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prices(BTreeMap<String, Price>);

/// What a million tokens cost, in millionths of a major unit of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Price {
    input: u64,
    output: u64,
}

/// A decimal number as an integer of its `places`-th places; `None` if it has more.
fn decimal(text: &str, places: u32) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > places as usize {
        return None;
    }
    format!("{whole}{part:0<width$}", width = places as usize).parse().ok()
}

fn read(text: &str) -> Option<BTreeMap<String, Price>> {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let prices: BTreeMap<_, _> = entries
        .map(|entry| {
            let (model, price) = entry.split_once('=')?;
            let (input, output) = price.split_once('/')?;
            let price = Price { input: decimal(input.trim(), 6)?, output: decimal(output.trim(), 6)? };
            (!model.trim().is_empty()).then(|| (model.trim().to_owned(), price))
        })
        .collect::<Option<_>>()?;
    (!prices.is_empty()).then_some(prices)
}

// === impl Prices ===

impl Prices {
    /// The built-in prices with those of a setting put over them: `MODEL=INPUT/OUTPUT`, separated by commas.
    pub(crate) fn over_built_in(setting: Option<&str>) -> Result<Self, &'static str> {
        let mut prices = read(BUILT_IN).expect("the built-in list is sound");
        if let Some(text) = setting {
            prices.extend(
                read(text).ok_or(
                    "must be MODEL=INPUT/OUTPUT entries separated by commas, e.g. gpt-5-mini=0.25/2",
                )?,
            );
        }
        Ok(Self(prices))
    }

    /// Whether the model has a price of its own.
    pub(crate) fn lists(&self, model: &str) -> bool {
        self.of(model).is_some()
    }

    /// What these tokens cost, in billionths of a major unit.
    pub(crate) fn cost(&self, model: &str, input_tokens: u64, output_tokens: u64) -> u64 {
        let dearest = || Price {
            input: self.0.values().map(|price| price.input).max().unwrap_or_default(),
            output: self.0.values().map(|price| price.output).max().unwrap_or_default(),
        };
        let Price { input, output } = self.of(model).unwrap_or_else(dearest);
        let millionths = |tokens: u64, price: u64| tokens.saturating_mul(price).div_ceil(1_000);
        millionths(input_tokens, input).saturating_add(millionths(output_tokens, output))
    }

    /// The model's own price, or that of the model whose dated snapshot it is: `gpt-5-mini-2025-08-07`.
    fn of(&self, model: &str) -> Option<Price> {
        let dated = |tail: &str| {
            tail.starts_with("-20") && tail[1..].bytes().all(|b| b.is_ascii_digit() || b == b'-')
        };
        let snapshot =
            || self.0.iter().find(|(name, _)| model.strip_prefix(name.as_str()).is_some_and(dated));
        self.0.get(model).or_else(|| snapshot().map(|(_, price)| price)).copied()
    }
}

/// Money in billionths of a major unit.
pub(crate) fn billionths(money: Money) -> u64 {
    let minor = u64::try_from(money.minor).unwrap_or_default();
    minor.saturating_mul(10_u64.pow(9 - money.currency.decimals()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_cost_what_the_table_says() {
        let prices = Prices::over_built_in(Some("gpt-9=20/40, gpt-5-mini=0.5/4")).unwrap();
        // a million of each: 0.50 + 4.00
        assert_eq!(prices.cost("gpt-5-mini", 1_000_000, 1_000_000), 4_500_000_000);
        assert_eq!(prices.cost("gpt-5-mini-2025-08-07", 1_000_000, 0), 500_000_000);
        assert_eq!(prices.cost("gpt-5-mini", 1, 0), 500);
        assert_eq!(prices.cost("gpt-5", 1_000_000, 0), 1_250_000_000);
        assert_eq!(prices.cost("unheard-of", 1_000_000, 0), prices.cost("gpt-9", 1_000_000, 0));
        assert!(prices.lists("gpt-5") && !prices.lists("gpt-5-pro"));
    }

    #[test]
    fn money_has_billionths() {
        let money = |minor, code: &str| Money { minor, currency: code.parse().unwrap() };
        assert_eq!(billionths(money(1_050, "USD")), 10_500_000_000);
        assert_eq!(billionths(money(1_050, "JPY")), 1_050_000_000_000);
    }

    #[test]
    fn what_is_no_list_of_prices_is_refused() {
        for bad in ["", "gpt-5", "gpt-5=1", "gpt-5=a/b", "=1/2", "gpt-5=-1/2", "gpt-5=0.1234567/1"] {
            assert!(Prices::over_built_in(Some(bad)).is_err(), "{bad}");
        }
    }
}
