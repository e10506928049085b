//! Looking at the providers for what no webhook brought.
//!
//! A document for each provider says up to when everything was looked at. The invariants: what was missed goes the way of
//! a webhook, through the inbox; the next look begins some minutes before the end of the last one, or where that one broke
//! off; and what is known already counts as nothing.

mod service;

use std::sync::Arc;

use chassis::Ticked;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use store::{
    Attempts, Clock, Collection, Store, Work,
    inbox::{Inbox, Message},
    queue::{Trouble, Worker},
};

use crate::{
    duty::Duty,
    error::Error,
    provider::{Found, Provider, Verified},
    webhooks::Providers,
};

pub(crate) use service::Service;

const CURSORS: Collection<Cursor> = Collection::new("reconciliations");
/// How much of what was looked at is looked at again: providers list things late.
const OVERLAP: SignedDuration = SignedDuration::from_mins(5);
/// How far back the first look goes.
const FIRST_LOOK: SignedDuration = SignedDuration::from_hours(24);
/// The tick looks no more often.
const EVERY: SignedDuration = SignedDuration::from_mins(5);
/// Most ids that are told.
const MOST_IDS: usize = 100;

/// How far a provider was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    /// Up to when everything was looked at.
    until: Option<Timestamp>,
    /// Where the last look broke off, if there was more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    partial: Option<Timestamp>,
    /// When the tick looked last, unless there is more.
    looked_at: Option<Timestamp>,
    /// A look that somebody asked for, from when on, and how far it came.
    asked: Option<(Timestamp, Timestamp)>,
}

/// What a look found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The provider.
    pub provider: &'static str,
    /// So many things were looked at.
    pub seen: i64,
    /// So many of them no webhook had brought.
    pub missed: i64,
    /// Their ids in the inbox, at most a hundred.
    pub missed_ids: Vec<String>,
    /// Up to when everything was looked at.
    pub until: Option<Timestamp>,
    /// There is more to look at.
    pub more: bool,
    /// Why the provider could not be asked, or what of it cannot be looked at; empty if everything was.
    pub problem: String,
}

/// Looks at the providers.
#[derive(Clone)]
pub struct Reconciliation {
    /// Whom it looks at.
    pub providers: Providers,
    /// Where what was missed goes.
    pub inbox: Inbox,
    /// Who works on it.
    pub worker: Worker<Message>,
    /// Where it is kept how far looks came.
    pub store: Arc<dyn Store>,
    /// Where the time is read.
    pub clock: Clock,
}

// === impl Reconciliation ===

impl Reconciliation {
    /// A bounded look at one provider, from `since` or from where the last one ended. Its failure is in the report.
    ///
    /// # Errors
    /// The store's.
    pub async fn look(&self, provider: &dyn Provider, since: Option<Timestamp>) -> Result<Report, Error> {
        let name = provider.name();
        let cursor = CURSORS.get(&*self.store, name).await?.map(|found| found.value).unwrap_or_default();
        let from = cursor.begin(since, (self.clock)());
        let found = match provider.look(from).await {
            Ok(found) => found,
            Err(Trouble { why, .. }) => {
                tracing::warn!(provider = name, problem = why, "a provider could not be looked at");
                return Ok(Report { provider: name, until: cursor.until, problem: why, ..Report::default() });
            }
        };
        let Found { seen, missed, even_if_done, until, more, place, problem } = found;
        let mut report = Report { provider: name, seen, until, more, problem, ..Report::default() };
        if !report.problem.is_empty() {
            tracing::warn!(provider = name, problem = report.problem, "not all of a provider was looked at");
        }
        if more && place.is_none() && until.is_none_or(|until| until <= from) {
            // Who goes on as long as there is more would never end.
            tracing::error!(provider = name, "a look at a provider came no further");
            (report.more, report.problem) = (false, "the look came no further".to_owned());
        }
        for (verified, body) in missed {
            self.take(&mut report, &verified, &body, even_if_done).await?;
        }
        // Only now: what was missed is durable.
        if let Some(place) = place {
            provider.looked(&place).await?;
        }
        self.note(name, |cursor| cursor.advance(since, from, until, more)).await?;
        if report.missed > 0 {
            tracing::info!(provider = name, missed = report.missed, "webhooks were missed");
            self.worker.wake();
        }
        Ok(report)
    }

