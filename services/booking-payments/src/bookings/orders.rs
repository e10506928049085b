//! Booking: once, whatever answers are lost on the way.
//!
//! The intent is stored first, and its token goes with the booking. After an unclear answer the booking is looked for by
//! that token before anything is asked again. Cal.com books over a reservation, so a slot that is not held is asked for first.
//! The invariants: a `request_id` makes one booking at most, because Cal.com is asked again only where it showed none, and two
//! of them would want the same slot; and nobody is told that a slot is lost while their own booking may be what took it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use domain::{Fault, Kind, Reason};
use jiff::{SignedDuration, Timestamp};

use super::{Calendar, Hold, Meeting, intents, intents::Begun, refresh::Look};
use providers::{api::Failure, error::Error, owner::Owner};

use crate::calcom::{Guest, Since, wire::Booking};

/// How often Cal.com is asked for one booking within one call.
const TRIES: u32 = 2;
/// How long a booking that may have been made is given to show before it is asked for again.
const SHOWS: Duration = Duration::from_secs(2);
/// An answer that took longer leaves no time to ask again within the same call.
const QUICK: Duration = Duration::from_secs(10);
/// Most pages in which a booking is looked for.
const PAGES: u32 = 10;
/// How far Cal.com's clock may be behind ours.
const SKEW: SignedDuration = SignedDuration::from_mins(10);

/// What is to be booked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// What is booked.
    pub(crate) event_type: i64,
    /// Which slot.
    pub(crate) start: Timestamp,
    /// Who comes.
    pub(crate) guest: Guest,
    /// What the host should know.
    pub(crate) notes: String,
}

/// Why something was not booked, moved or held.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotBooked {
    /// Somebody else has the slot, or it was never free.
    #[error("the slot is taken")]
    SlotLost {
        /// The next free ones.
        next_slots: Vec<Timestamp>,
    },
    /// Something else.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<NotBooked> for Error {
    fn from(why: NotBooked) -> Self {
        match why {
            NotBooked::Failed(error) => error,
            NotBooked::SlotLost { next_slots } => {
                let next: Vec<_> = next_slots.iter().map(ToString::to_string).collect();
                let mut fault = Fault::new(Kind::AlreadyExists, Reason::SlotTaken, "the slot is taken");
                fault.metadata = BTreeMap::from([("next_slots".to_owned(), next.join(","))]);
                fault.into()
            }
        }
    }
}

impl Calendar {
    /// Books for a visitor, or answers what this `request_id` booked. A hold of the slot is let go once it is booked, and
    /// before only if Cal.com takes no booking beside it.
    ///
    /// # Errors
    /// The slot is not free: the next ones. The `request_id` is missing or was another's. Cal.com's: where the answer was
    /// unclear, the same call may be made again.
    pub(crate) async fn book(
        &self,
        owner: &Owner,
        request_id: &str,
        order: &Order,
        hold: Option<&Hold>,
    ) -> Result<Meeting, NotBooked> {
        let content = content(order);
        let content: Vec<_> = content.iter().map(String::as_str).collect();
        let mut begun = self.begin(owner, request_id, &content).await?;
        if let Some(uid) = &begun.intent.uid {
            return Ok(self.known(uid).await?);
        }
        if begun.doubt
            && let Some(meeting) = self.find(&begun, order).await?
        {
            return Ok(meeting);
        }
        let hold = match hold {
            Some(hold) => Some(hold.clone()),
            None => self.held_by(owner, order.event_type, order.start).await?,
        };
        let outcome = self.ask(&mut begun, order, hold).await;
        if outcome.is_err() {
            self.give_up(&begun).await?;
        }
        outcome
    }

