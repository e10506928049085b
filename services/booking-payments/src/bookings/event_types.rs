//! What can be booked, remembered for a minute.

use std::{sync::Arc, time::Duration};

use domain::{Fault, Kind, Reason};
use moka::future::Cache;
use providers::error::Error;

use super::Calendar;
use crate::calcom::wire::{Booking, EventType};

/// How long the list is good.
const FRESH: Duration = Duration::from_secs(60);

/// What is remembered.
pub(super) struct Shelf(Cache<(), Arc<Vec<EventType>>>);

/// To whom an event type is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// To visitors: not the hidden ones, unless they are sold.
    ToVisitors,
    /// To ourselves.
    ToUs,
}

impl Default for Shelf {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(1).time_to_live(FRESH).build())
    }
}

impl Calendar {
    /// All that can be booked, hidden ones included.
    pub(crate) async fn event_types(&self) -> Result<Arc<Vec<EventType>>, Error> {
        if let Some(known) = self.event_types.0.get(&()).await {
            return Ok(known);
        }
        let all = Arc::new(self.client.event_types().await?);
        self.event_types.0.insert((), all.clone()).await;
        Ok(all)
    }

    /// Whether visitors get to know of it.
    pub(crate) fn is_shown(&self, event_type: &EventType) -> bool {
        !event_type.hidden || self.is_sold(&event_type.slug)
    }

    /// What is sold is booked by whoever takes the money, and by nobody else.
    ///
    /// # Errors
    /// `PAYMENT_REQUIRED`.
    pub(crate) fn refuse_sold(&self, slug: &str) -> Result<(), Error> {
        if self.is_sold(slug) {
            let why = "this meeting is sold by link: it is booked once the link is paid";
            return Err(Fault::new(Kind::Precondition, Reason::PaymentRequired, why).into());
        }
        Ok(())
    }

    /// Whether a booking was made of which nothing is known but that it is over, or only asked for.
    ///
    /// A booking that is cancelled does not say whether it was ever accepted (`BookingOutput_2024_08_13`), so the policy of
    /// its event type does: where the host is not asked, it was. Where the host is asked it counts as withdrawn, and so does
    /// one that was seen pending and then cancelled: if it was accepted in between, no webhook of that came and no look fell
    /// into that time, nothing at Cal.com can tell it from a request that was withdrawn. What Cal.com takes money for itself is
    /// pending until it is paid and is not told apart, nor is an event type that is gone or has changed since.
    pub(super) async fn was_made(&self, booking: &Booking) -> Result<bool, Error> {
        let all = self.event_types().await?;
        let id = booking.event_type.as_ref().map(|event_type| event_type.id);
        let event_type = all.iter().find(|event_type| Some(event_type.id) == id);
        let policy = event_type.and_then(|event_type| event_type.confirmation_policy.as_ref());
        let notice = booking.start.duration_since(booking.created_at);
        Ok(policy.is_none_or(|policy| !policy.asks_at(notice)))
    }

    /// The event type with this id, or with this slug where the id is 0.
    ///
    /// # Errors
    /// `EVENT_TYPE_UNKNOWN`, or Cal.com's.
    pub(crate) async fn event_type(&self, id: i64, slug: &str, shown: Shown) -> Result<EventType, Error> {
        let all = self.event_types().await?;
        let is_it = |event_type: &&EventType| match id {
            0 => event_type.slug == slug,
            id => event_type.id == id,
        };
        let is_shown = |event_type: &&EventType| shown == Shown::ToUs || self.is_shown(event_type);
        all.iter().filter(is_shown).find(is_it).cloned().ok_or_else(|| {
            let why = "the calendar has no such event type";
            Fault::new(Kind::NotFound, Reason::EventTypeUnknown, why).into()
        })
    }
}
