//! Asking for a link, looking at it, ending it.
//!
//! The invariant: a link is looked after from the commit that begins it, and how it stands follows from what was fetched.

use domain::{Fault, Kind, Reason, id::CheckoutId};
use jiff::{SignedDuration, Timestamp};
use store::{Attempts, Work};

use super::{
    Till,
    checkout::{self, Attendee, CHECKOUTS, Checkout, Meeting, Order, Status},
    followed::Ends,
    payment::{self, Payer},
    share,
    task::{self, Call, Task},
};
use providers::{api::Failure, error::Error, owner::Owner, traces};

use crate::{bookings::terms, stripe::Session};

/// When a link that is being made is looked after, should its maker be gone.
pub(super) const LOOKED_AFTER: SignedDuration = SignedDuration::from_secs(60);

impl Till {
    /// Makes a link. The same request again answers the same.
    pub(crate) async fn create(&self, owner: Owner, order: Order) -> Result<Checkout, Error> {
        let id = CheckoutId::derive(&[&owner.visitor, &order.request_id]).to_string();
        self.begin(&id, owner, order).await?;
        self.wake();
        self.prepare_apart(&id).await?.ok_or_else(|| unknown().into())
    }

    /// A link of the caller.
    pub(crate) async fn get(&self, caller: &Owner, id: &str) -> Result<Checkout, Error> {
        domain::id::check(id).map_err(|_| unknown())?;
        let found = CHECKOUTS.get(self.store(), id).await?.map(|found| found.value);
        Ok(found.filter(|checkout| checkout.owner.is(caller)).ok_or_else(unknown)?)
    }

    /// The caller's links before a place, the newest first.
    pub(crate) async fn list(&self, caller: &Owner, before: &str, size: u32) -> Result<Vec<Checkout>, Error> {
        let found = super::checkout::list(self.store(), caller, before, size).await?;
        Ok(found.into_iter().filter(|checkout| checkout.owner.is(caller)).collect())
    }

    /// Ends a link of the caller's that nobody has paid.
    pub(crate) async fn expire(&self, caller: &Owner, id: &str) -> Result<Checkout, Error> {
        self.get(caller, id).await?;
        self.prepare_apart(id).await?;
        let mut attempts = Attempts::default();
        let checkout = loop {
            let mut work = Work::new(self.store());
            let mut checkout = work.get(&CHECKOUTS, id).await?.ok_or_else(unknown)?;
            if checkout.status != Status::Open || checkout.called_off {
                break checkout;
            }
            checkout.called_off = true;
            work.put(&CHECKOUTS, id, &checkout);
            // Should this one be gone before Stripe has answered.
            let due = self.now() + LOOKED_AFTER;
            task::put(&mut work, &Task::Expire(id.to_owned()), due).await?;
            if attempts.commit(work).await? {
                break checkout;
            }
        };
        if checkout.status == Status::Open {
            self.end_session(id).await?;
        }
        let checkout = self.get(caller, id).await?;
        if checkout.status.is_over() {
            return Ok(checkout);
        }
        let why = "the link was paid, or cannot be ended";
        Err(Fault::new(Kind::Precondition, Reason::StateWrong, why).into())
    }

    /// Ends at Stripe a link that waits to be paid, and looks at it.
    pub(super) async fn end_session(&self, id: &str) -> Result<(), Error> {
        let found = CHECKOUTS.get(self.store(), id).await?.map(|found| found.value);
        let Some(checkout) = found.filter(|checkout| checkout.status == Status::Open) else { return Ok(()) };
        let key = checkout.expiry_key(self.now());
        match self.stripe().expire_session(&checkout.session, &key).await {
            // One that is open no longer is refused; the look that follows says what it is.
            Ok(_) | Err(Failure::Refused { .. }) => self.refresh_link(id).await.map(drop),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Keeps what is asked for, and looks after it from then on.
    async fn begin(&self, id: &str, owner: Owner, order: Order) -> Result<(), Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(self.store());
            if let Some(known) = work.get(&CHECKOUTS, id).await? {
                if known.fingerprint == order.fingerprint(&owner) {
                    return Ok(());
                }
                let why = "request_id came before with another content";
                return Err(Fault::new(Kind::Conflict, Reason::RequestIdReused, why).into());
            }
            let item = self.catalogue().item(&owner.workflow, &order.item)?;
            let mut wanted = order.clone();
            if item.meeting.is_some() {
                wanted.start = Some(self.start(order.start)?);
                wanted.attendee = Attendee::of(terms::guest(order.attendee.asked())?);
            } else if order.start.is_some() {
                return Err(Fault::invalid("start_time", "the item has no meeting").into());
            }
            let minutes = self.0.deps.minutes;
            let fingerprint = order.fingerprint(&owner);
            let checkout = Checkout::begin(id, owner.clone(), wanted, item, minutes, self.now());
            let checkout = Checkout { fingerprint, ..checkout };
            if checkout.meeting == Meeting::Held {
                share::claim(&mut work, &checkout, self.now()).await?;
            }
            work.put(&CHECKOUTS, id, &checkout);
            let named = Payer::of_attendee(&checkout.attendee);
            traces::leave(&mut work, id, &checkout.owner, &named.email, &named.phone).await?;
            task::put(&mut work, &Task::Prepare(id.to_owned()), self.now() + LOOKED_AFTER).await?;
            if attempts.commit(work).await? {
                return Ok(());
            }
        }
    }

