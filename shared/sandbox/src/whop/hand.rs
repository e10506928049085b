//! The hands of those who join, pay and leave, of their banks, and of whoever sits at Whop's dashboard.
//!
//! The invariant: whatever they do is heard of by webhook, as at Whop.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    Generation, back,
    error::Taken,
    life::{self, Origin},
    records::{Checkout, Dispute, Membership, Payment, Person},
    shelf::Desk,
    version::Version,
    view::Shown,
};
use crate::{Mishap, Sandbox};

/// What people do at Whop; from [`Sandbox::club`]. Each answers the object that it is about, as the dated version of
/// the API then shows it.
#[derive(Clone, Copy)]
pub struct Club<'a>(&'a Sandbox);

type Done = Result<Value, Mishap>;

impl Sandbox {
    /// What people do at Whop.
    pub fn club(&self) -> Club<'_> {
        Club(self)
    }
}

impl Club<'_> {
    fn act<T>(self, act: impl FnOnce(&Desk<'_>) -> Taken<T>) -> Result<T, Mishap> {
        self.0.at_whop(Timestamp::now(), act).map_err(|refusal| Mishap::Refused(refusal.to_string()))
    }

    fn show<T: Shown>(self, act: impl FnOnce(&Desk<'_>) -> Taken<T>) -> Done {
        self.act(|desk| act(desk)?.shown(desk, Version::Dated))
    }

    /// Which of Whop's webhooks are sent from now on.
    pub fn speak(self, generation: Generation) {
        self.0.0.whop.speak(generation);
    }

    /// Which of Whop's webhooks are sent.
    pub fn generation(self) -> Generation {
        self.0.0.whop.generation()
    }

    /// Somebody comes to Whop: `user_…`, a name, an address. The username is the id without its prefix.
    ///
    /// # Errors
    /// The id is taken.
    pub fn add_person(self, id: &str, name: &str, email: &str) -> Result<(), Mishap> {
        self.act(|desk| {
            desk.add(&Person {
                id: id.to_owned(),
                username: id.trim_start_matches("user_").to_owned(),
                name: name.to_owned(),
                email: email.to_owned(),
                created_at: desk.now,
            })
        })
    }

    /// Somebody buys a plan, or begins its trial; the membership.
    ///
    /// # Errors
    /// There is no such person or plan. What follows refuses what cannot happen to an object as it is.
    pub fn join(self, user: &str, plan: &str) -> Done {
        self.show(|desk| life::join(desk, user, plan, Origin::default()))
    }

    /// The same, with metadata on the membership.
    ///
    /// # Errors
    /// As for [`Club::join`].
    pub fn join_with(self, user: &str, plan: &str, metadata: Map<String, Value>) -> Done {
        self.show(|desk| life::join(desk, user, plan, Origin { checkout: None, metadata }))
    }

    /// Somebody buys what a checkout configuration sells; who has the plan's product already goes over to the plan.
    /// The membership.
    ///
    /// # Errors
    /// There is no such link or person.
    pub fn buy(self, checkout: &str, user: &str) -> Done {
        self.show(|desk| {
            let checkout: Checkout = desk.get(checkout)?;
            let product = |plan: &str| super::world::Plan::of(plan).map(|plan| plan.product).ok();
            let same = |one: &Membership| {
                one.user == user
                    && one.renews()
                    && one.plan != checkout.plan
                    && product(&one.plan) == product(&checkout.plan)
            };
            match desk.all::<Membership>()?.into_iter().find(same) {
                Some(old) => life::upgrade(desk, &old.id, &checkout.plan, Origin::from(&checkout)),
                None => life::join(desk, user, &checkout.plan, Origin::from(&checkout)),
            }
        })
    }

    /// Somebody tries to buy, and the card is declined; the payment.
    ///
    /// # Errors
    /// There is no such link or person.
    pub fn fail_to_buy(self, checkout: &str, user: &str) -> Done {
        self.show(|desk| {
            let checkout: Checkout = desk.get(checkout)?;
            life::fail_to_join(desk, user, &checkout.plan, Origin::from(&checkout))
        })
    }

    /// Whop reminds of a trial's end.
    ///
    /// # Errors
    /// There is no trial.
    pub fn trial_ends_soon(self, membership: &str) -> Done {
        self.show(|desk| life::trial_ends_soon(desk, membership))
    }

    /// A trial or a period ends, and the next period is paid for, or not; a payment that is owed is tried again.
    ///
    /// # Errors
    /// It does not renew.
    pub fn renew(self, membership: &str, fine: bool) -> Done {
        self.show(|desk| life::renew(desk, membership, fine))
    }

    /// The member cancels, or takes the cancellation back.
    ///
    /// # Errors
    /// It does not renew.
    pub fn set_cancel(self, membership: &str, cancel: bool) -> Done {
        self.show(|desk| life::set_cancel(desk, membership, cancel, None))
    }

    /// The last period ends: cancelled if that was wished, else expired if it is owed for.
    ///
    /// # Errors
    /// It goes on.
    pub fn period_ends(self, membership: &str) -> Done {
        self.show(|desk| life::period_ends(desk, membership))
    }

    /// Access ends at once.
    ///
    /// # Errors
    /// It has ended.
    pub fn revoke(self, membership: &str) -> Done {
        self.show(|desk| life::revoke(desk, membership, None))
    }

    /// The member goes over to another plan; the membership that there then is.
    ///
    /// # Errors
    /// It has ended, or is of that plan.
    pub fn upgrade(self, membership: &str, plan: &str) -> Done {
        self.show(|desk| life::upgrade(desk, membership, plan, Origin::default()))
    }

    /// So many minor units of a payment go back, or what is left of it; the refund.
    ///
    /// # Errors
    /// There is not so much left.
    pub fn refund(self, payment: &str, amount: Option<i64>) -> Done {
        self.show(|desk| back::refund(desk, payment, amount))
    }

    /// The payer's bank wants a payment back; the dispute.
    ///
    /// # Errors
    /// It was not paid, or is disputed already.
    pub fn dispute(self, payment: &str) -> Done {
        self.show(|desk| back::dispute(desk, payment))
    }

    /// A dispute ends.
    ///
    /// # Errors
    /// It has ended already.
    pub fn close_dispute(self, dispute: &str, won: bool) -> Done {
        self.show(|desk| back::close(desk, dispute, won))
    }

    /// All memberships, newest first.
    ///
    /// # Errors
    /// The database's.
    pub fn memberships(self) -> Result<Vec<Value>, Mishap> {
        self.all::<Membership>()
    }

    /// All payments, newest first.
    ///
    /// # Errors
    /// The database's.
    pub fn payments(self) -> Result<Vec<Value>, Mishap> {
        self.all::<Payment>()
    }

    /// All disputes, newest first.
    ///
    /// # Errors
    /// The database's.
    pub fn disputes(self) -> Result<Vec<Value>, Mishap> {
        self.all::<Dispute>()
    }

    fn all<T: Shown>(self) -> Result<Vec<Value>, Mishap> {
        self.act(|desk| desk.all::<T>()?.iter().map(|one| one.shown(desk, Version::Dated)).collect())
    }

    /// The people, oldest first: id and name.
    ///
    /// # Errors
    /// The database's.
    pub fn people(self) -> Result<Vec<(String, String)>, Mishap> {
        let people = self.act(|desk| desk.all::<Person>())?;
        Ok(people.into_iter().rev().map(|person| (person.id, person.name)).collect())
    }

    /// A link to a checkout, with what it sells: title and price.
    pub(super) fn link(self, id: &str) -> Result<(Checkout, String, i64), Mishap> {
        self.act(|desk| {
            let checkout: Checkout = desk.get(id)?;
            let plan = super::world::Plan::of(&checkout.plan)?;
            Ok((checkout, plan.title.to_owned(), plan.price))
        })
    }
}
