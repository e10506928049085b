//! Moving and cancelling a meeting: once, whatever answers are lost on the way.
//!
//! What came of an unclear answer shows in the booking itself, so it is looked at before anything is asked again. The
//! invariants: a repetition of a call whose outcome is known changes nothing, also where the meeting was moved once more
//! since; and what Cal.com has confirmed is not asked for again, whatever it shows a moment later.

use std::time::{Duration, Instant};

use domain::{Fault, Kind, Reason};
use jiff::{SignedDuration, Timestamp};
use providers::{error::Error, owner::Owner};
use store::{Attempts, Work};

use super::{
    Calendar, Meeting, NotBooked, Status, intents::Begun, meeting::MEETINGS, owned::unknown, refresh::Look,
};
use crate::calcom::wire::{self, Booking};

/// How often Cal.com is asked for one change within one call.
const TRIES: u32 = 2;
/// How long a change that may have been made is given to show before it is asked for again.
const SHOWS: Duration = Duration::from_secs(2);
/// An answer that took longer leaves no time to ask again within the same call.
const QUICK: Duration = Duration::from_secs(10);
/// A call that was broken off stands in the way of notices no longer.
const ACTING: SignedDuration = SignedDuration::from_secs(60);

impl Calendar {
    /// Moves a meeting of this caller to another start.
    ///
    /// # Errors
    /// It is not the caller's; it is cancelled; the slot is not free; the `request_id` is missing or was another's;
    /// Cal.com's: where the answer was unclear, the same call may be made again.
    pub(crate) async fn reschedule(
        &self,
        owner: &Owner,
        request_id: &str,
        id: &str,
        start: Timestamp,
        reason: &str,
    ) -> Result<Meeting, NotBooked> {
        let meeting = self.owned(owner, id).await?;
        let mut begun = self.begin(owner, request_id, &["move", id, &start.to_string()]).await?;
        if begun.intent.uid.is_some() {
            return Ok(meeting);
        }
        self.act(&meeting, true).await?;
        let outcome = self.move_once(&mut begun, &meeting, start, reason).await;
        self.act(&meeting, false).await?;
        match &outcome {
            Ok(meeting) => self.settle(&begun.id, meeting).await?,
            Err(_) => self.give_up(&begun).await?,
        }
        outcome
    }

    /// Cancels a meeting of this caller; one that is cancelled or refused stays so.
    ///
    /// # Errors
    /// It is not the caller's; the `request_id` is missing or was another's; Cal.com's.
    pub(crate) async fn cancel(
        &self,
        owner: &Owner,
        request_id: &str,
        id: &str,
        reason: &str,
    ) -> Result<Meeting, Error> {
        let meeting = self.owned(owner, id).await?;
        let mut begun = self.begin(owner, request_id, &["cancel", id]).await?;
        if begun.intent.uid.is_some() {
            return Ok(meeting);
        }
        self.act(&meeting, true).await?;
        let outcome = self.cancel_once(&mut begun, &meeting, reason).await;
        self.act(&meeting, false).await?;
        match &outcome {
            Ok(meeting) => self.settle(&begun.id, meeting).await?,
            Err(_) => self.give_up(&begun).await?,
        }
        outcome
    }

    async fn cancel_once(
        &self,
        begun: &mut Begun,
        meeting: &Meeting,
        reason: &str,
    ) -> Result<Meeting, Error> {
        let mut meeting = self.looked_at(meeting).await?;
        let mut tries = 0;
        while meeting.is_alive() {
            let asked = Instant::now();
            let outcome = self.client.cancel(meeting.uid(), reason).await;
            self.slots.drop_all();
            let failure = match outcome {
                Ok(booking) => {
                    // It is, whatever the answer was read from.
                    let booking = Booking { status: wire::Status::Cancelled, ..booking };
                    return self.shown(&booking).await;
                }
                Err(failure) => failure,
            };
            meeting = self.looked_at(&meeting).await?;
            if !meeting.is_alive() {
                break;
            }
            if failure.is_refusal() {
                return Err(begun.landing((self.clock)()).unwrap_or_else(|| failure.into()));
            }
            begun.doubt = true;
            tries += 1;
            if tries == TRIES || asked.elapsed() > QUICK {
                return Err(failure.into());
            }
        }
        Ok(meeting)
    }