    /// A start before which a link can be made and ends.
    fn start(&self, start: Option<Timestamp>) -> Result<Timestamp, Fault> {
        let now = self.now();
        let start = terms::start(start, now)?;
        let first = checkout::first_start(now);
        if start < first {
            let minutes = first.duration_since(now).as_mins();
            let why =
                format!("start_time must be {minutes} minutes ahead or more: a link to pay lives that long");
            return Err(Fault::invalid("start_time", why));
        }
        Ok(start)
    }

    /// Looks at a session that Stripe told of, and at what came out of it.
    pub(super) async fn refresh_session(&self, session: &str) -> Result<Ends, Error> {
        let session = self.stripe().session(session).await?;
        let id = session.client_reference_id.as_deref().filter(|id| domain::id::check(id).is_ok());
        if let Some(id) = id
            && let Some(checkout) = self.prepare(id).await?
            && checkout.session == *session.id
        {
            return self.refresh_link(id).await;
        }
        // Nobody of ours asked for it; the money counts all the same.
        self.refresh_money(&session).await
    }

    /// Looks at a link of ours, and at what came out of it.
    pub(super) async fn refresh_link(&self, id: &str) -> Result<Ends, Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(self.store());
            let known: Option<Checkout> = work.get(&CHECKOUTS, id).await?;
            let Some(known) = known.filter(|known| !known.session.is_empty()) else { return Ok(Ends::new()) };
            let session = self.stripe().session(&known.session).await?;
            let mut next = known.clone();
            next.advance(&session, self.has_failed(&session).await?);
            self.follow_meeting(&mut work, &mut next).await?;
            if next.erased && next.status == Status::Paid && known.status != Status::Paid {
                self.call_people(&mut work, &next, Call::ForgottenPaid).await?;
            }
            if next != known {
                work.put(&CHECKOUTS, id, &next);
                self.tell_visitor(&mut work, &known, &next).await?;
            }
            let is_news = !work.is_empty();
            if attempts.commit(work).await? {
                if is_news {
                    self.wake();
                }
                let mut ends = self.refresh_money(&session).await?;
                ends.push(id.to_owned());
                return Ok(ends);
            }
        }
    }

    /// Whether a session was completed and the money, of a subscription its first invoice's, does not come.
    async fn has_failed(&self, session: &Session) -> Result<bool, Error> {
        let is_open = session.payment_status == "unpaid" && session.status.as_deref() == Some("complete");
        match (&session.payment_intent, &session.invoice) {
            _ if !is_open => Ok(false),
            (Some(intent), _) => Ok(payment::is_failed(&self.stripe().intent(intent).await?)),
            (None, Some(invoice)) => self.has_failed_invoice(invoice).await,
            (None, None) => Ok(false),
        }
    }

    async fn has_failed_invoice(&self, id: &str) -> Result<bool, Error> {
        let invoice = self.stripe().invoice(id).await?;
        let charges = self.charges(&self.parts_of(id).await?).await?;
        let status = payment::Status::of_invoice(&invoice, &charges);
        Ok(matches!(status, Some(payment::Status::Failed | payment::Status::Canceled)))
    }

    async fn refresh_money(&self, session: &Session) -> Result<Ends, Error> {
        let mut ends = Ends::new();
        if let Some(subscription) = &session.subscription {
            ends.extend(self.refresh_subscription(subscription).await?);
        }
        ends.extend(match (&session.invoice, &session.payment_intent) {
            (Some(invoice), _) => self.refresh_invoice(invoice).await?,
            (None, Some(intent)) => self.refresh_intent(intent).await?,
            (None, None) => Ends::new(),
        });
        Ok(ends)
    }

    /// What follows for the meeting from how the link stands.
    pub(super) async fn follow_meeting(
        &self,
        work: &mut Work<'_>,
        checkout: &mut Checkout,
    ) -> Result<(), store::Error> {
        match (checkout.meeting, checkout.status) {
            (Meeting::Held | Meeting::Released, Status::Paid) if !checkout.erased => {
                checkout.meeting = Meeting::Booking;
                checkout.booking_since = Some(self.now());
                task::put(work, &Task::Book(checkout.id.clone()), self.now()).await
            }
            (Meeting::Held | Meeting::Released, Status::Paid) => {
                checkout.meeting = Meeting::SlotLost;
                Ok(())
            }
            (Meeting::Held, status) if status.is_over() => {
                checkout.meeting = Meeting::Released;
                task::put(work, &Task::Release(checkout.id.clone()), self.now()).await
            }
            _ => Ok(()),
        }
    }
}

/// What a caller is told of a link that is not there, or not theirs.
pub(crate) fn unknown() -> Fault {
    Fault::new(Kind::NotFound, Reason::CheckoutUnknown, "there is no such link")
}
