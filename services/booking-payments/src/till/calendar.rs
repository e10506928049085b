//! The calendar of this service as the till needs it.
//!
//! The invariant: a link's id is the request under which its meeting is booked, so that it is booked once.

use jiff::Timestamp;
use proto::booking::v1::Booking;
use providers::error::Error;
use store::Clock;

use super::{
    checkout::Checkout,
    meeting::{Hold, Meetings},
    task::OFFERED,
};
use crate::{
    bookings::{self, Calendar, Shown},
    grpc,
};

/// The calendar, and the time by which its holds are counted.
pub(super) struct Slots {
    pub(super) calendar: Calendar,
    pub(super) clock: Clock,
}

#[async_trait::async_trait]
impl Meetings for Slots {
    async fn hold(&self, checkout: &Checkout, until: Timestamp) -> Result<Hold, Error> {
        let (slug, start) = slot(checkout)?;
        let minutes = minutes_until(until, (self.clock)());
        let hold = match &checkout.hold {
            Some(hold) => self.calendar.renew(&held(hold, start), minutes).await?,
            None => self.calendar.hold(slug, start, minutes).await?,
        };
        let bookings::Hold { uid, until, event_type, .. } = hold;
        Ok(Hold { uid, until, event_type })
    }

    async fn release(&self, checkout: &Checkout) -> Result<(), Error> {
        match &checkout.hold {
            Some(hold) => self.calendar.release(&held(hold, slot(checkout)?.1)).await,
            None => Ok(()),
        }
    }

    async fn book(&self, checkout: &Checkout) -> Result<String, Error> {
        let (slug, start) = slot(checkout)?;
        let event_type = match &checkout.hold {
            Some(hold) => hold.event_type,
            None => self.calendar.event_type(0, slug, Shown::ToUs).await?.id,
        };
        let order =
            bookings::Order { event_type, start, guest: checkout.attendee.guest(), notes: String::new() };
        let hold = checkout.hold.as_ref().map(|hold| held(hold, start));
        let meeting = self.calendar.book(&checkout.owner, &checkout.id, &order, hold.as_ref()).await?;
        Ok(meeting.id())
    }

    async fn next_free(&self, checkout: &Checkout) -> Result<Vec<Timestamp>, Error> {
        let (slug, start) = slot(checkout)?;
        let event_type = self.calendar.event_type(0, slug, Shown::ToUs).await?.id;
        self.calendar.next_free(event_type, start, OFFERED).await
    }

    async fn booking(&self, checkout: &Checkout) -> Result<Option<Booking>, Error> {
        Ok(self.calendar.meeting(&checkout.booking).await?.as_ref().map(grpc::bookings::wire_booking))
    }
}

/// The slot of a link whose item has a meeting.
fn slot(checkout: &Checkout) -> Result<(&str, Timestamp), Error> {
    let slot = checkout.item.meeting.as_deref().zip(checkout.start);
    slot.ok_or_else(|| domain::Fault::internal().into())
}

fn held(hold: &Hold, start: Timestamp) -> bookings::Hold {
    let Hold { uid, until, event_type } = hold.clone();
    bookings::Hold { uid, until, event_type, start }
}

/// Whole minutes, so that it is not let go too soon. Cal.com's `reservationDuration` has no maximum
/// (`reserve-slot.input.ts`, 2024-09-04), and lengthening leaves a gap: so the whole time is asked for at once. Where less is
/// held, the tick holds it anew.
fn minutes_until(until: Timestamp, now: Timestamp) -> u32 {
    let seconds = until.duration_since(now).as_secs().max(1);
    u32::try_from((seconds + 59) / 60).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_time_is_asked_for_at_once() {
        let now = Timestamp::UNIX_EPOCH;
        for (seconds, minutes) in [(-1, 1), (0, 1), (60, 1), (61, 2), (65 * 60, 65), (1_445 * 60 - 1, 1_445)]
        {
            assert_eq!(
                minutes_until(now + jiff::SignedDuration::from_secs(seconds), now),
                minutes,
                "{seconds}"
            );
        }
    }
}
