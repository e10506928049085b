//! The counters of a day: whose they are, what was used, what is promised.

use std::collections::BTreeMap;

use domain::id::digest;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::Taken;

/// How long a turn that was never counted is believed to be under way: longer than any turn takes.
const TURN: SignedDuration = SignedDuration::from_mins(5);

/// What was used in a day, by one visitor or by one site.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counter {
    /// The day in UTC.
    pub(crate) day: String,
    /// `visitor` or `site`.
    pub(crate) scope: String,
    /// The visitor's id, or the site's host.
    pub(crate) subject: String,
    /// Turns that asked the model.
    pub(crate) turns: u64,
    /// Tokens read.
    pub(crate) input_tokens: u64,
    /// Tokens written.
    pub(crate) output_tokens: u64,
    /// Cost in billionths of a major unit.
    pub(crate) cost_billionths: u64,
    /// Somebody was told that the budget runs out.
    pub(crate) noticed: bool,
    /// Turns under way, by an id of the reservation.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) reserved: BTreeMap<String, Reserved>,
}

/// What a turn under way is expected to take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reserved {
    /// In the unit that the counter is limited by: tokens of a visitor, cost of a site.
    amount: u64,
    /// From when on it counts no more: its process has died.
    until: Timestamp,
}

/// Whose counter it is.
pub(super) struct Subject {
    /// The document's id.
    pub(super) id: String,
    day: String,
    scope: &'static str,
    name: String,
}

// === impl Counter ===

impl Counter {
    pub(super) fn tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }

    /// Adds what a turn took; one that never asked the model is none.
    pub(super) fn add(&mut self, taken: Taken, cost: u64) {
        self.turns += u64::from(taken != Taken::default());
        self.input_tokens += taken.input_tokens;
        self.output_tokens += taken.output_tokens;
        self.cost_billionths += cost;
    }

    /// What a turn has taken on average, if there was one: tokens and cost.
    pub(super) fn mean(&self) -> Option<(u64, u64)> {
        Some((self.tokens().checked_div(self.turns)?, self.cost_billionths / self.turns))
    }

    /// What the turns under way are expected to take.
    pub(super) fn promised(&self, now: Timestamp) -> u64 {
        self.reserved
            .values()
            .filter(|one| one.until > now)
            .map(|one| one.amount)
            .fold(0, u64::saturating_add)
    }

    /// Promises a turn what it is expected to take.
    pub(super) fn reserve(&mut self, id: &str, amount: u64, now: Timestamp) {
        self.reserved.retain(|_, one| one.until > now);
        self.reserved.insert(id.to_owned(), Reserved { amount, until: now + TURN });
    }
}

// === impl Subject ===

impl Subject {
    pub(super) fn visitor(name: &str, now: Timestamp) -> Self {
        Self::new("visitor", name, now)
    }

    pub(super) fn site(name: &str, now: Timestamp) -> Self {
        Self::new("site", name, now)
    }

    fn new(scope: &'static str, name: &str, now: Timestamp) -> Self {
        let day = now.to_zoned(TimeZone::UTC).date().to_string();
        let id = digest(&[&day, scope, name]);
        Self { id, day, scope, name: name.to_owned() }
    }

    /// Its counter before anything was used.
    pub(super) fn counter(&self) -> Counter {
        let (day, scope, subject) = (self.day.clone(), self.scope.to_owned(), self.name.clone());
        Counter { day, scope, subject, ..Counter::default() }
    }
}
