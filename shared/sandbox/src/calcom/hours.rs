//! When the owner can be met: working hours, less what is booked and reserved.
//!
//! The invariant: a free slot lies on the event type's own grid, within 09:00 to 17:00 in Berlin from Monday to Friday
//! whatever the clocks do there, and not sooner than the notice that Cal.com asks for by default.

use jiff::{SignedDuration, Timestamp, ToSpan as _, civil, tz::TimeZone};

use super::model::{Book, EventType, OWNER};

/// The notice that Cal.com's event types ask for by default, in minutes.
pub(super) const NOTICE_MINUTES: i64 = 120;
const OPENS: i8 = 9;
const CLOSES: i8 = 17;
/// Days that one question may span; Cal.com names no limit, so this one is ours.
pub(super) const MOST_DAYS: i64 = 366;

/// What counts as taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken<'a> {
    /// A booking that is about to move, whose own time is free for it.
    pub(super) except: Option<&'a str>,
    /// Whether reservations are minded. Slots mind them; booking does not, because "a reservation has lower priority
    /// then the actual booking" (`packages/features/bookings/Booker/README.md` of calcom/cal.com).
    pub(super) reservations: bool,
}

/// The zone in which the owner works.
pub(super) fn zone() -> TimeZone {
    TimeZone::get(OWNER.time_zone).expect("the zones are bundled")
}

/// The starts that are free within a time, in order.
pub(super) fn free(
    book: &Book,
    event_type: &EventType,
    from: Timestamp,
    until: Timestamp,
    now: Timestamp,
    taken: Taken<'_>,
) -> Vec<Timestamp> {
    let zone = zone();
    let (first, last) = (from.to_zoned(zone.clone()).date(), until.to_zoned(zone.clone()).date());
    first
        .series(1.day())
        .take_while(|day| *day <= last)
        .flat_map(|day| grid(day, event_type, &zone))
        .filter(|start| *start >= from && *start < until)
        .filter(|start| is_open(book, event_type, *start, now, taken))
        .collect()
}

/// Whether a booking of this event type may begin then.
pub(super) fn is_free(
    book: &Book,
    event_type: &EventType,
    start: Timestamp,
    now: Timestamp,
    taken: Taken<'_>,
) -> bool {
    let zone = zone();
    grid(start.to_zoned(zone.clone()).date(), event_type, &zone).contains(&start)
        && is_open(book, event_type, start, now, taken)
}

/// Whether it is too late to book this start.
pub(super) fn is_too_soon(start: Timestamp, now: Timestamp) -> bool {
    start < now + SignedDuration::from_mins(NOTICE_MINUTES)
}

fn is_open(book: &Book, event_type: &EventType, start: Timestamp, now: Timestamp, taken: Taken<'_>) -> bool {
    let end = start + event_type.length();
    let is_taken =
        book.is_busy(start, end, taken.except) || (taken.reservations && book.is_reserved(start, end, now));
    !is_taken && !is_too_soon(start, now)
}

/// The starts of a day, whoever has taken them.
fn grid(day: civil::Date, event_type: &EventType, zone: &TimeZone) -> Vec<Timestamp> {
    if matches!(day.weekday(), civil::Weekday::Saturday | civil::Weekday::Sunday) {
        return Vec::new();
    }
    let at = |hour| day.at(hour, 0, 0, 0).to_zoned(zone.clone()).map(|zoned| zoned.timestamp()).ok();
    let (Some(opens), Some(closes)) = (at(OPENS), at(CLOSES)) else { return Vec::new() };
    let mut starts = Vec::new();
    let mut start = opens;
    while start + event_type.length() <= closes {
        starts.push(start);
        start += event_type.length();
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calcom::model::INTRO_CALL;

    fn starts(from: &str, until: &str) -> Vec<String> {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let taken = Taken { except: None, reservations: true };
        let event_type = EventType::of(INTRO_CALL).unwrap();
        let found =
            free(&Book::default(), event_type, at(from), at(until), at("2027-01-01T00:00:00Z"), taken);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_hours_follow_berlin_across_both_changes_of_its_clocks() {
        // The clocks go forward on 28 March 2027 and back on 31 October.
        assert_eq!(starts("2027-03-26T00:00:00Z", "2027-03-27T00:00:00Z")[0], "2027-03-26T08:00:00Z");
        assert_eq!(starts("2027-03-29T00:00:00Z", "2027-03-30T00:00:00Z")[0], "2027-03-29T07:00:00Z");
        assert_eq!(starts("2027-10-29T00:00:00Z", "2027-10-30T00:00:00Z")[0], "2027-10-29T07:00:00Z");
        assert_eq!(starts("2027-11-01T00:00:00Z", "2027-11-02T00:00:00Z")[0], "2027-11-01T08:00:00Z");
    }

    #[test]
    fn a_day_is_full_of_slots_and_a_weekend_has_none() {
        let day = starts("2027-03-29T00:00:00Z", "2027-03-30T00:00:00Z");
        assert_eq!(day.len(), 16);
        assert_eq!(day[15], "2027-03-29T14:30:00Z");
        assert!(starts("2027-03-27T00:00:00Z", "2027-03-29T00:00:00Z").is_empty());
    }
}
