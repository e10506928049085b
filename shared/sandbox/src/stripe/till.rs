//! The hands of those who pay, of their banks, and of whoever sits at Stripe's dashboard.
//!
//! The invariant: whatever they do is heard of by webhook and in the list of events, as at Stripe.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Refusal, back, billing,
    payment::{self, End},
    shelf::{Cause, Desk},
};
use crate::{Mishap, Sandbox};

/// What people do at Stripe; from [`Sandbox::till`]. Each answers the object that it is about, as it then is.
#[derive(Clone, Copy)]
pub struct Till<'a>(&'a Sandbox);

type Done = Result<Value, Mishap>;

impl Sandbox {
    /// What people do at Stripe.
    pub fn till(&self) -> Till<'_> {
        Till(self)
    }
}

impl Till<'_> {
    fn act(self, act: impl FnOnce(&Desk<'_>) -> Result<Value, Refusal>) -> Done {
        let done = self.0.at_stripe(Timestamp::now(), Cause::default(), act);
        done.map_err(|refusal| Mishap::Refused(refusal.to_string()))
    }

    /// Somebody pays a session; the session.
    ///
    /// # Errors
    /// It is not open; the same holds for what follows, each for its own reason.
    pub fn pay(self, session: &str, email: &str) -> Done {
        self.act(|desk| payment::attempt(desk, session, Some(email), End::Paid))
    }

    /// Somebody tries to pay, and the card is declined. The session stays open.
    ///
    /// # Errors
    /// It is not open.
    pub fn fail(self, session: &str) -> Done {
        self.act(|desk| payment::attempt(desk, session, None, End::Declined))
    }

    /// Somebody pays by a means of which the outcome is heard later, by [`Till::settle`].
    ///
    /// # Errors
    /// It is not open, or for a subscription.
    pub fn pay_async(self, session: &str, email: &str) -> Done {
        self.act(|desk| payment::attempt(desk, session, Some(email), End::Pending))
    }

    /// The outcome of [`Till::pay_async`] is there.
    ///
    /// # Errors
    /// Nothing is waited for.
    pub fn settle(self, session: &str, fine: bool) -> Done {
        self.act(|desk| payment::settle(desk, session, fine))
    }

    /// The session expires at once.
    ///
    /// # Errors
    /// It is not open.
    pub fn expire(self, session: &str) -> Done {
        self.act(|desk| payment::expire(desk, session))
    }

    /// Sessions expire whose time is over then; at other times they do when somebody asks anything. How many is told.
    ///
    /// # Errors
    /// The database's.
    pub fn expire_due(self, now: Timestamp) -> Result<usize, Mishap> {
        let open = |desk: &Desk<'_>| {
            let all = desk.all("checkout.session")?;
            Ok(all.iter().filter(|session| session["status"] == "open").count())
        };
        let refused = |refusal: Refusal| Mishap::Refused(refusal.to_string());
        let (before, _) = self.0.0.stripe.transact(now, Cause::default(), open).map_err(refused)?;
        let after = self.0.at_stripe(now, Cause::default(), open).map_err(refused)?;
        Ok(before - after)
    }

    /// So much of a payment goes back, or what is left of it; the refund.
    ///
    /// # Errors
    /// There is not so much left.
    pub fn refund(self, intent: &str, amount: Option<i64>) -> Done {
        self.act(|desk| {
            let charge = back::charge_of(desk, intent, StatusCode::NOT_FOUND)?;
            back::refund(desk, charge, amount, None, json!({}))
        })
    }

    /// The payer disputes a payment; the dispute.
    ///
    /// # Errors
    /// It was not paid, or is disputed already.
    pub fn dispute(self, intent: &str) -> Done {
        self.act(|desk| back::dispute(desk, back::charge_of(desk, intent, StatusCode::NOT_FOUND)?))
    }

    /// A dispute ends.
    ///
    /// # Errors
    /// It has ended already.
    pub fn close_dispute(self, dispute: &str, won: bool) -> Done {
        self.act(|desk| back::close(desk, dispute, won))
    }

    /// A subscription's next period begins, paid for or not.
    ///
    /// # Errors
    /// It has ended.
    pub fn renew(self, subscription: &str, fine: bool) -> Done {
        self.act(|desk| billing::renew(desk, subscription, fine))
    }

    /// A subscription ends at once.
    ///
    /// # Errors
    /// It has ended.
    pub fn cancel(self, subscription: &str) -> Done {
        self.act(|desk| billing::cancel(desk, subscription))
    }

    /// All objects of a kind, e.g. `payment_intent`, newest first.
    ///
    /// # Errors
    /// The database's.
    pub fn all(self, kind: &str) -> Result<Vec<Value>, Mishap> {
        let all = self.0.at_stripe(Timestamp::now(), Cause::default(), |desk| desk.all(kind));
        all.map_err(|refusal| Mishap::Refused(refusal.to_string()))
    }

    /// One object.
    ///
    /// # Errors
    /// There is none.
    pub fn get(self, id: &str) -> Done {
        self.act(|desk| {
            let found = desk.find(id)?.map(|(object, _)| object);
            found.ok_or_else(|| Refusal::no_such("object", id, "id", StatusCode::NOT_FOUND))
        })
    }

    /// What a session sells, in a word.
    pub(crate) fn sold(self, session: &str) -> String {
        let found = self.0.at_stripe(Timestamp::now(), Cause::default(), |desk| desk.find(session));
        let inner = found.ok().flatten().map(|(_, inner)| inner).unwrap_or_default();
        inner["line_items"][0]["description"].as_str().unwrap_or_default().to_owned()
    }
}
