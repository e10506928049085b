//! Slots that are kept for somebody for a while.
//!
//! What Cal.com's code does (`slots.service.ts`, 2024-09-04): a reservation takes its slot out of what `/slots` answers and
//! is refused (422) where the slot is booked or reserved, but booking does not look at reservations, neither for nor
//! against. And renewing one refuses for as long as it stands, since it finds itself in its own way. So a slot is booked
//! while it is held, which leaves no gap, and what is held is let go and tried again only where that is refused; renewing
//! falls back to letting go and reserving again, so whoever can asks for the whole time at once: Cal.com sets no limit to it.
//! It refuses (403) to be told how long where the key's owner has no part in the event type; then the slot is held for its
//! own five minutes, as it would be where it cut the time short, and whoever needs it for longer renews.
//! Nor does reserving look at hours, at calendars or at what stands under another event type, so the slot is asked for first.
//! The invariant: who holds a slot knows until when, what is held was free, and nobody else's hold is touched.

use domain::id::digest;
use jiff::{SignedDuration, Timestamp};
use providers::{api::Failure, error::Error, owner::Owner};
use serde::{Deserialize, Serialize};
use store::{Attempts, Collection, Work};

use super::{Calendar, NotBooked, Shown};
use crate::calcom::wire::Reservation;

/// What visitors hold, until it ends.
pub(super) const HOLDS: Collection<Hold> = Collection::new("booking_holds");

/// A slot that is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hold {
    /// Cal.com's id of the reservation.
    pub(crate) uid: String,
    /// Until when.
    pub(crate) until: Timestamp,
    /// What is to be booked.
    pub(crate) event_type: i64,
    /// Which slot.
    pub(crate) start: Timestamp,
}

impl Calendar {
    /// Keeps a slot from others for so many minutes, or for as long as Cal.com lets us. What is asked for may be hidden from
    /// visitors.
    ///
    /// # Errors
    /// The slot is not free; there is no such event type; Cal.com's. After an unclear answer the slot may be kept for
    /// those minutes, and nobody knows the uid.
    pub(crate) async fn hold(
        &self,
        event_type_slug: &str,
        start: Timestamp,
        minutes: u32,
    ) -> Result<Hold, NotBooked> {
        let event_type = self.event_type(0, event_type_slug, Shown::ToUs).await?;
        self.keep_free(event_type.id, start, Some(minutes)).await
    }

    /// Keeps a slot that is held for so many minutes from now on, or for as long as Cal.com lets us. The hold that is
    /// answered takes the place of this one; it is this one if it lasts as long.
    ///
    /// # Errors
    /// It had ended and somebody else has the slot; Cal.com's.
    pub(crate) async fn renew(&self, hold: &Hold, minutes: u32) -> Result<Hold, NotBooked> {
        let Hold { uid, event_type, start, until } = hold;
        let now = (self.clock)();
        if *until >= now.saturating_add(SignedDuration::from_mins(minutes.into())).unwrap_or(Timestamp::MAX) {
            return Ok(hold.clone());
        }
        if !hold.stands(now) {
            // Somebody may have booked it since, at whatever else: to renew it would not tell.
            self.client.release(uid).await.map_err(Error::from)?;
            return self.keep_free(*event_type, *start, Some(minutes)).await;
        }
        match self.client.renew(uid, *event_type, *start, minutes).await {
            Ok(reservation) => Ok(held(*event_type, *start, reservation)),
            Err(failure)
                if failure.is_not_found()
                    || is_about_time(&failure)
                    || super::slots::may_be_taken(&failure) =>
            {
                self.client.release(uid).await.map_err(Error::from)?;
                // What was held until now is free; to ask would only leave it to others for longer.
                self.keep(*event_type, *start, Some(minutes)).await
            }
            Err(failure) => Err(Error::from(failure).into()),
        }
    }

    /// Lets a slot go. One that is not held any more is no error.
    pub(crate) async fn release(&self, hold: &Hold) -> Result<(), Error> {
        self.slots.drop_all();
        Ok(self.client.release(&hold.uid).await?)
    }

