//! What is unusual in a day, or in the seven days that end with it, beside the weeks before.
//!
//! The invariant: a measure is compared with the same measure of whole weeks after the books began to have it, and with nothing
//! else.

use jiff::{civil::Date, tz::TimeZone};

use super::{Anomaly, Kind, baseline::Expected, days::Day, thresholds::Thresholds};
use crate::reports::week::{later, midnight};

/// Weeks that are compared with.
pub(super) const WEEKS: i32 = 8;
/// Days of a week.
const WEEK: i32 = 7;
/// How rarely chance may do what is told of a day.
const RARE_DAY: f64 = 1e-5;
/// The same of a week.
const RARE_WEEK: f64 = 5e-4;
/// Failures and ends that a week may have, at least, whatever the weeks before.
const SOME: f64 = 0.3;

/// The first day of which the books have something.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Began {
    pub(super) chats: Option<Date>,
    pub(super) payments: Option<Date>,
    pub(super) subscriptions: Option<Date>,
}

/// The days up to one, and what there is to say of it.
pub(super) struct Trends<'t> {
    /// All days of nine weeks, the last one last.
    days: &'t [Day],
    began: Began,
    thresholds: &'t Thresholds,
    zone: &'t TimeZone,
}

/// What was found in the days.
struct Finding {
    kind: Kind,
    subject: &'static str,
    title: String,
    value: f64,
    expected: f64,
    threshold: String,
    next_check: &'static str,
}

/// The first day that is looked at for `last`.
pub(super) fn first_day(last: Date) -> Date {
    later(last, 1 - WEEK * (WEEKS + 1))
}

// === impl Trends ===

impl<'t> Trends<'t> {
    pub(super) fn new(days: &'t [Day], began: Began, thresholds: &'t Thresholds, zone: &'t TimeZone) -> Self {
        Self { days, began, thresholds, zone }
    }

    /// All that is unusual.
    pub(super) fn find(&self) -> Vec<Anomaly> {
        let (Some(first), Some(last)) = (self.week().first(), self.days.last()) else { return Vec::new() };
        let leads = || self.conversion("leads", "visits", |day| day.leads, |day| day.sessions);
        let bookings = || self.conversion("bookings", "leads", |day| day.bookings, |day| day.leads);
        let of_week = [leads(), bookings(), self.failures(), self.churn()].into_iter().flatten();
        let of_day = self.volume().map(|found| self.anomaly(found, last.date, last.date));
        of_day.into_iter().chain(of_week.map(|found| self.anomaly(found, first.date, last.date))).collect()
    }

    /// Visits of the day, beside the same day of the weeks before.
    fn volume(&self) -> Option<Finding> {
        let today = self.days.last()?;
        let is_same = |day: &&Day| day.date.weekday() == today.date.weekday() && day.date != today.date;
        let began = self.began.chats?;
        let before = self.days.iter().filter(is_same).filter(|day| day.date > began);
        let expected = Expected::of(&before.map(|day| day.sessions as f64).collect::<Vec<_>>())?;
        let (value, middle, volume) = (today.sessions as f64, expected.middle, self.thresholds.volume);
        let is_drop = value <= middle * (1.0 - volume.drop)
            && middle - value >= volume.least
            && expected.as_few(value) < RARE_DAY;
        let is_rise = middle >= 1.0
            && value >= middle * volume.rise
            && value - middle >= volume.least
            && expected.as_many(value) < RARE_DAY;
        let (how, threshold) = match (is_drop, is_rise) {
            (true, _) => ("far fewer", format!("VOLUME_DROP={}", volume.drop)),
            (_, true) => ("far more", format!("VOLUME_RISE={}", volume.rise)),
            _ => return None,
        };
        Some(Finding {
            kind: Kind::Volume,
            subject: "visits",
            title: format!("There were {how} visits than usual: {value}, of about {middle:.0}"),
            value,
            expected: middle,
            threshold,
            next_check: "open the site and talk to the chat; look what changed on the page, in campaigns or in the settings",
        })
    }

