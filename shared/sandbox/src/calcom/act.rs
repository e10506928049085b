//! What can happen to a booking, whoever does it: the API's client, a visitor of the public page, the owner.
//!
//! The invariant: whatever changes a booking also moves its `updatedAt`, and makes the webhooks that Cal.com makes for it
//! in Cal.com's order.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    Settings,
    error::Refusal,
    hours::{self, Taken},
    model::{Attendee, Book, Booking, EventType, OWNER, Payment, Status},
    notice::{self, Event},
    time::millis,
};
use crate::{random, webhooks::Message};

/// A change under way.
pub(super) struct Turn {
    pub(super) book: Book,
    pub(super) settings: Settings,
    pub(super) now: Timestamp,
    pub(super) told: Vec<Message>,
}

/// What somebody wants to book.
pub(super) struct Order {
    pub(super) event_type: &'static EventType,
    pub(super) start: Timestamp,
    pub(super) attendee: Attendee,
    pub(super) guests: Vec<String>,
    pub(super) metadata: Map<String, Value>,
    pub(super) responses: Map<String, Value>,
}

/// When a booking moves, and why.
pub(super) struct Move {
    pub(super) start: Timestamp,
    pub(super) reason: Option<String>,
    pub(super) by: Option<String>,
}

impl Turn {
    pub(super) fn new(book: Book, settings: Settings, now: Timestamp) -> Self {
        Self { book, settings, now, told: Vec::new() }
    }

    pub(super) fn find(&self, uid: &str) -> Result<Arc<Booking>, Refusal> {
        self.book.booking(uid).cloned().ok_or_else(|| missing(uid))
    }

    fn tell(&mut self, event: Event<'_>, booking: &Booking) {
        let first = self.settings.confirmed_first.contains(&booking.event_type);
        self.told.push(notice::booking(event, booking, first, self.now));
    }

    fn put(&mut self, mut booking: Booking) -> Arc<Booking> {
        booking.updated_at = self.now;
        self.book.put(booking)
    }

    /// Refuses a start that cannot be booked, in the words of `errors.service.ts` of cal.com.
    fn needs_free(&self, kind: &EventType, start: Timestamp, taken: Taken<'_>) -> Result<(), Refusal> {
        if start <= self.now {
            return Err(Refusal::bad("Attempting to book a meeting in the past."));
        }
        if hours::is_too_soon(start, self.now) {
            return Err(Refusal::bad(
                "The event type can't be booked at the \"start\" time provided. This could be because it's too soon (violating the minimum booking notice) or too far in the future (outside the event's scheduling window). Try fetching available slots first using the GET /v2/slots endpoint and then make a booking with \"start\" time equal to one of the available slots.",
            ));
        }
        if !hours::is_free(&self.book, kind, start, self.now, taken) {
            return Err(Refusal::bad("User either already has booking at this time or is not available"));
        }
        Ok(())
    }

    fn draft(&self, order: Order, status: Status) -> Booking {
        Booking {
            id: self.book.next_id(),
            uid: short_uid(),
            event_type: order.event_type.id,
            status,
            start: order.start,
            end: order.start + order.event_type.length(),
            created_at: self.now,
            updated_at: self.now,
            attendee: order.attendee,
            guests: order.guests,
            metadata: order.metadata,
            responses: order.responses,
            cancellation_reason: None,
            cancelled_by: None,
            rescheduling_reason: None,
            rescheduled_by: None,
            rescheduled_from: None,
            rescheduled_to: None,
            absent_host: false,
            payment: None,
        }
    }

    fn first_status(&self, kind: &EventType) -> Status {
        if self.settings.confirmed_first.contains(&kind.id) { Status::Pending } else { Status::Accepted }
    }

    /// Books a slot.
    pub(super) fn create(&mut self, order: Order, taken: Taken<'_>) -> Result<Arc<Booking>, Refusal> {
        self.needs_free(order.event_type, order.start, taken)?;
        let status = self.first_status(order.event_type);
        let booking = self.put(self.draft(order, status));
        let event = if status == Status::Pending { Event::Requested } else { Event::Created };
        self.tell(event, &booking);
        Ok(booking)
    }

    /// Books a slot that Cal.com itself takes money for; it waits for [`Self::pay`].
    pub(super) fn create_unpaid(
        &mut self,
        order: Order,
        amount: i64,
        taken: Taken<'_>,
    ) -> Result<Arc<Booking>, Refusal> {
        self.needs_free(order.event_type, order.start, taken)?;
        let mut booking = self.draft(order, Status::Pending);
        booking.payment = Some(Payment {
            id: booking.id + 500_000,
            uid: random::token("pay_"),
            external_id: random::token("pi_"),
            amount,
            paid: false,
        });
        let booking = self.put(booking);
        self.tell(Event::PaymentInitiated, &booking);
        Ok(booking)
    }

    /// The money came: PAID is told first, then CREATED (`handlePaymentSuccess.ts` of cal.com).
    pub(super) fn pay(&mut self, uid: &str) -> Result<Arc<Booking>, Refusal> {
        let mut booking = Booking::clone(&*self.find(uid)?);
        let payment = booking.payment.as_mut().filter(|payment| !payment.paid);
        let payment = payment.ok_or_else(|| Refusal::bad("There is nothing to pay"))?;
        payment.paid = true;
        booking.status = Status::Accepted;
        let booking = self.put(booking);
        self.tell(Event::Paid, &booking);
        self.tell(Event::Confirmed, &booking);
        Ok(booking)
    }