    /// Keeps a slot for a visitor for Cal.com's five minutes.
    ///
    /// # Errors
    /// As of [`Self::hold`]; the `request_id` is missing or was another's.
    pub(crate) async fn reserve(
        &self,
        owner: &Owner,
        request_id: &str,
        event_type: i64,
        start: Timestamp,
    ) -> Result<Hold, NotBooked> {
        let content = ["reserve", &event_type.to_string(), &start.to_string()];
        let begun = self.begin(owner, request_id, &content).await?;
        if let Some(hold) = begun.intent.hold {
            return Ok(hold);
        }
        let event_type = self.event_type(event_type, "", Shown::ToVisitors).await?;
        self.refuse_sold(&event_type.slug)?;
        // If we end between Cal.com's answer and the note, a repetition finds the slot taken by this very hold until it lapses:
        // Cal.com shows a reservation to who knows its uid alone, lists none and lets nobody choose the uid.
        let hold = self.keep_free(event_type.id, start, None).await?;
        self.note(&begun.id, |intent| intent.hold = Some(hold.clone())).await?;
        self.remember(owner, &hold).await?;
        Ok(hold)
    }

    /// What this visitor holds of a slot.
    pub(super) async fn held_by(
        &self,
        owner: &Owner,
        event_type: i64,
        start: Timestamp,
    ) -> Result<Option<Hold>, Error> {
        let found = HOLDS.get(&*self.store, &hold_id(owner, event_type, start)).await?;
        Ok(found.map(|found| found.value))
    }

    /// As [`Self::keep`], once the slot is among the free ones.
    async fn keep_free(
        &self,
        event_type: i64,
        start: Timestamp,
        minutes: Option<u32>,
    ) -> Result<Hold, NotBooked> {
        match self.next_if_lost(event_type, start, None).await? {
            Some(next_slots) => Err(NotBooked::SlotLost { next_slots }),
            None => self.keep(event_type, start, minutes).await,
        }
    }

    async fn keep(&self, event_type: i64, start: Timestamp, minutes: Option<u32>) -> Result<Hold, NotBooked> {
        let reserved = match self.client.reserve(event_type, start, minutes).await {
            Err(failure) if minutes.is_some() && is_about_time(&failure) => {
                tracing::info!(event_type, "cal.com takes no word on how long a slot is held");
                self.client.reserve(event_type, start, None).await
            }
            reserved => reserved,
        };
        match reserved {
            Ok(reservation) => {
                self.slots.drop_all();
                Ok(held(event_type, start, reservation))
            }
            Err(failure) => {
                let next_slots = self.next_if_taken(event_type, start, None, failure).await?;
                Err(NotBooked::SlotLost { next_slots })
            }
        }
    }

    async fn remember(&self, owner: &Owner, hold: &Hold) -> Result<(), Error> {
        let id = hold_id(owner, hold.event_type, hold.start);
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            work.get(&HOLDS, &id).await?;
            work.put_until(&HOLDS, &id, hold, Some(hold.until));
            if attempts.commit(work).await? {
                return Ok(());
            }
        }
    }
}

impl Hold {
    /// Whether it lasts.
    pub(super) fn stands(&self, now: Timestamp) -> bool {
        self.until > now
    }
}

/// Whether a refusal may be about for how long a slot is to be held.
fn is_about_time(failure: &Failure) -> bool {
    matches!(failure, Failure::Refused { status, .. } if matches!(status.as_u16(), 400 | 403))
}

fn held(event_type: i64, start: Timestamp, reservation: Reservation) -> Hold {
    let Reservation { reservation_uid: uid, reservation_until: until } = reservation;
    Hold { uid, until, event_type, start }
}

fn hold_id(owner: &Owner, event_type: i64, start: Timestamp) -> String {
    digest(&["hold", &owner.visitor, &event_type.to_string(), &start.to_string()])
}
