//! Monthly recurring revenue of a membership.
//!
//! The price of its renewal, brought to a month: Whop counts periods in days, of which 30 are a month, 365 a year of 12
//! months, and 7 a week, 52 of which are a year. It counts while money is owed for it: `active` and `past_due`; a trial, what
//! is paid once, what is free and what has ended bring nothing. The invariant: the sum is rounded once.

use domain::Money;

use crate::whop::{
    money::Inexact,
    wire::{Membership, Plan, Status},
};

/// What a membership brings in a month. Its own price counts before that of its plan, which knows of no discount. `None` if
/// not even the currency is known.
pub(crate) fn monthly(membership: &Membership, plan: Option<&Plan>) -> Result<Option<Money>, Inexact> {
    let price = membership.renewal_price().or_else(|| plan?.renewal_price());
    let days = membership.billing_period_days.or_else(|| plan?.billing_period);
    let (price, days) = match (price, days) {
        (Some(price), Some(days)) => (price?, days),
        (price, _) => match price.or_else(|| membership.initial_price()) {
            Some(price) => (price?, 0),
            None => return Ok(None),
        },
    };
    let counts = matches!(membership.status, Status::Active | Status::PastDue);
    Ok(Some(brought_to_a_month(price, if counts { days } else { 0 })))
}

/// What `price` every so many days is in a month; without a period it is not repeated and brings nothing.
fn brought_to_a_month(price: Money, days: u32) -> Money {
    let (times, months) = match i128::from(days) {
        0 => (0, 1),
        7 => (52, 12),
        days if days % 30 == 0 && days % 365 != 0 => (1, days / 30),
        // A year's 365 are twelve months.
        days => (365, 12 * days),
    };
    let doubled = 2 * i128::from(price.minor) * times;
    let minor = (doubled + months).div_euclid(2 * months);
    // Nothing is due more often than 365 / 12 times a month.
    Money { minor: i64::try_from(minor).unwrap_or(i64::MAX), ..price }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn membership(status: &str, more: Value) -> Membership {
        let mut wire = json!({
            "id": "mem_1", "status": status, "user_id": "user_1", "product_id": "prod_1", "plan_id": "plan_1",
            "created_at": "2026-01-01T12:00:00.000Z", "account": {"id": "biz_1"},
        });
        wire.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(wire).unwrap()
    }

    fn plan(more: Value) -> Plan {
        let mut wire = json!({"id": "plan_1", "currency": "eur", "plan_type": "renewal"});
        wire.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(wire).unwrap()
    }

    fn every(days: u32, amount: &str) -> Value {
        let price = json!({"amount": amount, "currency": "eur", "decimals": 2});
        json!({"billing_period_days": days, "renewal_price": price})
    }

    fn minor(membership: &Membership, plan: Option<&Plan>) -> i64 {
        monthly(membership, plan).unwrap().unwrap().minor
    }

    #[test]
    fn every_period_is_brought_to_a_month() {
        for (days, amount, expected) in [
            (30, "1490.00", 149_000),
            (60, "1490.00", 74_500),
            (90, "30.00", 1_000),
            (180, "60.00", 1_000),
            (360, "120.00", 1_000),
            (365, "120.00", 1_000),
            (730, "120.00", 500),
            (30 * 365, "36000.00", 10_000),
            (7, "10.00", 4_333),
            (1, "1.00", 3_042),
            (14, "10.00", 2_173),
            (28, "10.00", 1_086),
            (31, "10.00", 981),
            (91, "10.00", 334),
            (0, "10.00", 0),
        ] {
            assert_eq!(minor(&membership("active", every(days, amount)), None), expected, "{days} days");
        }
    }

    #[test]
    fn it_counts_while_money_is_owed() {
        assert_eq!(minor(&membership("past_due", every(30, "10.00")), None), 1_000);
        for status in
            ["trialing", "completed", "canceled", "expired", "unresolved", "drafted", "canceling", "new"]
        {
            assert_eq!(minor(&membership(status, every(30, "10.00")), None), 0, "{status}");
        }
    }

    #[test]
    fn what_is_free_or_for_life_brings_nothing() {
        assert_eq!(minor(&membership("active", every(30, "0.00")), None), 0, "free");
        let price = json!({"amount": "290.00", "currency": "eur", "decimals": 2});
        let for_life = json!({"billing_period_days": null, "renewal_price": null, "initial_price": price});
        assert_eq!(minor(&membership("completed", for_life.clone()), None), 0);
        let once = plan(json!({"plan_type": "one_time", "renewal_price": 0, "billing_period": null}));
        assert_eq!(minor(&membership("active", for_life), Some(&once)), 0);
        assert_eq!(monthly(&membership("active", json!({})), None), Ok(None), "nothing is known");
    }

    #[test]
    fn the_plan_knows_what_the_membership_does_not() {
        let monthly_plan = plan(json!({"renewal_price": 1490, "billing_period": 30}));
        assert_eq!(minor(&membership("active", json!({})), Some(&monthly_plan)), 149_000);
        let discounted = membership("active", every(30, "745.00"));
        assert_eq!(minor(&discounted, Some(&monthly_plan)), 74_500, "its own price comes first");
        let old = json!({"currency": "usd", "formatted_renewal_price": "$25.00 / month"});
        let yearly = plan(json!({"renewal_price": "300.0", "billing_period": 365.0}));
        assert_eq!(minor(&membership("active", old), Some(&yearly)), 208);
    }

    #[test]
    fn what_is_not_exact_is_not_said() {
        let odd = membership("active", every(30, "10.001"));
        assert_eq!(monthly(&odd, None), Err(Inexact::Amount));
        let largest = membership("active", every(1, "92233720368547758.07"));
        assert_eq!(minor(&largest, None), i64::MAX);
    }
}
