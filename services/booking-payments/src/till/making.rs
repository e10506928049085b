//! Making a link that was asked for.
//!
//! The document comes first, then the slot, then Stripe; whatever is lost on the way, asking again goes on where it ended.
//! The invariant: one request makes at most one link that anybody can pay, because every repetition carries the same key.

use domain::{Fault, Kind, Reason};
use jiff::SignedDuration;
use store::{Attempts, Work};
use tracing::Instrument as _;

use super::{
    Till,
    checkout::{self, CHECKOUTS, Checkout, Meeting, Status},
    link::{LOOKED_AFTER, unknown},
    task::{self, Task},
};
use providers::{api::Failure, error::Error};

use crate::stripe::Session;

/// Whoever asks the calendar for so long is gone.
const ASKING: SignedDuration = SignedDuration::from_secs(50);

impl Till {
    /// As [`Self::prepare`], whatever becomes of the caller: a slot that is held and not noted is nobody's.
    pub(super) async fn prepare_apart(&self, id: &str) -> Result<Option<Checkout>, Error> {
        let (till, id) = (self.clone(), id.to_owned());
        let prepared = tokio::spawn(async move { till.prepare(&id).await }.in_current_span());
        prepared.await.unwrap_or_else(|_| Err(Fault::internal().into()))
    }

    /// Holds the slot and asks Stripe for the link, if that was not done; the link then. Again is no different.
    pub(super) async fn prepare(&self, id: &str) -> Result<Option<Checkout>, Error> {
        // Two at once would be in each other's way at the calendar.
        let _alone = self.0.lanes.enter(id).await;
        let found = CHECKOUTS.get(self.store(), id).await?.map(|found| found.value);
        let Some(checkout) = found else { return Ok(None) };
        if checkout.status != Status::Preparing {
            return Ok(Some(checkout));
        }
        if checkout.erased || self.now() + SignedDuration::from_mins(30) > checkout.expires_at + LOOKED_AFTER
        {
            // Stripe makes no link that would live so short; whether it made this one does not matter, nobody has it.
            return self.abandon(&checkout).await.map(Some);
        }
        let checkout = match checkout.meeting {
            Meeting::Held if checkout.hold.is_none() => match self.hold_slot(id).await? {
                Some(held) if held.status == Status::Preparing => held,
                other => return Ok(other),
            },
            _ => checkout,
        };
        let keys = self.keys().await?;
        let form = checkout.form(keys, &self.0.deps.public).map_err(|_| Fault::internal())?;
        match self.stripe().create_session(&form, &checkout.idempotency_key()).await {
            Ok(session) if checkout::charged(&session).is_some_and(|sum| sum != checkout.item.price) => {
                Err(self.refuse_price(&checkout, &session).await)
            }
            Ok(session) => self.open(id, &session).await,
            Err(failure) => Err(self.take_back(&checkout, failure.into()).await),
        }
    }

