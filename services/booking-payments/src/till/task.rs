//! What the till does later, and again until it is done.
//!
//! The invariant: a task is put in the commit that makes it necessary, and doing it twice is no different from once.

use std::sync::Weak;

use domain::{Kind, Reason, id::EventId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{
    Attempts, Work,
    queue::{Handler, Next, Queue, Trouble},
};

use super::{
    Till,
    checkout::{CHECKOUTS, Checkout, Meeting, Status},
    meeting::Hold,
};
use providers::{
    api::Failure,
    books::{self, Telling},
    error::Error,
    jobs::{About, Told},
};

use crate::notices;

/// The till's tasks.
pub(crate) static TASKS: Queue<Task> = Queue::new("till_tasks");
/// A meeting that could not be booked for so long is for people to care for.
const PATIENCE: SignedDuration = SignedDuration::from_hours(12);
/// A booking that the calendar refuses for another reason than its slot is tried for so long: somebody has paid and waits.
const REFUSED_FOR: SignedDuration = SignedDuration::from_mins(10);
/// The pause before a slot that another one got between two holds is asked for again.
const TAKEN: SignedDuration = SignedDuration::from_mins(1);
/// So many starts are offered in place of a lost one.
pub(super) const OFFERED: usize = 3;

/// Something to do later about a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Task {
    /// Ask Stripe again for a link whose answer is not known.
    Prepare(String),
    /// Hold the slot for longer.
    Renew(String),
    /// Let the slot go.
    Release(String),
    /// Book what is paid.
    Book(String),
    /// End at Stripe what was called off, or what somebody who is forgotten could still pay.
    Expire(String),
    /// Look once more at a payment that came from no link.
    Settle(String),
}

/// Why people are called: somebody paid and does not get what was paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// The slot is not to be had.
    SlotLost,
    /// The calendar has not booked it for so long, for other reasons than its slot.
    NotBooked,
    /// Whoever paid was forgotten before the meeting was booked.
    ForgottenUnmet,
    /// Whoever paid was forgotten before the money came.
    ForgottenPaid,
}

/// Puts a task as part of `work`.
pub(super) async fn put(work: &mut Work<'_>, task: &Task, due_at: Timestamp) -> Result<(), store::Error> {
    TASKS.put(work, &task.id(), task, due_at).await
}

/// Removes a task as part of `work`.
pub(super) async fn drop(work: &mut Work<'_>, task: &Task) -> Result<(), store::Error> {
    TASKS.remove(work, &task.id()).await
}

impl Told for Task {
    fn about(&self) -> About {
        About::own(TASKS.collection(), self.subject())
    }
}

impl Task {
    fn id(&self) -> String {
        let (kind, id) = self.subject();
        format!("{kind}-{id}")
    }

    /// Its kind, and the id of what it is about.
    fn subject(&self) -> (&'static str, &str) {
        match self {
            Self::Prepare(id) => ("prepare", id),
            Self::Renew(id) => ("renew", id),
            Self::Release(id) => ("release", id),
            Self::Book(id) => ("book", id),
            Self::Expire(id) => ("expire", id),
            Self::Settle(id) => ("settle", id),
        }
    }
}

impl Call {
    /// What the event is called, and what people read.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::SlotLost => ("payment.slot_lost", "its slot is not to be had: offer another one"),
            Self::NotBooked => ("payment.not_booked", "the calendar does not book it: book it by hand"),
            Self::ForgottenUnmet => {
                ("payment.payer_forgotten", "whoever paid was forgotten before the meeting was booked")
            }
            Self::ForgottenPaid => (
                "payment.payer_forgotten",
                "whoever paid was forgotten before: nothing is booked, the money may have to go back",
            ),
        }
    }
}

/// The hands of a till that is still there. A worker that held the till, which holds it to wake it, would keep both, and
/// the store, for ever.
pub(super) struct Hands(pub(super) Weak<super::Inner>);

#[async_trait::async_trait]
impl Handler<Task> for Hands {
    async fn handle(&self, id: &str, task: &Task) -> Result<Next, Trouble> {
        match self.0.upgrade() {
            Some(inner) => Till(inner).handle(id, task).await,
            None => Err(Trouble::new("the service leaves")),
        }
    }
}

#[async_trait::async_trait]
impl Handler<Task> for Till {
    async fn handle(&self, _id: &str, task: &Task) -> Result<Next, Trouble> {
        match task {
            Task::Prepare(id) => {
                self.prepare(id).await?;
                Ok(Next::Done)
            }
            Task::Renew(id) => Ok(self.renew(id).await?),
            Task::Release(id) => {
                if let Some(checkout) = self.stored(id).await? {
                    self.meetings().release(&checkout).await?;
                }
                Ok(Next::Done)
            }
            Task::Book(id) => {
                self.book(id).await?;
                Ok(Next::Done)
            }
            Task::Expire(id) => {
                self.end_session(id).await?;
                match self.stored(id).await?.map(|checkout| checkout.status) {
                    Some(Status::Open) => Err(Trouble::new("the link can still be paid")),
                    _ => Ok(Next::Done),
                }
            }
            Task::Settle(id) => {
                self.refresh_intent(id).await?;
                Ok(Next::Done)
            }
        }
    }
}

impl Till {
    async fn stored(&self, id: &str) -> Result<Option<Checkout>, Error> {
        Ok(CHECKOUTS.get(self.store(), id).await?.map(|found| found.value))
    }

