//! What is unusual just now: what is stuck, and what the day has cost.
//!
//! The invariant: what is stuck is told once it has been so for as long as the threshold says, and of the model's cost nothing
//! but what the books have.

use std::{
    collections::{BTreeMap, HashMap},
    ops::ControlFlow::Continue,
};

use domain::Money;
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use proto::sheets::v1::{Delivery, DeliveryState, Tab};

use super::{Anomaly, Kind, anomaly_id, thresholds::Thresholds};
use crate::{
    books::{Books, Cells, Span},
    error::Error,
    reports::week::{later, midnight},
};

/// Something that is as it should not be.
pub(super) struct Condition {
    pub(super) kind: Kind,
    pub(super) subject: String,
    /// How long it may be so before it is told.
    pub(super) patience: SignedDuration,
    title: String,
    value: f64,
    expected: f64,
    threshold: String,
    next_check: &'static str,
    /// Since when, if that is known from elsewhere.
    since: Option<Timestamp>,
}

/// Deliveries to one destination.
#[derive(Default)]
struct Stuck {
    number: usize,
    /// When the oldest of them was made.
    began: Option<Timestamp>,
}

// === impl Condition ===

impl Condition {
    /// The anomaly that it is, noticed at `noticed`, once it has lasted.
    pub(super) fn told(&self, noticed: Timestamp, now: Timestamp, zone: &TimeZone) -> Option<Anomaly> {
        let since = self.since.unwrap_or(noticed).min(noticed);
        if now.duration_since(since) < self.patience {
            return None;
        }
        let day = noticed.to_zoned(zone.clone()).date();
        Some(Anomaly {
            anomaly_id: anomaly_id(self.kind, &self.subject, day),
            kind: self.kind,
            subject: self.subject.clone(),
            title: self.title.clone(),
            value: self.value,
            expected: self.expected,
            threshold: self.threshold.clone(),
            from: since,
            to: now,
            next_check: self.next_check.to_owned(),
        })
    }
}

/// All that is stuck.
pub(super) async fn stuck(
    books: &Books,
    thresholds: &Thresholds,
    now: Timestamp,
) -> Result<Vec<Condition>, Error> {
    let mut found = Vec::new();
    let (status, lag) = (books.status().await?, thresholds.lag);
    let patience = SignedDuration::from_secs((lag.minutes * 60.0) as i64);
    let parked = status.parked as f64;
    if parked > thresholds.parked_rows.most {
        found.push(Condition {
            kind: Kind::ParkedRows,
            subject: "rows".to_owned(),
            patience: SignedDuration::ZERO,
            title: format!("The spreadsheet refused {parked} rows"),
            value: parked,
            expected: thresholds.parked_rows.most,
            threshold: format!("PARKED_ROWS_MOST={}", thresholds.parked_rows.most),
            next_check: "frontdesk ledger status, then frontdesk ledger rows --state parked",
            since: None,
        });
    }
    let pending = status.pending as f64;
    if pending > 0.0 && (pending > lag.rows || !status.blocked.is_empty()) {
        found.push(Condition {
            kind: Kind::Lag,
            subject: "rows".to_owned(),
            patience,
            title: format!("{pending} rows wait for the spreadsheet"),
            value: pending,
            expected: lag.rows,
            threshold: format!("LAG_MINUTES={}", lag.minutes),
            next_check: "frontdesk ledger status says what keeps them",
            since: None,
        });
    }
    found.extend(parked_deliveries(books, thresholds).await?);
    found.extend(waiting_deliveries(books, thresholds, now, patience).await?);
    Ok(found)
}

async fn parked_deliveries(books: &Books, thresholds: &Thresholds) -> Result<Vec<Condition>, Error> {
    let (parked, more) = by_destination(books, DeliveryState::Parked).await?;
    let most = thresholds.parked_deliveries.most;
    let of = parked.into_iter().filter(|(_, of)| of.number as f64 > most);
    let condition = |(destination, of): (String, Stuck)| Condition {
        kind: Kind::ParkedDeliveries,
        title: format!("{} events to {destination} were given up", at_least(of.number, more)),
        subject: destination,
        patience: SignedDuration::ZERO,
        value: of.number as f64,
        expected: most,
        threshold: format!("PARKED_DELIVERIES_MOST={most}"),
        next_check: "frontdesk events list --state parked; once the receiver is well, frontdesk events resend",
        since: None,
    };
    Ok(of.map(condition).collect())
}

