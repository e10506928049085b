//! What a day may cost: tokens of one visitor, money of one site.
//!
//! Counters are documents of a day that end by themselves. The invariants: what a turn took is added once, whoever else
//! adds at the same moment; an answer that nobody heard to its end counts too.

use std::sync::Arc;

use domain::Money;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use store::{Attempts, Collection, Store, Work};

use super::price::{Prices, billionths};
use crate::{
    config::{Cap, Config},
    turn::Turn,
};

/// How long a counter is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(40 * 24);
/// From which share of the budget on somebody is told, in percent.
const NOTICE: u64 = 80;

const USAGE: Collection<Counter> = Collection::new("usage");

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
}

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

    /// Whether the visitor and the site have anything left today.
    pub(crate) async fn check(&self, turn: &Turn) -> Result<Result<(), Spent>, store::Error> {
        let [visitor, site] = subjects(turn);
        if let Some(most) = self.tokens.amount()
            && self.read(&visitor).await?.is_some_and(|used| used.tokens() >= most)
        {
            return Ok(Err(Spent::Tokens));
        }
        if let Some(most) = self.money.amount()
            && self.read(&site).await?.is_some_and(|used| used.cost_billionths >= billionths(most))
        {
            return Ok(Err(Spent::Money));
        }
        Ok(Ok(()))
    }

    /// Counts what a turn took. A failure is logged: the answer has been given.
    pub(crate) async fn spend(&self, turn: &Turn, model: &str, taken: Taken) {
        if taken == Taken::default() {
            return;
        }
        match self.add(turn, model, taken).await {
            Ok(Some(site)) => tracing::warn!(site, "80 percent of BUDGET_DAY are spent"),
            Ok(None) => {}
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "usage was not counted");
            }
        }
    }

    /// The site, if it has just passed the share that somebody is told of.
    async fn add(&self, turn: &Turn, model: &str, taken: Taken) -> Result<Option<String>, store::Error> {
        let cost = self.prices.cost(model, taken.input_tokens, taken.output_tokens);
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            let mut notice = None;
            for key in subjects(turn) {
                let mut used = work.get(&USAGE, &key.id).await?.unwrap_or_else(|| key.counter());
                used.turns += 1;
                used.input_tokens += taken.input_tokens;
                used.output_tokens += taken.output_tokens;
                used.cost_billionths += cost;
                if key.scope == "site" && !used.noticed && self.is_short(&used) {
                    used.noticed = true;
                    notice = Some(used.subject.clone());
                }
                work.put_until(&USAGE, &key.id, &used, Some(turn.now() + KEPT));
            }
            if attempts.commit(work).await? {
                return Ok(notice);
            }
        }
    }

    fn is_short(&self, used: &Counter) -> bool {
        let most = self.money.amount().map(billionths);
        most.is_some_and(|most| used.cost_billionths >= most / 100 * NOTICE)
    }

    async fn read(&self, subject: &Subject) -> Result<Option<Counter>, store::Error> {
        Ok(USAGE.get(&*self.store, &subject.id).await?.map(|found| found.value))
    }
}

// === impl Counter ===

impl Counter {
    fn tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }
}

/// Whose counter it is.
struct Subject {
    id: String,
    day: String,
    scope: &'static str,
    name: String,
}

impl Subject {
    fn new(scope: &'static str, name: &str, now: Timestamp) -> Self {
        let day = now.to_zoned(TimeZone::UTC).date().to_string();
        let id = domain::id::digest(&[&day, scope, name]);
        Self { id, day, scope, name: name.to_owned() }
    }

    fn counter(&self) -> Counter {
        let (day, scope, subject) = (self.day.clone(), self.scope.to_owned(), self.name.clone());
        Counter { day, scope, subject, ..Counter::default() }
    }
}

fn subjects(turn: &Turn) -> [Subject; 2] {
    let now = turn.now();
    let visitor = Subject::new("visitor", turn.session.visitor_id.as_str(), now);
    [visitor, Subject::new("site", &turn.session.caller.site, now)]
}