    async fn ask(
        &self,
        begun: &mut Begun,
        order: &Order,
        mut hold: Option<Hold>,
    ) -> Result<Meeting, NotBooked> {
        let Order { event_type, start, guest, notes } = order;
        let is_held = hold.as_ref().is_some_and(|hold| hold.stands((self.clock)()));
        if !is_held && let Some(next_slots) = self.next_if_lost(*event_type, *start, None).await? {
            let lost = NotBooked::SlotLost { next_slots };
            return self.landed(begun, order).await?.ok_or(lost);
        }
        let mut tries = 0;
        loop {
            let asked = Instant::now();
            match self.client.book(*event_type, *start, guest, notes, begun.metadata()).await {
                Ok(booking) => {
                    self.slots.drop_all();
                    let meeting = self.taken(booking, &begun.token()).await?;
                    self.let_go(hold).await;
                    return Ok(meeting);
                }
                Err(failure) if super::slots::may_be_taken(&failure) => {
                    let Some(hold) = hold.take() else { return self.refused(failure, begun, order).await };
                    self.release(&hold).await?;
                }
                Err(failure) if failure.is_refusal() => return Err(Error::from(failure).into()),
                Err(unclear) => {
                    begun.doubt = true;
                    tries += 1;
                    tokio::time::sleep(SHOWS).await;
                    if let Some(meeting) = self.find(begun, order).await? {
                        self.let_go(hold).await;
                        return Ok(meeting);
                    }
                    if tries == TRIES || asked.elapsed() > QUICK {
                        return Err(Error::from(unclear).into());
                    }
                }
            }
        }
    }

    async fn refused(&self, failure: Failure, begun: &Begun, order: &Order) -> Result<Meeting, NotBooked> {
        if let Some(meeting) = self.landed(begun, order).await? {
            return Ok(meeting);
        }
        let next_slots = self.next_if_taken(order.event_type, order.start, None, failure).await?;
        Err(NotBooked::SlotLost { next_slots })
    }

    /// A refusal after an answer that was lost, or of a call that another one like it was quicker than, is none.
    ///
    /// # Errors
    /// It may still be none.
    async fn landed(&self, begun: &Begun, order: &Order) -> Result<Option<Meeting>, Error> {
        if let Some(meeting) = self.find(begun, order).await? {
            return Ok(Some(meeting));
        }
        begun.landing((self.clock)()).map_or(Ok(None), Err)
    }

    /// The booking that came of an intent, if Cal.com has one.
    async fn find(&self, begun: &Begun, order: &Order) -> Result<Option<Meeting>, Error> {
        let updated_after = begun.intent.created_at.saturating_sub(SKEW).unwrap_or(Timestamp::MIN);
        let token = begun.token();
        // Cal.com may have another spelling of the address: without it there is only more to look through.
        let email = Some(order.guest.email.clone()).filter(|email| !email.is_empty());
        let mut ways = vec![None];
        ways.extend(email.map(Some));
        for email in ways.into_iter().rev() {
            let mut since = Since { updated_after, email, skip: 0 };
            for _ in 0..PAGES {
                let (bookings, last) = self.client.bookings(&since).await?;
                let is_it = |booking: &&Booking| intents::token_of(booking).as_deref() == Some(&token);
                if let Some(booking) = bookings.iter().find(is_it) {
                    return Ok(Some(self.taken(booking.clone(), &token).await?));
                }
                if last {
                    break;
                }
                since = since.after(&bookings);
            }
        }
        Ok(None)
    }

    /// The document of a booking that was made just now, of which Cal.com may show nothing elsewhere yet.
    async fn taken(&self, booking: Booking, token: &str) -> Result<Meeting, Error> {
        let look = Look { token: Some(token), shown: Some(&booking), ..Look::at(&booking.uid) };
        let found = self.refresh_of(look).await?;
        found.ok_or_else(|| {
            let why = "it does not show the booking that it made";
            Failure::Malformed { provider: crate::calcom::NAME, why }.into()
        })
    }

    /// The meeting that a request made; it is looked at if its document is not there yet.
    async fn known(&self, first_uid: &str) -> Result<Meeting, Error> {
        match self.meeting(&super::meeting::id_of(first_uid)).await? {
            Some(meeting) => Ok(meeting),
            None => self.refresh(first_uid).await?.ok_or_else(super::owned::unknown),
        }
    }

    /// A reservation that outlives its booking only keeps a slot that is booked: it ends by itself.
    pub(super) async fn let_go(&self, hold: Option<Hold>) {
        if let Some(hold) = hold
            && let Err(Error::Provider(failure)) = self.release(&hold).await
        {
            failure.report();
        }
    }
}

/// What makes two orders the same one.
fn content(order: &Order) -> Vec<String> {
    let Order { event_type, start, guest, notes } = order;
    let Guest { name, email, phone, time_zone, language } = guest;
    let texts = [name, email, phone, time_zone, language, notes].map(Clone::clone);
    ["book".to_owned(), event_type.to_string(), start.to_string()].into_iter().chain(texts).collect()
}