/// Deliveries that wait for longer than they should.
async fn waiting_deliveries(
    books: &Books,
    thresholds: &Thresholds,
    now: Timestamp,
    patience: SignedDuration,
) -> Result<Vec<Condition>, Error> {
    let (waiting, more) = by_destination(books, DeliveryState::Waiting).await?;
    let condition = |(destination, of): (String, Stuck)| {
        let began = of.began?;
        (now.duration_since(began) >= patience).then(|| Condition {
            kind: Kind::Lag,
            title: format!("{} events wait for {destination}", at_least(of.number, more)),
            subject: format!("deliveries {destination}"),
            patience,
            value: now.duration_since(began).as_secs() as f64 / 60.0,
            expected: thresholds.lag.minutes,
            threshold: format!("LAG_MINUTES={}", thresholds.lag.minutes),
            next_check: "frontdesk events list --state waiting says why",
            since: Some(began),
        })
    };
    Ok(waiting.into_iter().filter_map(condition).collect())
}

/// Deliveries in a state by destination, and whether there are more.
async fn by_destination(
    books: &Books,
    state: DeliveryState,
) -> Result<(BTreeMap<String, Stuck>, bool), Error> {
    let mut by: BTreeMap<String, Stuck> = BTreeMap::new();
    let look = |delivery: Delivery| {
        let made = delivery.create_time.and_then(proto::time::read);
        let stuck = by.entry(delivery.destination).or_default();
        stuck.number += 1;
        stuck.began = stuck.began.into_iter().chain(made).min();
    };
    let more = books.deliveries(state, look).await?;
    Ok((by, more))
}

fn at_least(number: usize, more: bool) -> String {
    if more { format!("{number} or more") } else { number.to_string() }
}

/// The day of a moment by which costs are counted: UTC's, as those of `BUDGET_DAY` are.
pub(super) fn budget_day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// What a day has cost until `now`, by site.
pub(super) async fn budget(
    books: &Books,
    thresholds: &Thresholds,
    budget: Money,
    day: Date,
    now: Timestamp,
) -> Result<Vec<Anomaly>, Error> {
    let from = midnight(day, &TimeZone::UTC);
    let to = now.min(midnight(later(day, 1), &TimeZone::UTC));
    let mut spent: HashMap<String, u128> = HashMap::new();
    let look = |cells: Cells| {
        if cells.text("type") == "chat.answered" {
            let said = cells.json("payload_json");
            let cost = &said["cost"];
            if cost["currency"].as_str() == Some(budget.currency.as_str())
                && let Some(billionths) = cost["billionths"].as_u64()
            {
                let site = said["site"].as_str().unwrap_or_default().to_owned();
                *spent.entry(site).or_default() += u128::from(billionths);
            }
        }
        Continue(())
    };
    books.walk(Tab::ChatEvents, Span::of(from, to), look).await?;
    let share = thresholds.budget.share;
    let anomaly = |(site, billionths): (String, u128)| {
        let (value, limit) = (billionths as f64 / 1e9, budget.major());
        let of = if site.is_empty() { String::new() } else { format!(" on {site}") };
        (value > 0.0 && value >= limit * share).then(|| Anomaly {
            anomaly_id: anomaly_id(Kind::Budget, &site, day),
            kind: Kind::Budget,
            subject: format!("{day} {site}"),
            title: format!("{day}: the model has cost {value:.2} of {budget}{of}"),
            value,
            expected: limit,
            threshold: format!("BUDGET_SHARE={share}"),
            from,
            to,
            next_check: "look who talks so much; raise BUDGET_DAY, or lower LIMIT_TOKENS_DAY".to_owned(),
        })
    };
    Ok(spent.into_iter().filter_map(anomaly).collect())
}
