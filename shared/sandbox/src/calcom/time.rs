//! Times as Cal.com writes and reads them.
//!
//! The invariant: what is kept has whole milliseconds, as JavaScript's dates do, so that an answered time finds its
//! booking again.

use jiff::{Timestamp, Unit, civil, tz::TimeZone};

/// `2050-09-05T09:00:00.000Z`: `toISOString()`.
pub(super) fn millis(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// `2050-09-05T09:00:00Z`: dayjs in UTC mode.
pub(super) fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `2050-09-05T09:00:00+00:00`: dayjs in local mode, on a server in UTC.
pub(super) fn local(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

/// `2050-09-05T11:00:00.000+02:00`: luxon's `toISO()`, which writes `Z` for the zone `UTC` alone.
pub(super) fn zoned(at: Timestamp, zone: &TimeZone) -> String {
    if zone.iana_name() == Some("UTC") {
        return millis(at);
    }
    at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
}

/// Now, in whole milliseconds.
pub(super) fn whole(at: Timestamp) -> Timestamp {
    let rounding = jiff::TimestampRound::new().smallest(Unit::Millisecond).mode(jiff::RoundMode::Trunc);
    at.round(rounding).unwrap_or(at)
}

/// A time that says that it is in UTC. Cal.com reads one without an offset as UTC and turns others into it; here they
/// are refused, because its documentation asks for UTC.
pub(super) fn parse_utc(text: &str) -> Option<Timestamp> {
    let is_utc = text.ends_with('Z') || text.ends_with("+00:00");
    text.parse().ok().filter(|_| is_utc).map(whole)
}

/// Midnight of a date, if it is one.
pub(super) fn parse_day(text: &str) -> Option<Timestamp> {
    let day = (text.len() == 10).then(|| text.parse::<civil::Date>().ok()).flatten()?;
    Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
}