    /// What became of visits or leads.
    fn conversion(
        &self,
        part: &'static str,
        whole: &'static str,
        parts: fn(&Day) -> i64,
        wholes: fn(&Day) -> i64,
    ) -> Option<Finding> {
        let rates: Vec<_> =
            self.weeks(self.began.chats?).map(|week| (sum(week, parts), sum(week, wholes))).collect();
        let (value, of) = (sum(self.week(), parts), sum(self.week(), wholes));
        let (expected, threshold) = (Expected::rate(&rates, of)?, self.thresholds.conversion);
        let middle = expected.middle;
        let is_unusual = value <= middle * (1.0 - threshold.drop)
            && middle - value >= threshold.least
            && expected.as_few(value) < RARE_WEEK;
        is_unusual.then(|| Finding {
            kind: Kind::Conversion,
            subject: part,
            title: format!("Fewer {whole} than usual became {part}: {value}, of about {middle:.0} from {of} {whole}"),
            value,
            expected: middle,
            threshold: format!("CONVERSION_DROP={}", threshold.drop),
            next_check: "read some of the conversations of these days; look at what the agent is told and at its tools",
        })
    }

    /// Payments that failed, of those that were begun and are settled.
    fn failures(&self) -> Option<Finding> {
        let failed = |week: &[Day]| sum(week, |day| day.failed);
        let settled = |week: &[Day]| sum(week, |day| day.paid + day.failed);
        let rates: Vec<_> =
            self.weeks(self.began.payments?).map(|week| (failed(week), settled(week))).collect();
        let (value, of) = (failed(self.week()), settled(self.week()));
        let expected = Expected::rate(&rates, of)?.at_least(SOME);
        let threshold = self.thresholds.failed_payments;
        let is_unusual =
            value >= threshold.least && value >= threshold.share * of && expected.as_many(value) < RARE_WEEK;
        is_unusual.then(|| Finding {
            kind: Kind::FailedPayments,
            subject: "payments",
            title: format!("{value} of {of} payments failed, of about {:.1} to be expected", expected.middle),
            value,
            expected: expected.middle,
            threshold: format!("FAILED_PAYMENTS_SHARE={}", threshold.share),
            next_check: "look at the failed payments at the provider: one bank, one plan, or one page to pay?",
        })
    }

    /// Subscriptions that ended, of those that ran.
    fn churn(&self) -> Option<Finding> {
        let ended = |week: &[Day]| sum(week, |day| day.ended);
        let before: Vec<_> = self.weeks(self.began.subscriptions?).map(ended).collect();
        let expected = Expected::of(&before)?.at_least(SOME);
        let (value, running) = (ended(self.week()), self.week().first()?.running as f64);
        let threshold = self.thresholds.churn;
        let is_unusual = value >= threshold.least
            && value >= threshold.share * running
            && expected.as_many(value) < RARE_WEEK;
        is_unusual.then(|| Finding {
            kind: Kind::Churn,
            subject: "subscriptions",
            title: format!(
                "{value} of {running} subscriptions ended, of about {:.1} to be expected",
                expected.middle
            ),
            value,
            expected: expected.middle,
            threshold: format!("CHURN_SHARE={}", threshold.share),
            next_check: "ask who left why; look whether renewals failed at the provider",
        })
    }

    /// The last seven days.
    fn week(&self) -> &'t [Day] {
        &self.days[self.days.len().saturating_sub(WEEK as usize)..]
    }

    /// The weeks before them that lie wholly after the day on which the books began.
    fn weeks(&self, began: Date) -> impl Iterator<Item = &'t [Day]> {
        let before = &self.days[..self.days.len().saturating_sub(WEEK as usize)];
        before.rchunks_exact(WEEK as usize).filter(move |week| week[0].date > began)
    }

    fn anomaly(&self, found: Finding, first: Date, last: Date) -> Anomaly {
        let Finding { kind, subject, title, value, expected, threshold, next_check } = found;
        let of = if first == last { format!("{last}") } else { format!("{first} to {last}") };
        Anomaly {
            anomaly_id: super::anomaly_id(kind, subject, last),
            kind,
            subject: subject.to_owned(),
            title: format!("{of}: {title}"),
            value,
            expected,
            threshold,
            from: midnight(first, self.zone),
            to: midnight(later(last, 1), self.zone),
            next_check: next_check.to_owned(),
        }
    }
}

fn sum(days: &[Day], of: fn(&Day) -> i64) -> f64 {
    days.iter().map(of).sum::<i64>() as f64
}
