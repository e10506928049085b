//! What a request must keep to, before anything is stored or asked.
//!
//! The invariant: what passes is what Cal.com takes, so that its refusals are about slots and not about spelling.

use domain::{Fault, reach};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::slots::LONGEST;
use crate::calcom::Guest;

/// How long a question about slots is if nobody says.
const DEFAULT_DAYS: i64 = 7;
/// Ranges begin at whole minutes, so that equal questions are equal.
const STEP: i64 = 60;
/// Longest name, in characters.
const NAME: usize = 200;
/// Longest e-mail, in bytes (RFC 5321).
const EMAIL: usize = 254;
/// Longest phone.
const PHONE: usize = 32;
/// Longest note or reason, in characters.
const NOTE: usize = 2_000;
/// The languages of Cal.com's messages (`BookingAttendee` in its API's description).
const LANGUAGES: &[&str] = &[
    "ar", "az", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "es-419", "et", "eu", "fi", "fr", "he",
    "hr", "hu", "id", "it", "iw", "ja", "km", "ko", "lv", "nl", "no", "pl", "pt", "pt-BR", "ro", "ru", "sk",
    "sr", "sv", "ta", "th", "tr", "uk", "vi", "zh-CN", "zh-TW",
];

/// Who is to come, as a request has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// Full name.
    pub(crate) name: String,
    /// E-mail.
    pub(crate) email: String,
    /// Phone.
    pub(crate) phone: String,
    /// IANA time zone.
    pub(crate) time_zone: String,
    /// Language.
    pub(crate) language: String,
}

/// An IANA time zone; UTC if it is empty.
///
/// # Errors
/// There is no such zone.
pub(crate) fn zone(text: &str, field: &str) -> Result<String, Fault> {
    if text.is_empty() {
        return Ok("UTC".to_owned());
    }
    let zone = TimeZone::get(text).ok().and_then(|zone| zone.iana_name().map(str::to_owned));
    zone.ok_or_else(|| {
        Fault::invalid(field, format!("{field} must be an IANA time zone, e.g. Europe/Berlin"))
    })
}

/// The range of a question about slots.
///
/// # Errors
/// It ends before it begins, in the past, or takes more than 60 days.
pub(crate) fn window(
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), Fault> {
    let from = floor(from.unwrap_or(now).max(now));
    let days = |days| SignedDuration::from_hours(24 * days);
    let to = match to {
        Some(to) => to,
        None => from.saturating_add(days(DEFAULT_DAYS)).unwrap_or(Timestamp::MAX),
    };
    if to <= from {
        return Err(Fault::invalid("to_time", "to_time must be after from_time and not in the past"));
    }
    if to.duration_since(from) > days(LONGEST) + SignedDuration::from_secs(STEP) {
        return Err(Fault::invalid(
            "to_time",
            format!("to_time must be at most {LONGEST} days after from_time"),
        ));
    }
    Ok((from, to))
}

fn floor(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().div_euclid(STEP) * STEP).unwrap_or(at)
}

