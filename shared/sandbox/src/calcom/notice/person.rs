//! Who is in a meeting, and what was answered when it was booked, as webhooks tell it.
//!
//! The invariant: an offset is that of the time of the meeting, not of the day on which it is told.

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use serde_json::{Value, json};

use crate::calcom::model::{Booking, OWNER};

#[derive(Serialize)]
struct Language {
    locale: String,
}

/// Somebody in a meeting.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Person<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<i64>,
    name: &'a str,
    email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    time_zone: &'a str,
    language: Language,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_format: Option<&'a str>,
    /// Minutes at the time of the meeting.
    utc_offset: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<&'a str>,
}

#[derive(Serialize)]
struct Response {
    label: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
}

/// The answers to the questions of the booking page, each with its label.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Responses {
    name: Response,
    email: Response,
    #[serde(skip_serializing_if = "Option::is_none")]
    attendee_phone_number: Option<Response>,
    location: Response,
    notes: Response,
    guests: Response,
    reschedule_reason: Response,
}

// === impl Person ===

impl<'a> Person<'a> {
    /// Somebody of whom no more is told.
    pub(super) fn bare(email: &'a str, name: &'a str, time_zone: &'a str, at: Timestamp) -> Self {
        Self {
            id: None,
            name,
            email,
            username: None,
            time_zone,
            language: Language { locale: "en".to_owned() },
            phone_number: None,
            time_format: None,
            utc_offset: offset(time_zone, at),
            first_name: None,
            last_name: None,
        }
    }

    pub(super) fn organizer(at: Timestamp) -> Self {
        Self {
            id: Some(OWNER.id),
            username: Some(OWNER.username),
            time_format: Some("HH:mm"),
            ..Self::bare(OWNER.email, OWNER.name, OWNER.time_zone, at)
        }
    }

    pub(super) fn attendees(booking: &'a Booking) -> Vec<Self> {
        let (attendee, at) = (&booking.attendee, booking.start);
        let (first, last) = attendee.name.trim().split_once(' ').unwrap_or((attendee.name.trim(), ""));
        let booker = Self {
            language: Language { locale: attendee.language.clone() },
            phone_number: attendee.phone.as_deref(),
            first_name: Some(first),
            last_name: Some(last.trim()),
            ..Self::bare(&attendee.email, &attendee.name, &attendee.time_zone, at)
        };
        let guest = |email: &'a String| Self {
            first_name: Some(""),
            last_name: Some(""),
            ..Self::bare(email, "", &attendee.time_zone, at)
        };
        std::iter::once(booker).chain(booking.guests.iter().map(guest)).collect()
    }
}

/// Minutes ahead of UTC.
fn offset(zone: &str, at: Timestamp) -> i32 {
    TimeZone::get(zone).map_or(0, |zone| zone.to_offset(at).seconds() / 60)
}

// === impl Responses ===

impl Responses {
    pub(super) fn of(booking: &Booking) -> Self {
        let attendee = &booking.attendee;
        let response = |label, value: Option<Value>| Response { label, value };
        let phone = attendee.phone.as_deref();
        Self {
            name: response("your_name", Some(attendee.name.as_str().into())),
            email: response("email_address", Some(attendee.email.as_str().into())),
            attendee_phone_number: phone.map(|phone| response("phone_number", Some(phone.into()))),
            location: response("location", Some(json!({"optionValue": "", "value": "integrations:daily"}))),
            notes: response("additional_notes", None),
            guests: response(
                "additional_guests",
                (!booking.guests.is_empty()).then(|| json!(booking.guests)),
            ),
            reschedule_reason: response(
                "reschedule_reason",
                booking.rescheduling_reason.as_deref().map(Value::from),
            ),
        }
    }
}