    async fn move_once(
        &self,
        begun: &mut Begun,
        meeting: &Meeting,
        start: Timestamp,
        reason: &str,
    ) -> Result<Meeting, NotBooked> {
        let is_there = |meeting: &Meeting| meeting.start == start && meeting.is_alive();
        let mut meeting = self.looked_at(meeting).await?;
        let hold = self.held_by(&meeting.owner, meeting.event_type, start).await?;
        let hold = hold.filter(|hold| hold.stands((self.clock)()));
        let mut tries = 0;
        while !is_there(&meeting) {
            check_alive(&meeting)?;
            let (event_type, uid) = (meeting.event_type, meeting.uid().to_owned());
            if hold.is_none()
                && let Some(next_slots) = self.next_if_lost(event_type, start, Some(&uid)).await?
            {
                // another call like this one may have been quicker, so that the meeting itself is in the way
                meeting = self.looked_at(&meeting).await?;
                if is_there(&meeting) {
                    break;
                }
                return Err(begun
                    .landing((self.clock)())
                    .map_or(NotBooked::SlotLost { next_slots }, NotBooked::from));
            }
            let asked = Instant::now();
            let outcome = self.client.reschedule(&uid, start, reason).await;
            self.slots.drop_all();
            let failure = match outcome {
                Ok(booking) => {
                    // It leads back to the meeting also where the old one does not lead on yet.
                    let old = booking.rescheduled_from_uid.clone().or(Some(uid));
                    meeting = self.shown(&Booking { rescheduled_from_uid: old, ..booking }).await?;
                    break;
                }
                Err(failure) => failure,
            };
            if !failure.is_refusal() {
                begun.doubt = true;
                tries += 1;
                tokio::time::sleep(SHOWS).await;
            }
            meeting = self.looked_at(&meeting).await?;
            if is_there(&meeting) {
                break;
            }
            if failure.is_refusal() {
                if let Some(landing) = begun.landing((self.clock)()) {
                    return Err(landing.into());
                }
                let uid = Some(meeting.uid());
                let next_slots = self.next_if_taken(event_type, start, uid, failure).await?;
                return Err(NotBooked::SlotLost { next_slots });
            }
            if tries == TRIES || asked.elapsed() > QUICK {
                return Err(Error::from(failure).into());
            }
        }
        self.let_go(hold).await;
        Ok(meeting)
    }

    /// The meeting of a booking, as Cal.com answered it when it changed it.
    async fn shown(&self, booking: &Booking) -> Result<Meeting, Error> {
        let look = Look { shown: Some(booking), ..Look::at(&booking.uid) };
        self.refresh_of(look).await?.ok_or_else(unknown)
    }

    /// Notes that a caller changes a meeting, or has done so: what a webhook tells of it meanwhile is their own doing.
    async fn act(&self, meeting: &Meeting, acts: bool) -> Result<(), Error> {
        if meeting.owner.thread.is_empty() {
            return Ok(());
        }
        let (id, mut attempts) = (meeting.id(), Attempts::default());
        loop {
            let mut work = Work::new(&*self.store);
            let Some(mut meeting) = work.get(&MEETINGS, &id).await? else { return Ok(()) };
            meeting.acting = acts.then(|| (self.clock)() + ACTING);
            work.put(&MEETINGS, &id, &meeting);
            if attempts.commit(work).await? {
                return Ok(());
            }
        }
    }

    /// The meeting as Cal.com has it now.
    async fn looked_at(&self, meeting: &Meeting) -> Result<Meeting, Error> {
        self.refresh(meeting.uid()).await?.ok_or_else(unknown)
    }

    async fn settle(&self, intent: &str, meeting: &Meeting) -> Result<(), Error> {
        let uid = meeting.uids.first().cloned();
        self.note(intent, |intent| intent.uid.clone_from(&uid)).await
    }
}

fn check_alive(meeting: &Meeting) -> Result<(), Error> {
    let why = match meeting.status {
        Status::Requested | Status::Booked => return Ok(()),
        Status::Rejected => "the host has refused this booking",
        Status::Canceled => "this booking is cancelled",
    };
    Err(Fault::new(Kind::Precondition, Reason::StateWrong, why).into())
}
