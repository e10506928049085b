//! Monthly recurring revenue of a subscription.
//!
//! Every item's price times its number, brought to a month: a year has 12 months, 52 weeks and 365 days. It counts while
//! money is owed for it: `active` and `past_due`; a trial, a pause and what has ended bring nothing. What depends on use
//! has no fixed price and brings nothing, and discounts are not taken off. The invariant: the sum is rounded once.

use domain::Money;

use crate::stripe::{Item, Recurring, amount};

/// States in which money is owed.
const COUNTED: [&str; 2] = ["active", "past_due"];

/// What items of `currency` bring in a month.
pub(super) fn monthly(status: &str, items: &[Item], currency: &str) -> Result<Money, amount::Inexact> {
    let items = if COUNTED.contains(&status) { items } else { &[] };
    let (sum, of) = items.iter().filter_map(a_year).fold((0, 1), |(sum, of), (amount, every)| {
        let shared = of / gcd(of, every) * every;
        (sum * (shared / of) + amount * (shared / every), shared)
    });
    amount::nearest(sum, of * 12, currency)
}

/// What an item brings in so many years.
fn a_year(item: &Item) -> Option<(i128, i128)> {
    let Recurring { interval, interval_count } = item.price.recurring.as_ref()?;
    let times = match interval.as_str() {
        "day" => 365,
        "week" => 52,
        "month" => 12,
        "year" => 1,
        _ => return None,
    };
    let amount = i128::from(item.price.unit_amount?) * i128::from(item.quantity) * times;
    // No interval is longer than three years, by the reference of prices.
    (1..=1_095).contains(interval_count).then(|| (amount, i128::from(*interval_count)))
}

fn gcd(one: i128, other: i128) -> i128 {
    if other == 0 { one } else { gcd(other, one % other) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(amount: i64, quantity: i64, interval: &str, count: i64) -> Item {
        let price =
            json!({"unit_amount": amount, "recurring": {"interval": interval, "interval_count": count}});
        serde_json::from_value(json!({"quantity": quantity, "price": price})).unwrap()
    }

    fn monthly(status: &str, items: &[Item]) -> i64 {
        super::monthly(status, items, "eur").unwrap().minor
    }

    #[test]
    fn every_interval_is_brought_to_a_month() {
        for (expected, item) in [
            (149_000, item(149_000, 1, "month", 1)),
            (298_000, item(149_000, 2, "month", 1)),
            (1_000, item(3_000, 1, "month", 3)),
            (1_000, item(12_000, 1, "year", 1)),
            (500, item(12_000, 1, "year", 2)),
            (4_333, item(1_000, 1, "week", 1)),
            (2_167, item(1_000, 1, "week", 2)),
            (3_042, item(100, 1, "day", 1)),
            (0, item(100, 1, "century", 1)),
            (0, item(100, 1, "month", 0)),
        ] {
            assert_eq!(monthly("active", std::slice::from_ref(&item)), expected, "{item:?}");
        }
    }

    #[test]
    fn items_add_up_and_are_rounded_once() {
        let third = || item(100, 1, "month", 3);
        assert_eq!(monthly("active", &[third(), third(), third()]), 100, "three times 33⅓");
        assert_eq!(monthly("past_due", &[item(1_000, 1, "month", 1), item(12_000, 1, "year", 1)]), 2_000);
        let metered = serde_json::from_value(
            json!({"price": {"unit_amount": null, "recurring": {"interval": "month"}}}),
        );
        assert_eq!(monthly("active", &[metered.unwrap(), item(500, 1, "month", 1)]), 500);
    }

    #[test]
    fn what_brings_nothing_counts_nothing() {
        for status in ["trialing", "paused", "unpaid", "incomplete", "incomplete_expired", "canceled", "new"]
        {
            assert_eq!(monthly(status, &[item(100, 1, "month", 1)]), 0, "{status}");
        }
    }
}
