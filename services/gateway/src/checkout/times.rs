//! Starts of meetings as people read them.

use jiff::{Timestamp, fmt::temporal::Pieces};

/// `2026-03-29T10:00:00+02:00` in `Europe/Berlin` as `Sunday, 29 March 2026, 10:00 (Europe/Berlin, UTC+02:00)`. The
/// offset is the one that holds then, whatever holds today; a text that is no such time is left as it is.
pub(super) fn said(local: &str, zone: &str) -> String {
    let read = || {
        let offset = Pieces::parse(local).ok()?.to_numeric_offset()?;
        let local = offset.to_datetime(local.parse::<Timestamp>().ok()?);
        let when = local.strftime("%A, %-d %B %Y, %H:%M").to_string();
        let minutes = offset.seconds() / 60;
        let sign = if minutes < 0 { '-' } else { '+' };
        let utc = format!("UTC{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60);
        Some(match zone {
            "" | "UTC" => format!("{when} ({utc})"),
            zone => format!("{when} ({zone}, {utc})"),
        })
    };
    read().unwrap_or_else(|| local.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_told_with_its_zone() {
        for (local, zone, told) in [
            (
                "2026-03-29T10:00:00+02:00",
                "Europe/Berlin",
                "Sunday, 29 March 2026, 10:00 (Europe/Berlin, UTC+02:00)",
            ),
            // an hour before, the clocks were put forward
            (
                "2026-03-29T01:30:00+01:00",
                "Europe/Berlin",
                "Sunday, 29 March 2026, 01:30 (Europe/Berlin, UTC+01:00)",
            ),
            (
                "2026-01-05T09:15:00-03:30",
                "America/St_Johns",
                "Monday, 5 January 2026, 09:15 (America/St_Johns, UTC-03:30)",
            ),
            ("2026-01-05T09:15:00Z", "UTC", "Monday, 5 January 2026, 09:15 (UTC+00:00)"),
        ] {
            assert_eq!(said(local, zone), told);
        }
        assert_eq!(said("soon", "Europe/Berlin"), "soon");
    }
}
