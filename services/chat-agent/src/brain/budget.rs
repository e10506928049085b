//! What a day may cost: tokens of one visitor, money of one site.
//!
//! Counters are documents of a day that end by themselves. A turn reserves what turns take on average before it asks
//! the model, and what it took is counted when it ends: two commits a turn. The invariants: a turn begins only while
//! what was used and what is promised to turns under way, at all instances together, is less than the limit; what a
//! turn took is added once, whoever else adds at the same moment; an answer that nobody heard to its end counts too.

mod counter;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use domain::{Money, money::Currency};
use jiff::{SignedDuration, Timestamp};
use store::{Attempts, Collection, Error, Store, Work};

use self::counter::Subject;
use super::price::{Prices, billionths};
use crate::{
    config::{Cap, Config},
    turn::Turn,
};

pub(crate) use self::counter::Counter;

/// How long a counter is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(40 * 24);
/// From which share of the budget on somebody is told, in percent.
const NOTICE: u64 = 80;
/// What a turn is expected to take before there was any.
const FIRST: Taken = Taken { input_tokens: 2_000, output_tokens: 300 };

/// The currency of the built-in prices, where the budget names none.
const PRICED_IN: &str = "USD";

const USAGE: Collection<Counter> = Collection::new("usage");

/// What a turn took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Tokens read.
    pub(crate) input_tokens: u64,
    /// Tokens written.
    pub(crate) output_tokens: u64,
}

/// Which limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spent {
    /// The visitor's tokens.
    Tokens,
    /// The site's money.
    Money,
}

/// What was promised to a turn. It ends by itself if the turn is never counted.
#[derive(Debug)]
#[must_use = "it holds a part of the budget until the turn is counted"]
pub(crate) struct Reservation(String);

/// Counts and compares.
pub(crate) struct Budget {
    store: Arc<dyn Store>,
    tokens: Cap<u64>,
    money: Cap<Money>,
    prices: Prices,
}

// === impl Spent ===

impl Spent {
    /// The setting that says how much it may be.
    pub(crate) fn setting(self) -> &'static str {
        match self {
            Self::Tokens => "LIMIT_TOKENS_DAY",
            Self::Money => "BUDGET_DAY",
        }
    }
}

// === impl Budget ===

impl Budget {
    pub(crate) fn new(config: &Config, store: Arc<dyn Store>) -> anyhow::Result<Self> {
        let prices = Prices::over_built_in(config.model_prices.as_deref()).map_err(anyhow::Error::msg)?;
        if !prices.lists(&config.openai_model) {
            tracing::warn!(
                model = config.openai_model,
                "MODEL_PRICES lacks the model; it counts as the dearest"
            );
        }
        Ok(Self { store, tokens: config.limit_tokens_day, money: config.budget_day, prices })
    }

    /// Reserves what a turn may take, if the visitor and the site have anything left today.
    pub(crate) async fn reserve(
        &self,
        turn: &Turn,
        model: &str,
    ) -> Result<Result<Reservation, Spent>, Error> {
        let reservation = Reservation(turn.new_id("res_"));
        let mut attempts = Attempts::default();
        loop {
            let mut work = self.begin(turn).await?;
            if let Err(spent) = self.promise(&mut work, turn, model, &reservation).await? {
                return Ok(Err(spent));
            }
            match attempts.commit(work).await {
                Ok(true) => return Ok(Ok(reservation)),
                Ok(false) => {}
                // There was something left, and a visitor's turn is worth more than the certainty of a promise.
                Err(Error::Unknown | Error::Contended(_)) => return Ok(Ok(reservation)),
                Err(error) => return Err(error),
            }
        }
    }

    async fn promise(
        &self,
        work: &mut Work<'_>,
        turn: &Turn,
        model: &str,
        reservation: &Reservation,
    ) -> Result<Result<(), Spent>, Error> {
        let now = turn.now();
        let [(of_visitor, mut visitor), (of_site, mut site)] = load(work, turn).await?;
        let first = (
            FIRST.input_tokens + FIRST.output_tokens,
            self.prices.cost(model, FIRST.input_tokens, FIRST.output_tokens),
        );
        let (tokens, cost) = site.mean().unwrap_or(first);
        if let Some(most) = self.tokens.amount() {
            if visitor.tokens().saturating_add(visitor.promised(now)) >= most {
                return Ok(Err(Spent::Tokens));
            }
            // Who has long conversations goes on having them.
            let tokens = visitor.mean().map_or(tokens, |(own, _)| own.max(tokens));
            visitor.reserve(&reservation.0, tokens, now);
            work.put_until(&USAGE, &of_visitor.id, &visitor, Some(now + KEPT));
        }
        if let Some(most) = self.money.amount().map(billionths) {
            if site.cost_billionths.saturating_add(site.promised(now)) >= most {
                return Ok(Err(Spent::Money));
            }
            site.reserve(&reservation.0, cost, now);
            work.put_until(&USAGE, &of_site.id, &site, Some(now + KEPT));
        }
        Ok(Ok(()))
    }