    async fn renew(&self, id: &str) -> Result<Next, Error> {
        let Some(checkout) = self.stored(id).await? else { return Ok(Next::Done) };
        let waits = matches!(checkout.status, Status::Open | Status::Pending | Status::Preparing);
        if checkout.meeting != Meeting::Held || !waits || self.now() >= checkout.held_until() {
            return Ok(Next::Done);
        }
        match self.meetings().hold(&checkout, checkout.held_until()).await {
            Ok(hold) => self.note_hold(id, hold).await,
            // Whoever pays is told then; until then it may come free again.
            Err(Error::Refused(fault)) if fault.reason == Reason::SlotTaken => {
                Ok(Next::At(self.now() + TAKEN))
            }
            Err(error) => Err(error),
        }
    }

    async fn note_hold(&self, id: &str, hold: Hold) -> Result<Next, Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(self.store());
            let Some(mut checkout) = work.get(&CHECKOUTS, id).await? else { return Ok(Next::Done) };
            checkout.hold = Some(hold.clone());
            if checkout.meeting == Meeting::Released {
                // It was let go while it was renewed: that is to be done again.
                put(&mut work, &Task::Release(id.to_owned()), self.now()).await?;
            }
            work.put(&CHECKOUTS, id, &checkout);
            if attempts.commit(work).await? {
                let due = checkout.renewal(self.now()).filter(|_| checkout.meeting == Meeting::Held);
                return Ok(due.map_or(Next::Done, Next::At));
            }
        }
    }

    /// Books the meeting of a link that is paid, or finds its slot lost.
    async fn book(&self, id: &str) -> Result<(), Error> {
        let Some(checkout) = self.stored(id).await? else { return Ok(()) };
        match checkout.meeting {
            Meeting::Booking => {}
            // The row was not told of it yet, should this be done again.
            Meeting::Booked => return self.refresh_link(id).await.map(std::mem::drop),
            _ => return Ok(()),
        }
        match self.meetings().book(&checkout).await {
            Ok(booking) => {
                self.settle_meeting(id, Ok(&booking), &[]).await?;
                // The payment's row names the meeting.
                self.refresh_link(id).await.map(std::mem::drop)
            }
            Err(error) if self.is_lost(&checkout, &error) => {
                let mut next = self.meetings().next_free(&checkout).await.unwrap_or_default();
                next.truncate(OFFERED);
                let is_taken = matches!(&error, Error::Refused(fault) if fault.reason == Reason::SlotTaken);
                let call = if is_taken { Call::SlotLost } else { Call::NotBooked };
                self.settle_meeting(id, Err(call), &next).await
            }
            Err(error) => Err(error),
        }
    }

    /// Whether trying again is of no use.
    fn is_lost(&self, checkout: &Checkout, error: &Error) -> bool {
        let is_refused = matches!(error, Error::Refused(fault) if matches!(
            fault.kind,
            Kind::AlreadyExists | Kind::NotFound | Kind::Invalid | Kind::Precondition
        ));
        let waited = checkout.booking_since.map(|since| self.now().duration_since(since)).unwrap_or_default();
        is_refused || waited >= PATIENCE || (is_of_no_use(error) && waited >= REFUSED_FOR)
    }

    /// Has the visitor told in their chat what became of a link.
    pub(super) async fn tell_visitor(
        &self,
        work: &mut Work<'_>,
        before: &Checkout,
        after: &Checkout,
    ) -> Result<(), store::Error> {
        match notices::of_checkout(before, after) {
            Some(notice) => books::tell(work, &Telling::Notice(notice), self.now()).await,
            None => Ok(()),
        }
    }

    /// Has people care for somebody who paid and does not get what was paid for.
    pub(super) async fn call_people(
        &self,
        work: &mut Work<'_>,
        checkout: &Checkout,
        call: Call,
    ) -> Result<(), store::Error> {
        books::tell(work, &called(checkout, call, self.now()), self.now()).await
    }

    async fn settle_meeting(
        &self,
        id: &str,
        outcome: Result<&str, Call>,
        next_starts: &[Timestamp],
    ) -> Result<(), Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(self.store());
            let Some(mut checkout) = work.get(&CHECKOUTS, id).await? else { return Ok(()) };
            if checkout.meeting != Meeting::Booking {
                return Ok(());
            }
            let before = checkout.clone();
            checkout.meeting = if outcome.is_ok() { Meeting::Booked } else { Meeting::SlotLost };
            outcome.unwrap_or_default().clone_into(&mut checkout.booking);
            checkout.next_starts = next_starts.to_vec();
            work.put(&CHECKOUTS, id, &checkout);
            self.tell_visitor(&mut work, &before, &checkout).await?;
            if let Err(call) = outcome {
                self.call_people(&mut work, &checkout, call).await?;
            }
            if attempts.commit(work).await? {
                self.wake();
                return Ok(());
            }
        }
    }
}

/// The calendar will refuse the same again. A key that it does not take is not the booking's fault and may be mended.
fn is_of_no_use(error: &Error) -> bool {
    matches!(error, Error::Provider(Failure::Refused { status, .. }) if !matches!(status.as_u16(), 401 | 403))
}

/// That people must care for somebody who paid and does not get what was paid for.
fn called(checkout: &Checkout, call: Call, now: Timestamp) -> Telling {
    let (kind, why) = call.words();
    let id = EventId::derive(&[kind, &checkout.id]).to_string();
    let owner = &checkout.owner;
    let body = json!({
        "id": id,
        "type": kind,
        "outcome": "needs_human",
        "occurred_at": now,
        "session_id": owner.session,
        "visitor_id": owner.visitor,
        "workflow": owner.workflow,
        "page": owner.page,
        "checkout_id": checkout.id,
        "payment_id": checkout.payment,
        "message": format!("{} is paid, but {why}", checkout.item.name),
    });
    Telling::Event { id, body: body.to_string(), payment: checkout.payment.clone(), live: checkout.live }
}
