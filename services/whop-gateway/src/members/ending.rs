//! Ending a membership with the period that is paid for, as its member asks.
//!
//! The invariant: Whop is asked whose it is right before it ends, since an answer of some minutes ago may name somebody who
//! has passed it on.

use domain::{Fault, Kind, Reason};
use providers::{Error, api::Failure};
use store::Attempts;

use super::{Members, Membership, membership::MEMBERSHIPS};
use crate::whop::Request;

impl Members {
    /// Ends a user's membership; one that ends already is answered as it is. `None` if the user has no such membership.
    pub(crate) async fn end(&self, id: &str, by: Request<'_>) -> Result<Option<Membership>, Error> {
        self.refresh_membership(id).await?;
        let Some(own) = self.of_user(by.user, id).await? else { return Ok(None) };
        if own.ends() {
            return Ok(Some(own));
        }
        if own.renews_at().is_none() {
            let why = "the membership does not renew";
            return Err(Fault::new(Kind::Precondition, Reason::StateWrong, why).into());
        }
        let work = self.before_membership(id).await?;
        let ended = match self.whop().cancel_at_period_end(id, None, by).await {
            Ok(ended) => ended,
            Err(failure) => return self.ended_otherwise(id, by.user, failure).await.map(Some),
        };
        if ended.id != id || ended.user_id() != Some(by.user) {
            return Err(self.whop().odd("it ended another membership").into());
        }
        let next = self.picture(&ended).await?;
        if !self.keep(&mut Attempts::default(), work, next.clone()).await? {
            self.refresh_membership(id).await?;
        }
        Ok(Some(next))
    }

    /// Whop refused: somebody may have ended it a moment ago.
    async fn ended_otherwise(&self, id: &str, user: &str, failure: Failure) -> Result<Membership, Error> {
        if failure.is_refusal() && failure.wait().is_none() {
            self.refresh_membership(id).await?;
            if let Some(own) = self.of_user(user, id).await?.filter(Membership::ends) {
                return Ok(own);
            }
        }
        Err(failure.into())
    }

    async fn of_user(&self, user: &str, id: &str) -> Result<Option<Membership>, store::Error> {
        let found = MEMBERSHIPS.get(self.store(), id).await?;
        Ok(found.map(|found| found.value).filter(|membership| membership.user == user))
    }
}
