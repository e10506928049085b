//! Tools around meetings, and how a meeting is told.
//!
//! The invariant: a meeting is changed only through its `booking_id`, and whose it is the calendar's service decides by the
//! caller of the session.

pub(crate) mod book_meeting;
pub(crate) mod cancel_meeting;
pub(crate) mod list_my_bookings;
pub(crate) mod list_slots;
pub(crate) mod reschedule_meeting;

use jiff::{Timestamp, tz::TimeZone};
use proto::booking::v1::{Booking, BookingStatus};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    Receipt,
    failure::Failure,
    schema::{object, one_of, optional_text, some, text},
    times,
};

/// Longest reason or note, in characters.
const LONGEST_NOTE: usize = 2_000;
/// How a meeting can stand.
const STATUSES: [&str; 6] = ["requested", "booked", "canceled", "rejected", "no_show", "unknown"];

/// A meeting, as it is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Meeting {
    booking_id: String,
    title: String,
    status: &'static str,
    start: Option<String>,
    end: Option<String>,
    time_zone: String,
    location: Option<String>,
}

/// The schema of it.
pub(crate) fn schema() -> Value {
    object([
        ("booking_id", text("Its id, for reschedule_meeting and cancel_meeting.")),
        ("title", text("What it is.")),
        ("status", one_of(&STATUSES.map(str::to_owned), "How it stands.")),
        ("start", optional_text("Start, RFC 3339.")),
        ("end", optional_text("End, RFC 3339.")),
        ("time_zone", text("IANA time zone of the times.")),
        ("location", optional_text("Where: an address, a phone number or a link.")),
    ])
}

/// A meeting as the calendar's service answered it.
pub(crate) fn told(booking: &Booking) -> Meeting {
    let zone = zone(booking);
    Meeting {
        booking_id: booking.booking_id.clone(),
        title: booking.title.clone(),
        status: status(booking.status()),
        start: times::told(booking.start_time, &zone),
        end: times::told(booking.end_time, &zone),
        time_zone: times::name(&zone),
        location: some(&booking.location),
    }
}

/// What the visitor is shown of a meeting.
pub(crate) fn receipt(title: &str, booking: &Booking) -> Receipt {
    let zone = zone(booking);
    let when = times::read(booking.start_time).map(|start| times::spoken(start, &zone));
    Receipt::new(
        title,
        [
            ("Meeting", booking.title.clone()),
            ("When", when.unwrap_or_default()),
            ("Where", booking.location.clone()),
            ("Reference", booking.booking_id.clone()),
        ],
    )
}

/// Whether a meeting takes place, or may, when it was asked for. A call that came before is answered with the meeting that
/// it made then, as it stands now.
fn check_stands(booking: &Booking, asked: Timestamp) -> Result<(), Failure> {
    let now = match booking.status() {
        BookingStatus::Requested | BookingStatus::Booked => match times::read(booking.start_time) {
            Some(start) if start.as_second() != asked.as_second() => {
                format!("was moved to {} since", times::spoken(start, &zone(booking)))
            }
            _ => return Ok(()),
        },
        BookingStatus::Canceled => "was cancelled since".to_owned(),
        BookingStatus::Rejected => "was refused by the host".to_owned(),
        BookingStatus::NoShow => "is over, and the visitor did not come".to_owned(),
        BookingStatus::Unspecified => return Err(Failure::Odd("how the meeting stands")),
    };
    let id = &booking.booking_id;
    Err(Failure::over(format!("meeting {id}, which the same call brought about, {now}")))
}

/// The time zone of whoever comes.
fn zone(booking: &Booking) -> TimeZone {
    let named = booking.attendee.as_ref().and_then(|attendee| TimeZone::get(&attendee.time_zone).ok());
    named.unwrap_or(TimeZone::UTC)
}

fn status(status: BookingStatus) -> &'static str {
    match status {
        BookingStatus::Requested => "requested",
        BookingStatus::Booked => "booked",
        BookingStatus::Canceled => "canceled",
        BookingStatus::Rejected => "rejected",
        BookingStatus::NoShow => "no_show",
        BookingStatus::Unspecified => "unknown",
    }
}

/// The answer of a tool about one meeting.
fn one(booking: &Booking) -> Value {
    json!({"meeting": told(booking)})
}
