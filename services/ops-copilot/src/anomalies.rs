//! What is unusual in the books: found by thresholds and a baseline of the weeks before, told once.
//!
//! The invariants: what was told is not told again as long as it lasts, nor on the same day; and a look at the books changes
//! nothing in them.

mod baseline;
mod days;
mod now;
mod standing;
mod thresholds;
mod trends;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chassis::Ticked;
use domain::{Fault, Money, id::EventId};
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use proto::sheets::v1::Tab;
use serde_json::json;
use store::{Clock, Store};

use crate::{
    books::Books,
    error::{Error, fault},
    notices::{Letter, Notices, notice_id},
    reports::week::{later, midnight},
};
use days::{DAYS, Day};
use standing::Standing;
pub(crate) use thresholds::Thresholds;
use trends::{Began, Trends};

/// Collections whose documents expire.
pub(crate) const EXPIRING: &str = DAYS.name();
/// The kind of its notices.
const KIND: &str = "anomaly";
/// How often it is looked what is stuck.
const STUCK_EVERY: SignedDuration = SignedDuration::from_mins(5);
/// How often it is looked what the day has cost: that takes all rows of the day.
const BUDGET_EVERY: SignedDuration = SignedDuration::from_mins(30);
/// How long after its end a day is looked at: the last of it may come late.
const LATE: SignedDuration = SignedDuration::from_mins(30);
/// Days that are counted at once.
const PORTION: i32 = 7;
/// What a tick may take before it goes on in the next one.
const TICK: Duration = Duration::from_secs(4);

/// What an anomaly is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Volume,
    Conversion,
    FailedPayments,
    Churn,
    ParkedRows,
    ParkedDeliveries,
    Lag,
    Budget,
}

/// Something unusual.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Anomaly {
    /// Follows from its kind, its subject and its day.
    pub(crate) anomaly_id: String,
    pub(crate) kind: Kind,
    pub(crate) subject: String,
    pub(crate) title: String,
    pub(crate) value: f64,
    pub(crate) expected: f64,
    pub(crate) threshold: String,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) next_check: String,
}

/// What anomalies stand on.
pub(crate) struct Deps {
    pub(crate) books: Books,
    pub(crate) notices: Notices,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    pub(crate) zone: TimeZone,
    pub(crate) thresholds: Thresholds,
    pub(crate) budget: Option<Money>,
}

/// Finds what is unusual. Clones share one.
#[derive(Clone)]
pub(crate) struct Anomalies(Arc<Deps>);

// === impl Kind ===

impl Kind {
    /// What is found in days that are over.
    const TRENDS: [Self; 4] = [Self::Volume, Self::Conversion, Self::FailedPayments, Self::Churn];
    /// What is stuck.
    const STUCK: [Self; 3] = [Self::ParkedRows, Self::ParkedDeliveries, Self::Lag];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Volume => "volume",
            Self::Conversion => "conversion",
            Self::FailedPayments => "failed_payments",
            Self::Churn => "churn",
            Self::ParkedRows => "parked_rows",
            Self::ParkedDeliveries => "parked_deliveries",
            Self::Lag => "lag",
            Self::Budget => "budget",
        }
    }
}

fn anomaly_id(kind: Kind, subject: &str, day: Date) -> String {
    format!("ano_{}", domain::id::digest(&[kind.as_str(), subject, &day.to_string()]))
}

// === impl Anomalies ===

impl Anomalies {
    pub(crate) fn new(deps: Deps) -> Self {
        Self(Arc::new(deps))
    }

    /// The end of a day.
    pub(crate) fn end_of(&self, day: Date) -> Timestamp {
        midnight(later(day, 1), &self.0.zone)
    }

