//! The hands of people in the calendar: visitors of the public page, and the owner at Cal.com.
//!
//! The invariant: what a person does goes through the same acts as what the API's client does, and makes the same
//! webhooks.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    act::Move,
    hours::{self, Taken},
    lock,
    model::EventType,
    notice::{self, Event},
    view,
    visit::{Declined, Side, Visit},
};
use crate::{Provider, Sandbox};

/// The calendar, as people use it.
#[derive(Clone, Copy)]
pub struct Calendar<'a>(&'a Sandbox);

impl Sandbox {
    /// The calendar, as people use it. What befalls its webhooks is said to [`Sandbox::webhooks`].
    pub fn calendar(&self) -> Calendar<'_> {
        Calendar(self)
    }
}

// === impl Calendar ===

impl Calendar<'_> {
    /// All bookings as the API shows them, oldest first.
    pub fn bookings(self) -> Vec<Value> {
        self.0.0.calcom.book().bookings.values().map(|booking| view::booking(booking)).collect()
    }

    /// The reservations that hold, as the API shows them.
    pub fn reservations(self) -> Vec<Value> {
        let (now, book) = (self.0.0.calcom.now(), self.0.0.calcom.book());
        let kept = book.reservations.values().filter(|kept| kept.until > now);
        kept.map(|kept| view::reservation(kept, false)).collect()
    }

    /// The starts that a visitor of the public page could book within so many days, in order.
    pub fn free(self, event_type: i64, days: i64) -> Vec<Timestamp> {
        let Some(event_type) = EventType::of(event_type) else { return Vec::new() };
        let (now, book) = (self.0.0.calcom.now(), self.0.0.calcom.book());
        let until = now + SignedDuration::from_hours(24 * days);
        hours::free(&book, event_type, now, until, now, Taken { except: None, reservations: true })
    }

    /// Somebody books on the public page; the booking's uid.
    ///
    /// # Errors
    /// The slot is not free.
    pub fn book(self, visit: &Visit) -> Result<String, Declined> {
        let taken = visit.taken();
        Ok(self.0.turn(|turn| turn.create(visit.order()?, taken))?.uid.clone())
    }

    /// Somebody books on the public page what Cal.com itself takes this much for, in cents; [`Self::pay`] pays it.
    ///
    /// # Errors
    /// The slot is not free.
    pub fn book_unpaid(self, visit: &Visit, amount: i64) -> Result<String, Declined> {
        let taken = visit.taken();
        Ok(self.0.turn(|turn| turn.create_unpaid(visit.order()?, amount, taken))?.uid.clone())
    }

    /// Who booked pays: BOOKING_PAID, then BOOKING_CREATED.
    ///
    /// # Errors
    /// There is nothing to pay.
    pub fn pay(self, uid: &str) -> Result<(), Declined> {
        self.0.turn(|turn| turn.pay(uid))?;
        Ok(())
    }

    /// Somebody moves a booking; the new uid.
    ///
    /// # Errors
    /// No such booking, it is cancelled, or the slot is not free.
    pub fn reschedule(
        self,
        uid: &str,
        start: Timestamp,
        side: Side,
        reason: Option<&str>,
    ) -> Result<String, Declined> {
        let reason = reason.map(str::to_owned);
        let moved = self.0.turn(|turn| {
            let by = Some(side.email(&*turn.find(uid)?));
            turn.reschedule(uid, Move { start, reason, by }, true)
        })?;
        Ok(moved.uid.clone())
    }

    /// Somebody cancels a booking.
    ///
    /// # Errors
    /// No such booking, or it is cancelled or over.
    pub fn cancel(self, uid: &str, side: Side, reason: Option<&str>) -> Result<(), Declined> {
        let reason = reason.map(str::to_owned);
        self.0.turn(|turn| {
            let by = side.email(&*turn.find(uid)?);
            turn.cancel(uid, reason, Some(by))
        })?;
        Ok(())
    }

    /// Tells that a booking is cancelled before it is: Cal.com awaits the webhook and only then writes
    /// (`handleCancelBooking.ts` of cal.com), so that who asks at once still reads `accepted`.
    ///
    /// # Errors
    /// No such booking.
    pub fn announce_cancellation(self, uid: &str) -> Result<(), Declined> {
        self.0.turn(|turn| {
            let booking = turn.find(uid)?;
            turn.told.push(notice::booking(Event::Cancelled, &booking, false, turn.now));
            Ok(())
        })?;
        Ok(())
    }

    /// The owner says that who booked did not come, or did come after all.
    ///
    /// # Errors
    /// No such booking.
    pub fn mark_no_show(self, uid: &str, absent: bool) -> Result<(), Declined> {
        self.0.turn(|turn| {
            let email = turn.find(uid)?.attendee.email.clone();
            turn.mark_absent(uid, None, &[(email, absent)])
        })?;
        Ok(())
    }

    /// The owner confirms a booking that waits.
    ///
    /// # Errors
    /// No such booking, or it does not wait.
    pub fn confirm(self, uid: &str) -> Result<(), Declined> {
        self.0.turn(|turn| turn.confirm(uid))?;
        Ok(())
    }

    /// The owner declines a booking that waits.
    ///
    /// # Errors
    /// No such booking, or it does not wait.
    pub fn decline(self, uid: &str, reason: Option<&str>) -> Result<(), Declined> {
        self.0.turn(|turn| turn.decline(uid, reason))?;
        Ok(())
    }

    /// MEETING_STARTED is sent, whatever the time.
    ///
    /// # Errors
    /// No such booking.
    pub fn meeting_started(self, uid: &str) -> Result<(), Declined> {
        self.tell_of_meeting("MEETING_STARTED", uid)
    }

    /// MEETING_ENDED is sent, whatever the time.
    ///
    /// # Errors
    /// No such booking.
    pub fn meeting_ended(self, uid: &str) -> Result<(), Declined> {
        self.tell_of_meeting("MEETING_ENDED", uid)
    }

    fn tell_of_meeting(self, trigger: &'static str, uid: &str) -> Result<(), Declined> {
        self.0.turn(|turn| {
            let booking = turn.find(uid)?;
            turn.told.push(notice::meeting(trigger, &booking));
            Ok(())
        })?;
        Ok(())
    }

    /// The owner presses the button that tests the webhook.
    pub fn ping(self) {
        self.0.announce(Provider::CalCom, notice::ping(self.0.0.calcom.now()));
    }

    /// The owner wants to confirm bookings of this event type first, or no more.
    pub fn confirm_first(self, event_type: i64, first: bool) {
        let confirmed = &mut lock(&self.0.0.calcom.settings).confirmed_first;
        if first {
            confirmed.insert(event_type)
        } else {
            confirmed.remove(&event_type)
        };
    }

    /// The calendar's clock is ahead by this much from now on.
    pub fn set_ahead(self, ahead: SignedDuration) {
        lock(&self.0.0.calcom.settings).ahead = ahead;
    }

    /// Requests of the key in a minute; Cal.com's are 120.
    pub fn set_rate(self, per_minute: u32) {
        lock(&self.0.0.calcom.throttle).limit = per_minute;
    }

    /// How many minutes a reservation may last at most; 60 at first.
    pub fn set_longest_reservation(self, minutes: i64) {
        lock(&self.0.0.calcom.settings).longest_reservation = minutes;
    }
}
