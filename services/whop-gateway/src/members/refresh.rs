//! Looking at Whop for how something stands, and keeping what it says.
//!
//! The invariant: a document is read before Whop is asked and replaced only if nobody replaced it meanwhile, else Whop is
//! asked again; so what stands was asked for last, in whatever order webhooks come and however coarse Whop's times are.

use std::{collections::HashMap, sync::Arc};

use providers::{Error, api::Failure};
use store::{Attempts, Work};

use super::{
    Members, Membership,
    membership::{self, MEMBERSHIPS},
    payment::{self, PAYMENTS, Payment},
};
use crate::{mrr, whop::wire};

/// What a look found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It is kept as it is now.
    Kept,
    /// Whop does not know it.
    Unknown,
}

impl Members {
    /// Looks at a membership.
    pub(crate) async fn refresh_membership(&self, id: &str) -> Result<Seen, Error> {
        let mut attempts = Attempts::default();
        loop {
            let work = self.before_membership(id).await?;
            let Some(fetched) = self.whop().membership(id).await? else { return Ok(Seen::Unknown) };
            let next = self.picture(&fetched).await?;
            if self.keep(&mut attempts, work, next).await? {
                return Ok(Seen::Kept);
            }
        }
    }

    /// A membership as it is kept before Whop is asked; a commit of what Whop answers is guarded by it.
    pub(super) async fn before_membership(&self, id: &str) -> Result<Work<'_>, store::Error> {
        let mut work = Work::new(self.store());
        work.get(&MEMBERSHIPS, id).await?;
        Ok(work)
    }

    /// Looks at everything that a user has, and at what they had by what is kept: it may be another's by now.
    pub(crate) async fn refresh_user(&self, user: &str) -> Result<(), Error> {
        let mut before = HashMap::new();
        for kept in self.kept(user).await? {
            before.insert(kept.id.clone(), self.before_membership(&kept.id).await?);
        }
        for fetched in &self.whop().memberships_of(user).await? {
            let next = self.picture(fetched).await?;
            let stands = match before.remove(&fetched.id) {
                Some(work) => self.keep(&mut Attempts::default(), work, next).await?,
                None => self.keep_new(next).await?,
            };
            if !stands {
                self.refresh_membership(&fetched.id).await?;
            }
        }
        for id in before.keys() {
            self.refresh_membership(id).await?;
        }
        Ok(())
    }

    /// Keeps what was not there before; false if somebody brought it meanwhile, who may know more.
    async fn keep_new(&self, next: Membership) -> Result<bool, Error> {
        let mut work = Work::new(self.store());
        let known: Option<Membership> = work.get(&MEMBERSHIPS, &next.id).await?;
        Ok(known.is_none() && self.keep(&mut Attempts::default(), work, next).await?)
    }

    /// Looks at a payment.
    pub(crate) async fn refresh_payment(&self, id: &str) -> Result<Seen, Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(self.store());
            work.get(&PAYMENTS, id).await?;
            let Some(fetched) = self.whop().payment(id).await? else { return Ok(Seen::Unknown) };
            let picture = payment::picture(&fetched, self.whop().is_live());
            let Some(next): Option<Payment> = picture.map_err(|_| inexact())? else { return Ok(Seen::Kept) };
            if self.keep(&mut attempts, work, next).await? {
                return Ok(Seen::Kept);
            }
        }
    }

    /// The picture of a membership, with what its plan knows.
    pub(super) async fn picture(&self, fetched: &wire::Membership) -> Result<Membership, Error> {
        let plan = self.plan(&fetched.plan_id).await.map_err(|failure| again(&failure))?;
        let mrr = mrr::monthly(fetched, plan.as_ref()).map_err(|_| inexact())?;
        Ok(membership::picture(fetched, plan.as_ref(), mrr, &self.0.noted, self.whop().is_live()))
    }
}

/// An amount that our minor units cannot say.
fn inexact() -> Failure {
    Failure::Malformed { provider: crate::whop::NAME, why: "an amount is not exact" }
}

/// The failure of a call that several waited for.
fn again(failure: &Arc<Failure>) -> Failure {
    Failure::clone(failure)
}