    /// What is unusual as of a moment. What is stuck is known of the present alone.
    pub(crate) async fn find(&self, at: Option<Timestamp>) -> Result<Vec<Anomaly>, Error> {
        let Deps { books, store, clock, zone, thresholds, budget, .. } = &*self.0;
        let now = clock();
        let as_of = at.unwrap_or(now).min(now);
        let last = last_day(as_of, zone);
        let mut found = self.trends(last, self.days(last, now).await?).await?;
        if let Some(budget) = budget {
            let day = now::budget_day(as_of);
            found.extend(now::budget(books, thresholds, *budget, day, as_of).await?);
        }
        if at.is_none() {
            let standing = Standing::read(&**store).await?;
            for anomaly in &mut found {
                if let Some(told) = standing.told_as(anomaly.kind, &anomaly.subject) {
                    told.clone_into(&mut anomaly.anomaly_id);
                }
            }
            for condition in now::stuck(books, thresholds, now).await? {
                let since = standing.since(condition.kind, &condition.subject).unwrap_or(now);
                found.extend(condition.told(since, now, zone));
            }
        }
        Ok(found)
    }

    /// Looks at what is due to be looked at, and tells what is new.
    pub(crate) async fn tick(&self) -> Result<Ticked, Fault> {
        self.look().await.map_err(|error| fault(&error))
    }

    async fn look(&self) -> Result<Ticked, Error> {
        let Deps { books, store, clock, zone, thresholds, budget, .. } = &*self.0;
        let (now, mut ticked) = (clock(), Ticked::default());
        let standing = Standing::read(&**store).await?;
        if standing.is_due(standing.stuck_at, STUCK_EVERY, now) {
            let stuck = now::stuck(books, thresholds, now).await?;
            let noticed = standing::notice(&**store, &stuck, now).await?;
            let told = |condition: &now::Condition| {
                condition.told(noticed.since(condition.kind, &condition.subject)?, now, zone)
            };
            let found: Vec<_> = stuck.iter().filter_map(told).collect();
            self.tell(&found, &mut ticked).await?;
            standing::note(&**store, |standing| standing.stuck_at = Some(now)).await?;
        }
        if let Some(budget) = budget.filter(|_| standing.is_due(standing.budget_at, BUDGET_EVERY, now)) {
            let (today, mut found) = (now::budget_day(now), Vec::new());
            // What came after the last look of a day is seen once the day is over.
            let of = |at: Timestamp| now::budget_day(at - LATE);
            if standing.budget_at.is_some_and(|at| of(at) < of(now)) {
                found.extend(now::budget(books, thresholds, budget, later(of(now), -1), now).await?);
            }
            found.extend(now::budget(books, thresholds, budget, today, now).await?);
            self.tell(&found, &mut ticked).await?;
            standing::settle(&**store, &[Kind::Budget], &found).await?;
            standing::note(&**store, |standing| standing.budget_at = Some(now)).await?;
        }
        let last = last_day(now - LATE, zone);
        if standing.day.is_none_or(|day| day < last) {
            if self.count(last, now).await? {
                let found = self.trends(last, self.days(last, now).await?).await?;
                self.tell(&found, &mut ticked).await?;
                standing::settle(&**store, &Kind::TRENDS, &found).await?;
                standing::note(&**store, |standing| standing.day = Some(last)).await?;
            } else {
                ticked.more = true;
            }
        }
        Ok(ticked)
    }

    /// Counts the days that are needed for `last` and not settled; false if there are more than fit into a tick.
    async fn count(&self, last: Date, now: Timestamp) -> Result<bool, Error> {
        let Deps { books, store, zone, .. } = &*self.0;
        let until = Instant::now() + TICK;
        let dates = dates(last);
        let fresh = midnight(later(last, 1), zone);
        let needs = |day: &Option<Day>| day.is_none_or(|day| !day.is_settled(zone) && day.counted_at < fresh);
        loop {
            let kept = days::kept(&**store, zone, &dates).await?;
            let Some(first) = kept.iter().position(needs) else { return Ok(true) };
            if Instant::now() > until {
                return Ok(false);
            }
            let span = (dates[first], later(dates[first], PORTION - 1).min(last));
            let portion = days::count(books, zone, span, &kept, now).await?;
            days::keep(&**store, zone, &portion).await?;
        }
    }