    pub(super) fn cancel(
        &mut self,
        uid: &str,
        reason: Option<String>,
        by: Option<String>,
    ) -> Result<Arc<Booking>, Refusal> {
        let found = self.book.booking(uid).cloned();
        let found = found.ok_or_else(|| Refusal::not_found(format!("Booking with uid={uid} not found")))?;
        if found.status == Status::Cancelled {
            return Err(Refusal::bad(format!(
                "Can't cancel booking with uid={uid} because it has been cancelled already. Please provide uid of a booking that is not cancelled."
            )));
        }
        if found.end < self.now {
            let status = axum::http::StatusCode::BAD_REQUEST;
            return Err(Refusal::bare(status, "Cannot cancel a booking that has already ended"));
        }
        let mut booking = Booking::clone(&found);
        (booking.cancellation_reason, booking.cancelled_by) = (reason, by);
        self.tell(Event::Cancelled, &booking);
        booking.status = Status::Cancelled;
        Ok(self.put(booking))
    }

    /// Moves a booking: a new one takes its place under a new uid, the old one is cancelled.
    pub(super) fn reschedule(
        &mut self,
        uid: &str,
        to: Move,
        reservations: bool,
    ) -> Result<Arc<Booking>, Refusal> {
        let old = self.find(uid)?;
        if old.status == Status::Cancelled {
            return Err(Refusal::bad(match &old.rescheduled_to {
                None => format!(
                    "Can't reschedule booking with uid={uid} because it has been cancelled. Please provide uid of a booking that is not cancelled."
                ),
                Some(next) => format!(
                    "Can't reschedule booking with uid={uid} because it has been cancelled and rescheduled already to booking with uid={next}. You probably want to reschedule {next} instead by passing it within the request URL."
                ),
            }));
        }
        let kind = old.kind();
        self.needs_free(kind, to.start, Taken { except: Some(uid), reservations })?;
        let (old, new) = self.replace(&old, to);
        let event =
            if new.status == Status::Pending { Event::Requested } else { Event::Rescheduled { from: &old } };
        self.tell(event, &new);
        Ok(new)
    }

    fn replace(&mut self, old: &Booking, to: Move) -> (Arc<Booking>, Arc<Booking>) {
        let by_owner = to.by.as_deref() == Some(OWNER.email);
        let new = Booking {
            id: self.book.next_id(),
            uid: short_uid(),
            status: if by_owner { Status::Accepted } else { self.first_status(old.kind()) },
            start: to.start,
            end: to.start + old.end.duration_since(old.start),
            created_at: self.now,
            rescheduling_reason: to.reason,
            rescheduled_by: to.by.clone(),
            rescheduled_from: Some(old.uid.clone()),
            rescheduled_to: None,
            ..old.clone()
        };
        let old = Booking {
            status: Status::Cancelled,
            rescheduled_by: to.by,
            rescheduled_to: Some(new.uid.clone()),
            ..old.clone()
        };
        (self.put(old), self.put(new))
    }

    pub(super) fn confirm(&mut self, uid: &str) -> Result<Arc<Booking>, Refusal> {
        let booking = self.decide(uid, Status::Accepted)?;
        self.tell(Event::Confirmed, &booking);
        Ok(booking)
    }

    pub(super) fn decline(&mut self, uid: &str, reason: Option<&str>) -> Result<Arc<Booking>, Refusal> {
        let booking = self.decide(uid, Status::Rejected)?;
        self.tell(Event::Rejected { reason }, &booking);
        Ok(booking)
    }

    fn decide(&mut self, uid: &str, status: Status) -> Result<Arc<Booking>, Refusal> {
        let found = self.find(uid)?;
        match found.status {
            Status::Pending => Ok(self.put(Booking { status, ..Booking::clone(&found) })),
            Status::Accepted => Err(Refusal::beneath("Booking already confirmed")),
            // Cal.com's handler does not look; what it would do to a dead booking is not played.
            Status::Cancelled | Status::Rejected => Err(Refusal::beneath("Booking is not pending")),
        }
    }

    /// Says who did not come. The API allows it once the meeting has begun.
    pub(super) fn mark_absent(
        &mut self,
        uid: &str,
        host: Option<bool>,
        attendees: &[(String, bool)],
    ) -> Result<Arc<Booking>, Refusal> {
        let mut booking = Booking::clone(&*self.find(uid)?);
        booking.absent_host = host.unwrap_or(booking.absent_host);
        let here =
            |email: &str| email == booking.attendee.email || booking.guests.iter().any(|it| it == email);
        let known: Vec<_> = attendees.iter().filter(|(email, _)| here(email)).cloned().collect();
        if let Some((_, absent)) = known.iter().find(|(email, _)| *email == booking.attendee.email) {
            booking.attendee.absent = *absent;
        }
        let booking = self.put(booking);
        if !known.is_empty() {
            self.told.push(notice::no_show(&booking, &known, self.now));
        }
        Ok(booking)
    }

    /// Refuses to call somebody absent from a meeting that has not begun.
    pub(super) fn needs_begun(&self, uid: &str) -> Result<(), Refusal> {
        let found = self.book.booking(uid);
        let found = found.ok_or_else(|| Refusal::not_found(format!("Booking with uid={uid} not found.")))?;
        if self.now >= found.start {
            return Ok(());
        }
        Err(Refusal::bad(format!(
            "Bookings can only be marked as absent after their scheduled start time. Current time in UTC+0: {}, Booking start time in UTC+0: {}",
            millis(self.now),
            millis(found.start)
        )))
    }
}

pub(super) fn missing(uid: &str) -> Refusal {
    Refusal::not_found(format!("Booking with uid={uid} was not found in the database"))
}

/// 22 characters without those that look alike, as Cal.com's are.
fn short_uid() -> String {
    const ALPHABET: &[u8; 58] = b"123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ";
    random::bytes::<22>()
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
        .collect()
}
