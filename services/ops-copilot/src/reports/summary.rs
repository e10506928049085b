//! The figures of a week.

use std::collections::BTreeMap;

use domain::{Money, money::Currency};

use super::week::Week;

/// Sums by currency, in minor units.
pub(crate) type Sums = BTreeMap<String, i64>;

/// Where a visit came from first.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Origin {
    /// `utm_source`
    pub(crate) source: String,
    /// `utm_campaign`
    pub(crate) campaign: String,
}

/// From a visit to money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Funnel {
    pub(crate) sessions: i64,
    pub(crate) leads: i64,
    pub(crate) bookings: i64,
    pub(crate) payments: i64,
}

/// One week in figures; the rule of each stands in [`super::tally`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) week: Week,
    pub(crate) total: Funnel,
    /// The one with most sessions first.
    pub(crate) funnels: Vec<(Origin, Funnel)>,
    pub(crate) revenue: Sums,
    pub(crate) refunded: Sums,
    pub(crate) mrr: Sums,
    pub(crate) subscriptions_started: i64,
    pub(crate) subscriptions_ended: i64,
    pub(crate) payments_failed: i64,
    pub(crate) messages: i64,
    /// The most frequent first.
    pub(crate) outcomes: Vec<(String, i64)>,
    pub(crate) handoffs: i64,
    pub(crate) handoff_median_seconds: Option<i64>,
    /// The most frequent first, at most twenty.
    pub(crate) unanswered: Vec<(String, i64)>,
    pub(crate) unanswered_total: i64,
    pub(crate) cost: Sums,
    pub(crate) answers: i64,
    pub(crate) answer_median_ms: Option<i64>,
    pub(crate) answer_p95_ms: Option<i64>,
}

// === impl Origin ===

impl Origin {
    pub(crate) fn is_known(&self) -> bool {
        !self.source.is_empty() || !self.campaign.is_empty()
    }
}

/// Adds an amount.
pub(crate) fn add(sums: &mut Sums, money: Money) {
    *sums.entry(money.currency.as_str().to_owned()).or_default() += money.minor;
}

/// Sums as money.
pub(crate) fn monies(sums: &Sums) -> Vec<Money> {
    let money = |(code, minor): (&String, &i64)| {
        let currency: Currency = code.parse().ok()?;
        Some(Money { minor: *minor, currency })
    };
    sums.iter().filter_map(money).collect()
}