    /// The days up to `last`: what is kept of them, and what is not is counted and not kept.
    async fn days(&self, last: Date, now: Timestamp) -> Result<Vec<Day>, Error> {
        let Deps { books, store, zone, .. } = &*self.0;
        let dates = dates(last);
        let fresh = midnight(later(last, 1), zone);
        let mut days = days::kept(&**store, zone, &dates).await?;
        let stands =
            |day: &Option<Day>| day.is_some_and(|day| day.is_settled(zone) || day.counted_at >= fresh);
        if let Some(first) = days.iter().position(|day| !stands(day)) {
            let counted = days::count(books, zone, (dates[first], last), &days, now).await?;
            days.truncate(first);
            days.extend(counted.into_iter().map(Some));
        }
        Ok(days.into_iter().flatten().collect())
    }

    async fn trends(&self, last: Date, days: Vec<Day>) -> Result<Vec<Anomaly>, Error> {
        let Deps { books, zone, thresholds, .. } = &*self.0;
        if days.last().is_none_or(|day| day.date != last) {
            return Ok(Vec::new());
        }
        let first = async |tab| {
            let first = books.first(tab).await?;
            Ok::<_, Error>(first.map(|cells| cells.at.to_zoned(zone.clone()).date()))
        };
        let began = Began {
            chats: first(Tab::ChatEvents).await?,
            payments: first(Tab::Payments).await?,
            subscriptions: first(Tab::Subscriptions).await?,
        };
        Ok(Trends::new(&days, began, thresholds, zone).find())
    }

    /// Tells what was not told: to the books, then to people, then it is noted.
    async fn tell(&self, found: &[Anomaly], ticked: &mut Ticked) -> Result<(), Error> {
        let Deps { books, notices, store, clock, .. } = &*self.0;
        for anomaly in found {
            let standing = Standing::read(&**store).await?;
            if standing.told_as(anomaly.kind, &anomaly.subject).is_some() {
                continue;
            }
            books.record(&event(anomaly, clock())).await?;
            if notices.take(&notice_id(&[KIND, &anomaly.anomaly_id]), KIND, &letter(anomaly), &[]).await? {
                ticked.count("anomalies", 1);
            }
            standing::told(&**store, anomaly, clock()).await?;
        }
        Ok(())
    }
}

/// All days that are looked at for `last`.
fn dates(last: Date) -> Vec<Date> {
    let (mut date, mut dates) = (trends::first_day(last), Vec::new());
    while date <= last {
        dates.push(date);
        date = later(date, 1);
    }
    dates
}

/// The last day that is over.
fn last_day(now: Timestamp, zone: &TimeZone) -> Date {
    later(now.to_zoned(zone.clone()).date(), -1)
}

fn letter(anomaly: &Anomaly) -> Letter {
    let Anomaly { anomaly_id, kind, title, threshold, next_check, .. } = anomaly;
    let text =
        format!("Kind: {} ({threshold})\nReference: {anomaly_id}\nLook next: {next_check}", kind.as_str());
    Letter { title: format!("Unusual: {title}"), text, link: None }
}

fn event(anomaly: &Anomaly, now: Timestamp) -> serde_json::Value {
    json!({
        "id": EventId::derive(&["ops.anomaly", &anomaly.anomaly_id]).as_str(),
        "type": "ops.anomaly",
        "occurred_at": now,
        "channel": "ops",
        "workflow_id": crate::NAME,
        "outcome": "anomaly_found",
        "message": format!("{}: {}", anomaly.kind.as_str(), anomaly.title),
        "anomaly_id": anomaly.anomaly_id,
        "kind": anomaly.kind.as_str(),
        "value": anomaly.value,
        "expected": anomaly.expected,
        "threshold": anomaly.threshold,
        "from": anomaly.from,
        "to": anomaly.to,
    })
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn what_the_operators_agent_reads_names_everything_that_is_found() {
        let knowledge = include_str!("../../../shared/domain/workflows/knowledge/operations.md");
        for kind in Kind::TRENDS.into_iter().chain(Kind::STUCK).chain([Kind::Budget]) {
            assert!(knowledge.contains(&format!("`{}`", kind.as_str())), "{}", kind.as_str());
        }
    }
}
