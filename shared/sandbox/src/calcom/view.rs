//! Bookings and reservations as the API shows them.
//!
//! The invariant: what is shown is an object of the published schema (`BookingOutput_2024_08_13`,
//! `ReserveSlotOutput_2024_09_04`); what has no value is left out, because the schema knows no null there.

use serde_json::{Map, Value, json};

use super::{
    model::{Booking, OWNER, Reservation},
    time::millis,
};

/// A booking.
pub(super) fn booking(booking: &Booking) -> Value {
    let (attendee, kind) = (&booking.attendee, booking.kind());
    let mut view = json!({
        "id": booking.id,
        "uid": booking.uid,
        "title": booking.title(),
        "description": "",
        "hosts": [{
            "id": OWNER.id,
            "name": OWNER.name,
            "email": OWNER.email,
            "displayEmail": OWNER.email,
            "username": OWNER.username,
            "timeZone": OWNER.time_zone,
        }],
        "status": booking.status.word(),
        "cancellationReason": booking.cancellation_reason.as_deref().unwrap_or_default(),
        "cancelledByEmail": booking.cancelled_by.as_deref().unwrap_or_default(),
        "start": millis(booking.start),
        "end": millis(booking.end),
        "duration": booking.end.duration_since(booking.start).as_mins(),
        "eventTypeId": kind.id,
        "eventType": {"id": kind.id, "slug": kind.slug},
        "meetingUrl": booking.location(),
        "location": booking.location(),
        "absentHost": booking.absent_host,
        "createdAt": millis(booking.created_at),
        "updatedAt": millis(booking.updated_at),
        "metadata": booking.metadata,
        "icsUid": format!("{}@Cal.com", booking.uid),
        "attendees": [],
        "bookingFieldsResponses": responses(booking),
    });
    let mut person = json!({
        "name": attendee.name,
        "email": attendee.email,
        "displayEmail": attendee.email,
        "timeZone": attendee.time_zone,
        "language": attendee.language,
        "absent": attendee.absent,
    });
    put(&mut person, "phoneNumber", attendee.phone.as_deref());
    view["attendees"] = json!([person]);
    put(&mut view, "reschedulingReason", booking.rescheduling_reason.as_deref());
    put(&mut view, "rescheduledByEmail", booking.rescheduled_by.as_deref());
    put(&mut view, "rescheduledFromUid", booking.rescheduled_from.as_deref());
    put(&mut view, "rescheduledToUid", booking.rescheduled_to.as_deref());
    if !booking.guests.is_empty() {
        view["guests"] = json!(booking.guests);
    }
    view
}

fn put(view: &mut Value, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        view[name] = value.into();
    }
}

fn responses(booking: &Booking) -> Map<String, Value> {
    let mut responses = booking.responses.clone();
    let attendee = &booking.attendee;
    responses.insert("name".to_owned(), attendee.name.as_str().into());
    responses.insert("email".to_owned(), attendee.email.as_str().into());
    responses.insert("displayEmail".to_owned(), attendee.email.as_str().into());
    responses.insert("location".to_owned(), json!({"value": "integrations:daily", "optionValue": ""}));
    if let Some(phone) = &attendee.phone {
        responses.insert("attendeePhoneNumber".to_owned(), phone.as_str().into());
    }
    if !booking.guests.is_empty() {
        responses.insert("guests".to_owned(), json!(booking.guests));
        responses.insert("displayGuests".to_owned(), json!(booking.guests));
    }
    if let Some(reason) = &booking.rescheduling_reason {
        responses.insert("rescheduledReason".to_owned(), reason.as_str().into());
    }
    responses
}

/// A reservation; how long it was made for is told only to who made it.
pub(super) fn reservation(kept: &Reservation, made: bool) -> Value {
    let mut view = json!({
        "eventTypeId": kept.event_type,
        "slotStart": millis(kept.start),
        "slotEnd": millis(kept.end),
        "slotDuration": kept.end.duration_since(kept.start).as_mins(),
        "reservationUid": kept.uid,
        "reservationUntil": millis(kept.until),
    });
    if made {
        view["reservationDuration"] = kept.minutes.into();
    }
    view
}
