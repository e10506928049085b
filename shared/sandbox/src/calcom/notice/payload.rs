//! The members of a webhook's payload, in order.
//!
//! The invariant: a member that JavaScript would leave `undefined` is left out, one that it would set to null is null.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::person::{Person, Responses};
use crate::calcom::{
    model::{Booking, OWNER},
    time::millis,
};

#[derive(Serialize)]
struct Nothing {}

/// The payload of all triggers about a booking.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payload<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    title: String,
    description: &'a str,
    additional_notes: &'a str,
    custom_inputs: Nothing,
    start_time: String,
    end_time: String,
    organizer: Person<'a>,
    responses: Responses,
    user_fields_responses: Nothing,
    attendees: Vec<Person<'a>>,
    location: String,
    destination_calendar: Option<Value>,
    hide_calendar_notes: bool,
    pub(super) requires_confirmation: Option<bool>,
    event_type_id: i64,
    seats_show_attendees: bool,
    seats_per_time_slot: Option<i64>,
    uid: &'a str,
    apps_status: Vec<Value>,
    event_title: &'a str,
    event_description: &'a str,
    price: i64,
    currency: &'static str,
    length: i64,
    booking_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reschedule_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reschedule_uid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reschedule_start_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reschedule_end_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rescheduled_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cancelled_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cancellation_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request_reschedule: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rejection_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_data: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metadata: Option<Map<String, Value>>,
    pub(super) status: &'static str,
}

/// The booking's row, as the job that tells of a meeting's start or end has kept it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Flat<'a> {
    trigger_event: &'static str,
    id: i64,
    uid: &'a str,
    idempotency_key: Option<String>,
    user_id: i64,
    user_primary_email: &'static str,
    event_type_id: i64,
    title: String,
    description: &'static str,
    custom_inputs: Nothing,
    responses: Responses,
    start_time: String,
    end_time: String,
    location: String,
    created_at: String,
    updated_at: String,
    status: &'static str,
    paid: bool,
    destination_calendar_id: Option<i64>,
    cancellation_reason: Option<String>,
    rejection_reason: Option<String>,
    from_reschedule: Option<&'a str>,
    recurring_event_id: Option<String>,
    metadata: &'a Map<String, Value>,
    attendees: Value,
    user_fields_responses: Nothing,
}

// === impl Payload ===

impl<'a> Payload<'a> {
    /// What all triggers tell, with times written this way. Those that read the booking back have a list of the owner's
    /// calendars, which is empty, in the place of the one calendar, which there is not.
    pub(super) fn of(booking: &'a Booking, write: fn(Timestamp) -> String, read_back: bool) -> Self {
        let kind = booking.kind();
        Self {
            kind: kind.slug,
            title: booking.title(),
            description: "",
            additional_notes: "",
            custom_inputs: Nothing {},
            start_time: write(booking.start),
            end_time: write(booking.end),
            organizer: Person::organizer(booking.start),
            responses: Responses::of(booking),
            user_fields_responses: Nothing {},
            attendees: Person::attendees(booking),
            location: "integrations:daily".to_owned(),
            destination_calendar: read_back.then(|| json!([])),
            hide_calendar_notes: false,
            requires_confirmation: None,
            event_type_id: kind.id,
            seats_show_attendees: true,
            seats_per_time_slot: None,
            uid: &booking.uid,
            apps_status: Vec::new(),
            event_title: kind.title,
            event_description: kind.description,
            price: booking.payment.as_ref().map_or(0, |payment| payment.amount),
            currency: "usd",
            length: kind.minutes,
            booking_id: booking.id,
            reschedule_id: None,
            reschedule_uid: None,
            reschedule_start_time: None,
            reschedule_end_time: None,
            rescheduled_by: None,
            cancelled_by: None,
            cancellation_reason: None,
            request_reschedule: None,
            rejection_reason: None,
            payment_id: None,
            payment_data: None,
            metadata: None,
            status: "ACCEPTED",
        }
    }

    /// Tells of the payment that Cal.com takes.
    pub(super) fn set_payment(&mut self, booking: &Booking) {
        let Some(payment) = &booking.payment else { return };
        self.payment_id = Some(payment.id);
        self.payment_data = Some(json!({
            "id": payment.id,
            "uid": payment.uid,
            "amount": payment.amount,
            "currency": "usd",
            "externalId": payment.external_id,
            "success": payment.paid,
            "refunded": false,
        }));
    }
}

// === impl Flat ===

impl<'a> Flat<'a> {
    pub(super) fn of(trigger_event: &'static str, booking: &'a Booking) -> Self {
        let attendee = &booking.attendee;
        Self {
            trigger_event,
            id: booking.id,
            uid: &booking.uid,
            idempotency_key: None,
            user_id: OWNER.id,
            user_primary_email: OWNER.email,
            event_type_id: booking.event_type,
            title: booking.title(),
            description: "",
            custom_inputs: Nothing {},
            responses: Responses::of(booking),
            start_time: millis(booking.start),
            end_time: millis(booking.end),
            location: booking.location(),
            created_at: millis(booking.created_at),
            updated_at: millis(booking.updated_at),
            status: "ACCEPTED",
            paid: booking.payment.as_ref().is_some_and(|payment| payment.paid),
            destination_calendar_id: None,
            cancellation_reason: None,
            rejection_reason: None,
            from_reschedule: booking.rescheduled_from.as_deref(),
            recurring_event_id: None,
            metadata: &booking.metadata,
            attendees: json!([{
                "email": attendee.email,
                "name": attendee.name,
                "timeZone": attendee.time_zone,
                "locale": attendee.language,
                "phoneNumber": attendee.phone,
                "bookingId": booking.id,
                "noShow": false,
            }]),
            user_fields_responses: Nothing {},
        }
    }
}
