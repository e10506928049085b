//! The bodies of Cal.com's webhooks, version 2021-10-20, member by member in Cal.com's order.
//!
//! Shapes: the example of BOOKING_CREATED in cal.com's guide of webhooks, `BookingPayloadBuilder.ts`,
//! `handleCancelBooking.ts`, `confirm.handler.ts`, `handleConfirmation.ts`, `handlePaymentSuccess.ts` and
//! `scheduleTrigger.ts` of cal.com. The invariant: what a trigger does not carry there it does not carry here; above
//! all, only CREATED, RESCHEDULED, REQUESTED and PAYMENT_INITIATED carry the booking's own metadata.

mod payload;
mod person;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use self::{
    payload::{Flat, Payload},
    person::Person,
};
use super::{
    model::{Booking, Status},
    time::{local, millis, utc},
};
use crate::{random, webhooks::Message};

/// What happened to a booking.
#[derive(Clone, Copy)]
pub(super) enum Event<'a> {
    /// It was booked, and that was all.
    Created,
    /// It was booked, and waits for the owner.
    Requested,
    /// It took the place of another.
    Rescheduled {
        /// The one that it replaces.
        from: &'a Booking,
    },
    /// It was cancelled.
    Cancelled,
    /// The owner declined it.
    Rejected {
        /// Why.
        reason: Option<&'a str>,
    },
    /// It waits for money.
    PaymentInitiated,
    /// The money came.
    Paid,
    /// It is accepted after it waited; told as CREATED.
    Confirmed,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<P> {
    trigger_event: &'static str,
    created_at: String,
    payload: P,
}

fn message(kind: &str, body: &impl Serialize) -> Message {
    let body = serde_json::to_vec(body).expect("texts and numbers make JSON");
    Message::new(random::token("calcom_"), kind.to_owned(), Bytes::from(body))
}

fn enveloped(trigger: &'static str, payload: impl Serialize, now: Timestamp) -> Message {
    message(trigger, &Envelope { trigger_event: trigger, created_at: millis(now), payload })
}

/// What is told of a booking.
pub(super) fn booking(event: Event<'_>, booking: &Booking, confirmed_first: bool, now: Timestamp) -> Message {
    let mut payload = Payload::of(booking, event.write(), event.reads_back());
    payload.requires_confirmation = confirmed_first.then_some(true);
    payload.status = event.status();
    payload.metadata = event.metadata(booking);
    match event {
        Event::Cancelled => {
            payload.cancelled_by = booking.cancelled_by.as_deref();
            payload.cancellation_reason = booking.cancellation_reason.as_deref();
            payload.request_reschedule = Some(false);
        }
        Event::Rescheduled { from } => {
            payload.reschedule_id = Some(from.id);
            payload.reschedule_uid = Some(&from.uid);
            payload.reschedule_start_time = Some(utc(from.start));
            payload.reschedule_end_time = Some(utc(from.end));
            payload.rescheduled_by = booking.rescheduled_by.as_deref();
        }
        Event::Rejected { reason } => payload.rejection_reason = reason,
        Event::PaymentInitiated | Event::Paid => payload.set_payment(booking),
        Event::Created | Event::Requested | Event::Confirmed => {}
    }
    enveloped(event.trigger(), payload, now)
}

/// BOOKING_NO_SHOW_UPDATED: there is no `uid` in it.
pub(super) fn no_show(booking: &Booking, attendees: &[(String, bool)], now: Timestamp) -> Message {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct NoShow<'a> {
        booking_uid: &'a str,
        booking_id: i64,
        attendees: Vec<Absence<'a>>,
        message: String,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Absence<'a> {
        email: &'a str,
        no_show: bool,
    }
    let message = match attendees {
        [(email, true)] => format!("{email} marked as no-show"),
        [(email, false)] => format!("{email} unmarked as no-show"),
        _ => "No-show status updated".to_owned(),
    };
    let attendees = attendees.iter().map(|(email, no_show)| Absence { email, no_show: *no_show }).collect();
    let payload = NoShow { booking_uid: &booking.uid, booking_id: booking.id, attendees, message };
    enveloped("BOOKING_NO_SHOW_UPDATED", payload, now)
}