    async fn take(
        &self,
        report: &mut Report,
        verified: &Verified,
        body: &[u8],
        even_if_done: bool,
    ) -> Result<(), Error> {
        let (Verified { key, kind }, source) = (verified, report.provider);
        let taken = match even_if_done {
            true => self.inbox.take_again(source, key, kind, body).await,
            false => self.inbox.take(source, key, kind, body).await,
        };
        let taken = match taken {
            Err(store::Error::Invalid(why)) => {
                tracing::error!(provider = report.provider, problem = why, "a missed message is not taken");
                report.problem = why;
                return Ok(());
            }
            taken => taken?,
        };
        if !taken.duplicate {
            report.missed += 1;
            if report.missed_ids.len() < MOST_IDS {
                report.missed_ids.push(taken.id.to_string());
            }
        }
        Ok(())
    }

    async fn note(&self, name: &str, change: impl Fn(&mut Cursor)) -> Result<(), Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            let mut cursor = work.get(&CURSORS, name).await?.unwrap_or_default();
            change(&mut cursor);
            work.put(&CURSORS, name, &cursor);
            if attempts.commit(work).await? {
                return Ok(());
            }
        }
    }

    /// Whether the tick is to look at a provider; then nobody else does for a while.
    async fn claim(&self, name: &str) -> Result<bool, Error> {
        let now = (self.clock)();
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            let mut cursor = work.get(&CURSORS, name).await?.unwrap_or_default();
            if cursor.looked_at.is_some_and(|last| now.duration_since(last) < EVERY) {
                return Ok(false);
            }
            cursor.looked_at = Some(now);
            work.put(&CURSORS, name, &cursor);
            if attempts.commit(work).await? {
                return Ok(true);
            }
        }
    }
}

#[async_trait::async_trait]
impl Duty for Reconciliation {
    fn name(&self) -> &'static str {
        "reconciliation"
    }

    async fn tick(&self) -> Result<Ticked, Error> {
        let mut ticked = Ticked::default();
        for provider in self.providers.iter() {
            if !self.claim(provider.name()).await? {
                continue;
            }
            let report = self.look(&**provider, None).await?;
            ticked.count("missed", report.missed);
            if report.more {
                self.note(provider.name(), |cursor| cursor.looked_at = None).await?;
            }
            ticked.more |= report.more;
        }
        Ok(ticked)
    }
}

// === impl Cursor ===

impl Cursor {
    /// From when on the next look goes.
    fn begin(&self, since: Option<Timestamp>, now: Timestamp) -> Timestamp {
        let before = |time: Timestamp, by| time.checked_sub(by).unwrap_or(Timestamp::MIN);
        match (since, self.asked) {
            (Some(since), Some((asked, until))) if asked == since => until,
            (Some(since), _) => since,
            // Without the overlap: a portion that is no longer than it would come no further.
            (None, _) => self.partial.unwrap_or_else(|| match self.until {
                Some(until) => before(until, OVERLAP),
                None => before(now, FIRST_LOOK),
            }),
        }
    }

    /// A look from `from` on came so far.
    fn advance(&mut self, since: Option<Timestamp>, from: Timestamp, until: Option<Timestamp>, more: bool) {
        let partial = until.filter(|_| more);
        match since {
            Some(since) => self.asked = partial.map(|until| (since, until)),
            None => self.partial = partial,
        }
        // A look that began later leaves a gap before it.
        let joins = self.until.is_none_or(|last| from <= last);
        if joins && until > self.until {
            self.until = until;
        }
    }
}
