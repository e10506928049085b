//! Weeks: from Monday 00:00 to Monday 00:00 in a time zone.
//!
//! The invariant: weeks follow one another without a gap, whatever the clocks do; one in which they are changed is an hour
//! shorter or longer.

use jiff::{
    Span, Timestamp, Zoned,
    civil::{Date, Weekday},
    tz::TimeZone,
};

use crate::config::ReportAt;

/// A week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Week {
    /// Its Monday.
    pub(crate) monday: Date,
    pub(crate) zone: TimeZone,
}

// === impl Week ===

impl Week {
    /// The week of a moment.
    pub(crate) fn of(at: Timestamp, zone: &TimeZone) -> Self {
        let date = at.to_zoned(zone.clone()).date();
        let since = i32::from(date.weekday().to_monday_zero_offset());
        Self { monday: later(date, -since), zone: zone.clone() }
    }

    /// The last week that has ended.
    pub(crate) fn ended(now: Timestamp, zone: &TimeZone) -> Self {
        Self::of(now, zone).before()
    }

    /// The last week that is due to be reported: it has ended, and the time after its end has come.
    pub(crate) fn due(now: Timestamp, at: ReportAt, zone: &TimeZone) -> Self {
        let last = Self::ended(now, zone);
        if now < last.reported(at) { last.before() } else { last }
    }

    pub(crate) fn before(&self) -> Self {
        Self { monday: later(self.monday, -7), zone: self.zone.clone() }
    }

    pub(crate) fn after(&self) -> Self {
        Self { monday: later(self.monday, 7), zone: self.zone.clone() }
    }

    pub(crate) fn from(&self) -> Timestamp {
        midnight(self.monday, &self.zone)
    }

    pub(crate) fn to(&self) -> Timestamp {
        self.after().from()
    }

    /// Its Sunday.
    pub(crate) fn sunday(&self) -> Date {
        later(self.monday, 6)
    }

    /// What it is called in ids: the zone is part of it, because another has other weeks.
    pub(crate) fn name(&self) -> String {
        format!("{}_{}", self.monday, domain::id::digest(&[&zone_name(&self.zone)]))
    }

    /// When it is reported: at this time of the week after it.
    fn reported(&self, ReportAt { day, time }: ReportAt) -> Timestamp {
        let days = day.since(Weekday::Monday);
        let date = later(self.monday, 7 + i32::from(days));
        date.to_datetime(time).to_zoned(self.zone.clone()).map_or(self.to(), |zoned: Zoned| zoned.timestamp())
    }
}

/// The first moment of a day; where midnight is left out, what comes instead.
pub(crate) fn midnight(date: Date, zone: &TimeZone) -> Timestamp {
    date.to_zoned(zone.clone()).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

/// So many days later.
pub(crate) fn later(date: Date, days: i32) -> Date {
    date.saturating_add(Span::new().days(days))
}

/// IANA name of a zone.
pub(crate) fn zone_name(zone: &TimeZone) -> String {
    zone.iana_name().unwrap_or("UTC").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn weeks_in_which_clocks_change_are_an_hour_shorter_or_longer() {
        let berlin = zone("Europe/Berlin");
        let hours = |moment: &str| {
            let week = Week::of(at(moment), &berlin);
            week.to().duration_since(week.from()).as_hours()
        };
        assert_eq!(hours("2026-03-25T12:00:00Z"), 167, "clocks go forward on the 29th");
        assert_eq!(hours("2026-10-21T12:00:00Z"), 169, "and back on the 25th");
        assert_eq!(hours("2026-06-10T12:00:00Z"), 168);
        let week = Week::of(at("2026-10-25T22:59:59Z"), &berlin);
        assert_eq!((week.from(), week.to()), (at("2026-10-18T22:00:00Z"), at("2026-10-25T23:00:00Z")));
        assert_eq!(Week::of(week.to(), &berlin), week.after());
    }

    #[test]
    fn weeks_have_no_gap_anywhere() {
        for name in
            ["UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Beirut", "Pacific/Apia", "Asia/Kathmandu"]
        {
            let mut week = Week::of(at("2011-01-01T00:00:00Z"), &zone(name));
            for _ in 0..900 {
                let next = week.after();
                assert_eq!(week.to(), next.from());
                assert_eq!(Week::of(next.from(), &zone(name)), next, "{name}");
                assert_eq!(
                    Week::of(next.from() - jiff::SignedDuration::from_nanos(1), &zone(name)),
                    week,
                    "{name}"
                );
                week = next;
            }
        }
    }

    #[test]
    fn a_week_is_due_from_its_time_on() {
        let berlin = zone("Europe/Berlin");
        let due = |now: &str, when: &str| {
            Week::due(at(now), ReportAt::parse(when).unwrap(), &berlin).monday.to_string()
        };
        assert_eq!(due("2026-10-26T06:59:59Z", "mon 08:00"), "2026-10-12");
        assert_eq!(due("2026-10-26T07:00:00Z", "mon 08:00"), "2026-10-19", "eight o'clock after the change");
        assert_eq!(due("2026-10-29T07:00:00Z", "fri 17:30"), "2026-10-12");
        assert_eq!(due("2026-10-30T16:30:00Z", "fri 17:30"), "2026-10-19");
    }
}