/// MEETING_STARTED or MEETING_ENDED: the booking's row beside the trigger, without an envelope.
pub(super) fn meeting(trigger: &'static str, booking: &Booking) -> Message {
    message(trigger, &Flat::of(trigger, booking))
}

/// What the button that tests a webhook sends (`testTrigger.handler.ts` of cal.com).
pub(super) fn ping(now: Timestamp) -> Message {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Test<'a> {
        #[serde(rename = "type")]
        kind: &'a str,
        title: &'a str,
        description: &'a str,
        start_time: String,
        end_time: String,
        attendees: [Person<'a>; 1],
        organizer: Person<'a>,
    }
    let zone = "Europe/London";
    let payload = Test {
        kind: "Test",
        title: "Test trigger event",
        description: "",
        start_time: millis(now),
        end_time: millis(now),
        attendees: [Person::bare("jdoe@example.com", "John Doe", zone, now)],
        organizer: Person::bare("no-reply@cal.com", "Cal", zone, now),
    };
    enveloped("PING", payload, now)
}

impl Event<'_> {
    fn trigger(self) -> &'static str {
        match self {
            Self::Created | Self::Confirmed => "BOOKING_CREATED",
            Self::Requested => "BOOKING_REQUESTED",
            Self::Rescheduled { .. } => "BOOKING_RESCHEDULED",
            Self::Cancelled => "BOOKING_CANCELLED",
            Self::Rejected { .. } => "BOOKING_REJECTED",
            Self::PaymentInitiated => "BOOKING_PAYMENT_INITIATED",
            Self::Paid => "BOOKING_PAID",
        }
    }

    fn status(self) -> &'static str {
        match self {
            Self::Requested => "PENDING",
            Self::Cancelled => "CANCELLED",
            Self::Rejected { .. } => "REJECTED",
            _ => "ACCEPTED",
        }
    }

    /// How this trigger's code writes the start and the end; three ways, all of the same moment.
    fn write(self) -> fn(Timestamp) -> String {
        match self {
            Self::Cancelled => local,
            Self::Rejected { .. } | Self::Paid | Self::Confirmed => millis,
            _ => utc,
        }
    }

    /// Whether this trigger's code has the booking from the database, not from who booked.
    fn reads_back(self) -> bool {
        matches!(self, Self::Cancelled | Self::Rejected { .. } | Self::Paid | Self::Confirmed)
    }

    fn metadata(self, booking: &Booking) -> Option<Map<String, Value>> {
        let room = || {
            let room = (booking.status == Status::Accepted).then(|| booking.location());
            room.map(|url| ("videoCallUrl".to_owned(), Value::from(url)))
        };
        match self {
            Self::Created | Self::Rescheduled { .. } => {
                Some(booking.metadata.clone().into_iter().chain(room()).collect())
            }
            Self::Requested | Self::PaymentInitiated => Some(booking.metadata.clone()),
            Self::Confirmed => Some(room().into_iter().collect()),
            Self::Cancelled | Self::Rejected { .. } => None,
            Self::Paid => Some(paid_metadata(booking)),
        }
    }
}

/// What stands in the place of the booking's own metadata in BOOKING_PAID.
fn paid_metadata(booking: &Booking) -> Map<String, Value> {
    let payment = booking.payment.as_ref();
    let metadata = json!({
        "identifier": "cal.com",
        "bookingId": booking.id,
        "eventTypeId": booking.event_type,
        "bookerEmail": booking.attendee.email,
        "eventTitle": booking.kind().title,
        "externalId": payment.map(|payment| payment.external_id.as_str()),
    });
    metadata.as_object().cloned().unwrap_or_default()
}