    /// What a turn cost: billionths of a major unit, and of which currency.
    pub(crate) fn cost(&self, model: &str, taken: Taken) -> (u64, Currency) {
        let billionths = self.prices.cost(model, taken.input_tokens, taken.output_tokens);
        let currency = self.money.amount().map(|money| money.currency);
        (billionths, currency.unwrap_or_else(|| PRICED_IN.parse().expect("a currency")))
    }

    /// Counts what a turn took in place of what was reserved. A failure is logged: the answer has been given.
    pub(crate) async fn spend(&self, turn: &Turn, reservation: Reservation, model: &str, taken: Taken) {
        match self.add(turn, &reservation, model, taken).await {
            Ok(Some(site)) => tracing::warn!(site, "80 percent of BUDGET_DAY are spent"),
            Ok(None) => {}
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "usage was not counted");
            }
        }
    }

    /// The site, if it has just passed the share that somebody is told of.
    async fn add(
        &self,
        turn: &Turn,
        reservation: &Reservation,
        model: &str,
        taken: Taken,
    ) -> Result<Option<String>, Error> {
        let cost = self.prices.cost(model, taken.input_tokens, taken.output_tokens);
        let mut attempts = Attempts::default();
        loop {
            let mut work = self.begin(turn).await?;
            let mut notice = None;
            for (subject, mut used) in load(&mut work, turn).await? {
                let reserved = used.reserved.remove(&reservation.0);
                if taken == Taken::default() && reserved.is_none() {
                    continue;
                }
                used.add(taken, cost);
                if used.scope == "site" && !used.noticed && self.is_short(&used) {
                    used.noticed = true;
                    notice = Some(used.subject.clone());
                }
                work.put_until(&USAGE, &subject.id, &used, Some(turn.now() + KEPT));
            }
            if attempts.commit(work).await? {
                return Ok(notice);
            }
        }
    }

    /// A work that has read both counters.
    async fn begin(&self, turn: &Turn) -> Result<Work<'_>, Error> {
        let mut work = Work::new(&*self.store);
        work.prefetch(subjects(turn).iter().map(|subject| USAGE.key(&*subject.id)).collect()).await?;
        Ok(work)
    }

    fn is_short(&self, used: &Counter) -> bool {
        let most = self.money.amount().map(billionths);
        most.is_some_and(|most| used.cost_billionths >= most / 100 * NOTICE)
    }
}

/// Removes what is kept of what a visitor has used, as part of `work`; how many counters that are.
pub(crate) async fn forget(work: &mut Work<'_>, visitor: &str, now: Timestamp) -> Result<i64, Error> {
    // A turn may have ended on the day after that of its counter.
    let days = 0..=KEPT.as_hours() / 24 + 1;
    let ids = days.map(|day| Subject::visitor(visitor, now - SignedDuration::from_hours(24 * day)).id);
    let ids: Vec<_> = ids.collect();
    work.prefetch(ids.iter().map(|id| USAGE.key(&**id)).collect()).await?;
    let mut forgotten = 0;
    for id in ids {
        if work.get(&USAGE, &id).await?.is_some() {
            work.delete(&USAGE, &id);
            forgotten += 1;
        }
    }
    Ok(forgotten)
}

/// The counters of the visitor and of the site.
async fn load(work: &mut Work<'_>, turn: &Turn) -> Result<[(Subject, Counter); 2], Error> {
    let [visitor, site] = subjects(turn);
    let of_visitor = work.get(&USAGE, &visitor.id).await?.unwrap_or_else(|| visitor.counter());
    let of_site = work.get(&USAGE, &site.id).await?.unwrap_or_else(|| site.counter());
    Ok([(visitor, of_visitor), (site, of_site)])
}

fn subjects(turn: &Turn) -> [Subject; 2] {
    let now = turn.now();
    let visitor = Subject::visitor(turn.session.visitor_id.as_str(), now);
    [visitor, Subject::site(&turn.session.caller.site, now)]
}
