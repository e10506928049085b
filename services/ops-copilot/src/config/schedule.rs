//! When a week is reported, and in which zone its days begin.

use domain::Money;
use jiff::{
    civil::{Time, Weekday},
    tz::TimeZone,
};

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// A time of the week: `mon 08:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportAt {
    pub(crate) day: Weekday,
    pub(crate) time: Time,
}

/// What a day may cost, if it is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget(pub(crate) Option<Money>);

// === impl ReportAt ===

impl ReportAt {
    /// Reads a day of the week and a time.
    ///
    /// # Errors
    /// The text is something else.
    pub fn parse(text: &str) -> Result<Self, String> {
        const WHY: &str = "must be a day of the week and a time, such as mon 08:00";
        let (name, time) = text.trim().split_once(' ').ok_or(WHY)?;
        let name = name.to_ascii_lowercase();
        let (_, day) = DAYS.into_iter().find(|(known, _)| *known == name).ok_or(WHY)?;
        let time = Time::strptime("%H:%M", time.trim()).map_err(|_| WHY)?;
        Ok(Self { day, time })
    }
}

pub(super) fn time_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| "must be an IANA time zone such as Europe/Berlin".to_owned())
}

// === impl Budget ===

impl Budget {
    /// Reads an amount, or `off`.
    ///
    /// # Errors
    /// The text is something else.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self(None)),
            text => {
                let why = |why: domain::money::Malformed| format!("{why}, or off");
                text.parse().map(|money| Self(Some(money))).map_err(why)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::time;

    use super::*;

    #[test]
    fn a_time_of_the_week_is_read() {
        let read = ReportAt::parse("Fri 17:30").unwrap();
        assert_eq!((read.day, read.time), (Weekday::Friday, time(17, 30, 0, 0)));
        for bad in ["", "mon", "monday 08:00", "mon 8", "mon 24:00", "08:00 mon"] {
            assert!(ReportAt::parse(bad).is_err(), "{bad}");
        }
    }
}