    /// Holds the slot and notes it, before anybody can pay for it.
    ///
    /// It is held for the whole life of the link at once: to lengthen it would leave a gap. After an answer that was lost
    /// the slot may be held under a name that nobody knows; asked again, it is taken, and so it is said: it is not to be
    /// had until that hold ends.
    async fn hold_slot(&self, id: &str) -> Result<Option<Checkout>, Error> {
        let Some(checkout) = self.begin_to_hold(id).await? else { return Ok(None) };
        if checkout.hold.is_some() || checkout.status != Status::Preparing {
            return Ok(Some(checkout));
        }
        let hold = match self.meetings().hold(&checkout, checkout.held_until()).await {
            Ok(hold) => hold,
            Err(error) => return Err(self.take_back(&checkout, error).await),
        };
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(self.store());
            let Some(mut known) = work.get(&CHECKOUTS, id).await? else {
                let held = Checkout { hold: Some(hold), ..checkout };
                self.meetings().release(&held).await?;
                return Ok(None);
            };
            (known.hold, known.asked_at) = (Some(hold.clone()), None);
            if known.meeting == Meeting::Released {
                // It was let go while it was held: that is to be done again.
                task::put(&mut work, &Task::Release(id.to_owned()), self.now()).await?;
            }
            work.put(&CHECKOUTS, &known.id, &known);
            if let Some(due) = known.renewal(self.now()) {
                task::put(&mut work, &Task::Renew(known.id.clone()), due).await?;
            }
            if attempts.commit(work).await? {
                return Ok(Some(known));
            }
        }
    }

    /// Notes that the calendar is asked, so that no other instance asks it meanwhile and finds the slot taken by this one.
    async fn begin_to_hold(&self, id: &str) -> Result<Option<Checkout>, Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(self.store());
            let Some(mut known) = work.get(&CHECKOUTS, id).await? else { return Ok(None) };
            if known.hold.is_some() || known.status != Status::Preparing {
                return Ok(Some(known));
            }
            if known.asked_at.is_some_and(|at| self.now().duration_since(at) < ASKING) {
                return Err(busy());
            }
            known.asked_at = Some(self.now());
            work.put(&CHECKOUTS, id, &known);
            if attempts.commit(work).await? {
                return Ok(Some(known));
            }
        }
    }

    /// Takes back a link at which Stripe would charge another amount than the item's: what was said in the chat would be
    /// wrong, and its price is to be set right there or here.
    async fn refuse_price(&self, checkout: &Checkout, session: &Session) -> Error {
        let charged = checkout::charged(session).map(|charged| charged.to_string());
        let (item, price) = (&checkout.item.id, checkout.item.price.to_string());
        tracing::error!(
            item,
            price,
            charged,
            "the price at stripe is another one than the item's: no link is made"
        );
        let key = format!("{}-expire", checkout.idempotency_key());
        let ended = self.stripe().expire_session(&session.id, &key).await;
        if let Err(failure) = ended {
            // Nobody has its address.
            failure.report();
        }
        self.take_back(checkout, Fault::internal().into()).await
    }

    /// Notes Stripe's answer.
    async fn open(&self, id: &str, session: &Session) -> Result<Option<Checkout>, Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(self.store());
            let Some(mut checkout) = work.get(&CHECKOUTS, id).await? else { return Ok(None) };
            if checkout.status != Status::Preparing {
                return Ok(Some(checkout));
            }
            checkout.session = session.id.to_string();
            checkout.live = self.stripe().is_live(session.livemode);
            checkout.advance(session, false);
            work.put(&CHECKOUTS, id, &checkout);
            task::drop(&mut work, &Task::Prepare(id.to_owned())).await?;
            if attempts.commit(work).await? {
                return Ok(Some(checkout));
            }
        }
    }

    /// After a failure: what is certainly not made is forgotten, so that the same request may be made anew; what may be
    /// made is asked for again with the same key. Answers what the caller is told.
    async fn take_back(&self, checkout: &Checkout, error: Error) -> Error {
        let is_certain = match &error {
            Error::Refused(fault) => fault.kind != Kind::Unavailable && fault.kind != Kind::RateLimited,
            // 409: a request with the same key is still being worked on.
            Error::Provider(Failure::Refused { status, .. }) => status.as_u16() != 409,
            Error::Provider(_) | Error::Store(_) => false,
        };
        let taken_back =
            if is_certain { self.forget_unmade(checkout).await } else { self.end_asking(checkout).await };
        match (taken_back, error) {
            (Err(trouble), _) => trouble,
            // Somebody else made it, or makes it.
            (Ok(false), _) => busy(),
            (_, Error::Provider(Failure::Refused { status, .. })) if status.as_u16() == 409 => busy(),
            (Ok(true), error) => error,
        }
    }

    /// Whoever asks again need not wait for somebody who asks no more.
    async fn end_asking(&self, checkout: &Checkout) -> Result<bool, Error> {
        let mut work = Work::new(self.store());
        let known: Option<Checkout> = work.get(&CHECKOUTS, &checkout.id).await?;
        if let Some(known) = known.filter(|known| known.asked_at.is_some() && known == checkout) {
            work.put(&CHECKOUTS, &checkout.id, &Checkout { asked_at: None, ..known });
            // Whoever was quicker has noted more than this.
            let _: store::Commit = work.commit().await?;
        }
        Ok(true)
    }

    /// Removes a link that is still as it was read; false if somebody else was at it.
    async fn forget_unmade(&self, checkout: &Checkout) -> Result<bool, Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(self.store());
            let known: Option<Checkout> = work.get(&CHECKOUTS, &checkout.id).await?;
            if known.as_ref() != Some(checkout) {
                return Ok(known.is_none());
            }
            work.delete(&CHECKOUTS, &checkout.id);
            task::drop(&mut work, &Task::Prepare(checkout.id.clone())).await?;
            if attempts.commit(work).await? {
                break;
            }
        }
        if checkout.meeting == Meeting::Held
            && let Err(error) = self.meetings().release(checkout).await
        {
            tracing::warn!(checkout.id, %error, "a slot was not let go, it lapses by itself");
        }
        Ok(true)
    }

    /// Ends a link that never came to be.
    async fn abandon(&self, checkout: &Checkout) -> Result<Checkout, Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(self.store());
            let mut known: Checkout = work.get(&CHECKOUTS, &checkout.id).await?.ok_or_else(unknown)?;
            if known.status != Status::Preparing {
                return Ok(known);
            }
            known.status = Status::Expired;
            self.follow_meeting(&mut work, &mut known).await?;
            work.put(&CHECKOUTS, &known.id, &known);
            if attempts.commit(work).await? {
                self.wake();
                return Ok(known);
            }
        }
    }
}

/// What a caller is told whose request is being worked on at another place.
fn busy() -> Error {
    let why = "the same request is being worked on, try again";
    Fault::new(Kind::Unavailable, Reason::ProviderUnavailable, why).into()
}