/// A start that is yet to come.
///
/// # Errors
/// There is none, or it has passed.
pub(crate) fn start(start: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, Fault> {
    let start = start.ok_or_else(|| Fault::invalid("start_time", "start_time is required"))?;
    if start <= now {
        return Err(Fault::invalid("start_time", "start_time must not be in the past"));
    }
    Ok(start)
}

/// A note or reason.
///
/// # Errors
/// It is too long.
pub(crate) fn note(text: String, field: &str) -> Result<String, Fault> {
    let text = text.trim().to_owned();
    if text.chars().count() > NOTE {
        return Err(Fault::invalid(field, format!("{field} must have at most {NOTE} characters")));
    }
    Ok(text)
}

/// Who is to come.
///
/// # Errors
/// Name or time zone are missing, or something cannot be what it should be. The e-mail may be missing where there is a
/// phone.
pub(crate) fn guest(asked: Asked) -> Result<Guest, Fault> {
    let invalid = |name: &str, why: &str| {
        let field = format!("attendee.{name}");
        Fault::invalid(&field, format!("{field} {why}"))
    };
    let Asked { name, email, phone, time_zone, language } = asked;
    let (name, email, phone) = (name.trim(), email.trim(), phone.trim());
    let is_line = |text: &str| !text.chars().any(char::is_control);
    if name.is_empty() || name.chars().count() > NAME || !is_line(name) {
        return Err(invalid("name", "must have 1 to 200 characters"));
    }
    if !email.is_empty() && !is_email(email) {
        return Err(invalid("email", "must be an e-mail address"));
    }
    if !phone.is_empty() && !is_phone(phone) {
        return Err(invalid("phone", "must be a phone number in international form, e.g. +4930123456"));
    }
    if email.is_empty() && phone.is_empty() {
        return Err(invalid("email", "is required where there is no phone"));
    }
    if time_zone.is_empty() {
        return Err(invalid("time_zone", "is required"));
    }
    let time_zone = zone(&time_zone, "attendee.time_zone")?;
    // Cal.com refuses a language that it does not speak; a visitor's is better left out than refused.
    let language = if LANGUAGES.contains(&language.as_str()) { language } else { String::new() };
    let [name, email] = [name, email].map(str::to_owned);
    Ok(Guest { name, email, phone: reach::phone(phone), time_zone, language })
}

/// Whether a text has the shape of an address that Cal.com could write to.
pub(super) fn is_email(text: &str) -> bool {
    let plain = |text: &str| {
        text.chars().all(|c| !c.is_whitespace() && !c.is_control() && !"<>()[],;:\\\"@".contains(c))
    };
    let Some((name, host)) = text.split_once('@') else { return false };
    let labels = || host.split('.');
    text.len() <= EMAIL
        && !name.is_empty()
        && plain(name)
        && plain(host)
        && labels().count() >= 2
        && labels().all(|label| !label.is_empty())
}

fn is_phone(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    text.starts_with('+')
        && text.len() <= PHONE
        && (7..=15).contains(&digits)
        && text.chars().skip(1).all(|c| c.is_ascii_digit() || " -().".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Asked {
        Asked {
            name: " Ann Lee ".into(),
            email: "ann@example.com".into(),
            phone: "+49 (30) 123-456".into(),
            time_zone: "europe/berlin".into(),
            language: "de".into(),
        }
    }

    #[test]
    fn what_is_right_is_put_right() {
        let guest = guest(asked()).unwrap();
        assert_eq!((guest.name.as_str(), guest.phone.as_str()), ("Ann Lee", "+4930123456"));
        assert_eq!((guest.time_zone.as_str(), guest.language.as_str()), ("Europe/Berlin", "de"));
        let odd = super::guest(Asked { language: "tlh".into(), email: String::new(), ..asked() }).unwrap();
        assert_eq!((odd.language.as_str(), odd.email.as_str()), ("", ""));
    }

    #[test]
    fn what_is_wrong_is_named() {
        /// A field, and what makes it wrong.
        type Wrong = (&'static str, fn(&mut Asked));
        let wrong: &[Wrong] = &[
            ("attendee.name", |asked| asked.name = "  ".into()),
            ("attendee.name", |asked| asked.name = "x".repeat(201)),
            ("attendee.name", |asked| asked.name = "Ann\nBcc: all".into()),
            ("attendee.email", |asked| asked.email = "ann".into()),
            ("attendee.email", |asked| asked.email = "ann@host".into()),
            ("attendee.email", |asked| asked.email = "ann@b@example.com".into()),
            ("attendee.email", |asked| asked.email = "Ann <ann@example.com>".into()),
            ("attendee.email", |asked| asked.email = format!("{}@example.com", "x".repeat(250))),
            ("attendee.email", |asked| (asked.email, asked.phone) = Default::default()),
            ("attendee.phone", |asked| asked.phone = "030 12345".into()),
            ("attendee.phone", |asked| asked.phone = "+1".into()),
            ("attendee.time_zone", |asked| asked.time_zone = String::new()),
            ("attendee.time_zone", |asked| asked.time_zone = "Mars/Base".into()),
        ];
        for (field, spoil) in wrong {
            let mut asked = asked();
            spoil(&mut asked);
            assert_eq!(guest(asked).unwrap_err().field.as_deref(), Some(*field));
        }
    }

    #[test]
    fn a_window_lies_ahead_and_is_not_too_wide() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-10-01T10:00:31Z");
        assert_eq!(window(None, None, now), Ok((at("2026-10-01T10:00:00Z"), at("2026-10-08T10:00:00Z"))));
        let (from, _) = window(Some(at("2020-01-01T00:00:00Z")), None, now).unwrap();
        assert_eq!(from, at("2026-10-01T10:00:00Z"), "what has passed is left out");
        assert!(window(Some(now), Some(at("2026-11-30T10:00:31Z")), now).is_ok());
        for to in ["2026-10-01T09:00:00Z", "2026-12-05T00:00:00Z"] {
            assert_eq!(window(Some(now), Some(at(to)), now).unwrap_err().field.as_deref(), Some("to_time"));
        }
        assert!(start(Some(now), now).is_err() && start(None, now).is_err());
    }
}
