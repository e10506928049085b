//! Days in a few numbers, of which the baseline is made.
//!
//! A day is counted when it is over. Its visits stand then; the rest is counted again on each of the seven days after it,
//! because payments and leads are settled late. The invariant: what is kept is what a walk through the rows of that day said.

use std::{collections::HashSet, ops::ControlFlow::Continue};

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use proto::sheets::v1::Tab;
use serde::{Deserialize, Serialize};
use store::{Collection, Key, Precondition, Store};
use tonic::Status;

use crate::{
    books::{Books, Cells, Span},
    error::Error,
    reports::{
        tally::{ended_at, is_booked, runs_at, visit},
        week::{later, midnight, zone_name},
    },
};

/// Days that were counted.
pub(super) const DAYS: Collection<Day> = Collection::new("days");
/// Days after which the numbers of a day stand.
const SETTLED: i32 = 7;
/// How long they are kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 120);

/// A day in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Day {
    pub(super) date: Date,
    pub(super) counted_at: Timestamp,
    /// Different sessions of visits with an event.
    pub(super) sessions: i64,
    /// Leads opened.
    pub(super) leads: i64,
    /// Meetings booked.
    pub(super) bookings: i64,
    /// Payments begun that came.
    pub(super) paid: i64,
    /// Payments begun that failed.
    pub(super) failed: i64,
    /// Subscriptions that ended.
    pub(super) ended: i64,
    /// Subscriptions that ran when it began.
    pub(super) running: i64,
}

/// A day that is being counted.
struct Count {
    day: Day,
    from: Timestamp,
    to: Timestamp,
    sessions: HashSet<String>,
}

// === impl Day ===

impl Day {
    /// Its numbers stand.
    pub(super) fn is_settled(&self, zone: &TimeZone) -> bool {
        self.counted_at >= midnight(later(self.date, 1 + SETTLED), zone)
    }
}

/// Counts the days from `first` to `last`; the visits of those that are `known` are known.
pub(super) async fn count(
    books: &Books,
    zone: &TimeZone,
    (first, last): (Date, Date),
    known: &[Option<Day>],
    now: Timestamp,
) -> Result<Vec<Day>, Status> {
    let mut counts = Vec::new();
    let mut date = first;
    while date <= last {
        counts.push(Count::new(date, zone, now));
        date = later(date, 1);
    }
    let (Some(begin), Some(end)) = (counts.first(), counts.last()) else { return Ok(Vec::new()) };
    let span = Span::of(begin.from, end.to);
    let visits = |date: Date| known.iter().flatten().find(|day| day.date == date).map(|day| day.sessions);
    let unknown = counts.iter().find(|count| visits(count.day.date).is_none()).map(|count| count.from);
    let of_chats = unknown.map(|from| (Tab::ChatEvents, Span::of(from, end.to)));
    let others = [Tab::Leads, Tab::Bookings, Tab::Payments].map(|tab| (tab, span));
    for (tab, span) in of_chats.into_iter().chain(others) {
        let look = |cells: Cells| {
            if let Some(count) = counts.iter_mut().find(|count| (count.from..count.to).contains(&cells.at)) {
                count.row(tab, &cells);
            }
            Continue(())
        };
        books.walk(tab, span, look).await?;
    }
    let look = |cells: Cells| {
        counts.iter_mut().for_each(|count| count.subscription(&cells));
        Continue(())
    };
    books.walk(Tab::Subscriptions, Span::default(), look).await?;
    let told = |count: Count| {
        let sessions = visits(count.day.date).unwrap_or(count.sessions.len() as i64);
        Day { sessions, ..count.day }
    };
    Ok(counts.into_iter().map(told).collect())
}

/// What is kept of these days; in their order.
pub(super) async fn kept(
    store: &dyn Store,
    zone: &TimeZone,
    dates: &[Date],
) -> Result<Vec<Option<Day>>, Error> {
    let keys: Vec<Key> = dates.iter().map(|date| DAYS.key(name(*date, zone))).collect();
    let found = store.get_many(&keys).await?;
    let read = |found: Option<store::Document>| {
        found.map(|document| DAYS.read(document).map(|day| day.value)).transpose()
    };
    Ok(found.into_iter().map(read).collect::<Result<_, store::Error>>()?)
}

/// Keeps days. Whoever counts them at the same time counts the same.
pub(super) async fn keep(store: &dyn Store, zone: &TimeZone, days: &[Day]) -> Result<(), Error> {
    let write = |day: &Day| {
        let until = midnight(day.date, zone).saturating_add(KEPT).unwrap_or(Timestamp::MAX);
        DAYS.put_until(name(day.date, zone), day, Precondition::Any, Some(until))
    };
    match store.commit(days.iter().map(write).collect()).await? {
        store::Commit::Done(_) => Ok(()),
        store::Commit::Conflict | store::Commit::Unknown => Err(store::Error::Unknown.into()),
    }
}

fn name(date: Date, zone: &TimeZone) -> String {
    domain::id::digest(&["day", &zone_name(zone), &date.to_string()])
}

// === impl Count ===

impl Count {
    fn new(date: Date, zone: &TimeZone, now: Timestamp) -> Self {
        let day = Day {
            date,
            counted_at: now,
            sessions: 0,
            leads: 0,
            bookings: 0,
            paid: 0,
            failed: 0,
            ended: 0,
            running: 0,
        };
        Self { day, from: midnight(date, zone), to: midnight(later(date, 1), zone), sessions: HashSet::new() }
    }

    fn row(&mut self, tab: Tab, cells: &Cells) {
        let status = cells.text("status");
        match tab {
            Tab::ChatEvents => self.sessions.extend(visit(cells).map(str::to_owned)),
            Tab::Leads => self.day.leads += 1,
            Tab::Bookings if is_booked(cells) => self.day.bookings += 1,
            Tab::Payments if status == "failed" => self.day.failed += 1,
            Tab::Payments if domain::payment::came(status) => self.day.paid += 1,
            _ => {}
        }
    }

    fn subscription(&mut self, cells: &Cells) {
        if ended_at(cells).is_some_and(|at| (self.from..self.to).contains(&at)) {
            self.day.ended += 1;
        }
        if runs_at(cells, self.from) {
            self.day.running += 1;
        }
    }
}
