//! Times as tools read and write them: RFC 3339 in the visitor's time zone.
//!
//! The invariant: what is answered carries its offset, so no reader can mistake it; what is given without one is meant in
//! the visitor's time zone.

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};

use crate::failure::Failure;

/// A time of the wire.
pub(crate) fn read(time: Option<prost_types::Timestamp>) -> Option<Timestamp> {
    time.and_then(proto::time::read)
}

/// A time of the wire, as it is answered.
pub(crate) fn told(time: Option<prost_types::Timestamp>, zone: &TimeZone) -> Option<String> {
    read(time).map(|time| shown(time, zone))
}

/// A time with its offset, e.g. `2026-12-01T10:00:00+01:00`.
pub(crate) fn shown(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// A time as a receipt says it, e.g. `Tuesday, 1 December 2026, 10:00 (Europe/Berlin)`.
pub(crate) fn spoken(time: Timestamp, zone: &TimeZone) -> String {
    let name = zone.iana_name().unwrap_or("UTC");
    format!("{} ({name})", time.to_zoned(zone.clone()).strftime("%A, %-d %B %Y, %H:%M"))
}

/// A time zone's name.
pub(crate) fn name(zone: &TimeZone) -> String {
    zone.iana_name().unwrap_or("UTC").to_owned()
}

/// The zone that a call names, or else `fallback`.
pub(crate) fn zone(given: Option<String>, fallback: TimeZone) -> Result<TimeZone, Failure> {
    let Some(name) = given.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()) else {
        return Ok(fallback);
    };
    let zone = TimeZone::get(&name).ok().filter(|zone| zone.iana_name().is_some());
    zone.ok_or_else(|| Failure::Arguments("time_zone must be an IANA time zone, e.g. Europe/Berlin".into()))
}

/// A time that a call gives: RFC 3339, or a date and a time, or a date, in the visitor's zone.
pub(crate) fn given(field: &str, text: &str, zone: &TimeZone) -> Result<Timestamp, Failure> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let civil = match text.parse::<Date>() {
        // a date alone is its beginning; with a time behind it, that time counts
        Ok(date) if text.len() <= 10 => Some(date.to_datetime(jiff::civil::Time::midnight())),
        _ => text.parse::<DateTime>().ok(),
    };
    let time = civil.and_then(|civil| zone.to_timestamp(civil).ok());
    time.ok_or_else(|| {
        Failure::Arguments(format!("{field} must be a time by RFC 3339, e.g. 2026-12-01T10:00:00+01:00"))
    })
}

/// As [`given`], for an argument that may be left out.
pub(crate) fn maybe(
    field: &str,
    text: Option<&str>,
    zone: &TimeZone,
) -> Result<Option<prost_types::Timestamp>, Failure> {
    let text = text.filter(|text| !text.trim().is_empty());
    Ok(text.map(|text| given(field, text, zone)).transpose()?.map(proto::time::wire))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }

    #[test]
    fn what_has_no_offset_is_the_visitors() {
        for (text, expected) in [
            ("2026-12-01T10:00:00+01:00", "2026-12-01T09:00:00Z"),
            ("2026-12-01T09:00:00Z", "2026-12-01T09:00:00Z"),
            ("2026-12-01T10:00:00", "2026-12-01T09:00:00Z"),
            ("2026-12-01T10:00", "2026-12-01T09:00:00Z"),
            ("2026-12-01 10:00", "2026-12-01T09:00:00Z"),
            ("2026-07-01", "2026-06-30T22:00:00Z"),
        ] {
            assert_eq!(given("t", text, &berlin()).unwrap().to_string(), expected, "{text}");
        }
        for wrong in ["", "tomorrow", "10:00", "2026-13-01T10:00:00Z", "01.12.2026"] {
            assert!(given("t", wrong, &berlin()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_answered_has_its_offset() {
        let time: Timestamp = "2026-12-01T09:00:00Z".parse().unwrap();
        assert_eq!(shown(time, &berlin()), "2026-12-01T10:00:00+01:00");
        assert_eq!(shown(time, &TimeZone::UTC), "2026-12-01T09:00:00+00:00");
        assert_eq!(spoken(time, &berlin()), "Tuesday, 1 December 2026, 10:00 (Europe/Berlin)");
    }

    #[test]
    fn a_zone_that_nobody_knows_is_refused() {
        assert_eq!(zone(Some("Asia/Tokyo".into()), berlin()).unwrap().iana_name(), Some("Asia/Tokyo"));
        assert_eq!(zone(Some(" ".into()), berlin()).unwrap(), berlin());
        assert!(zone(Some("Mars/Base".into()), berlin()).is_err());
    }
}
