//! Whop's webhooks: hints at what to look at.
//!
//! The invariant: of a message that is signed only the id of its thing is used; and a thing that Whop does not know is
//! trouble and no news.

use std::collections::HashMap;

use domain::{Fault, Kind, Reason};
use jiff::{SignedDuration, Timestamp};
use providers::{
    Error, Provider,
    provider::{self, Found, Verified},
};
use serde_json::Value;
use store::queue::Trouble;

use super::{Members, membership::MEMBERSHIPS, payment::PAYMENTS, refresh::Seen};
use crate::whop::{
    self,
    hint::{self, Hint},
    signature,
};

/// Why a message about something that Whop does not know is tried again, and parked in the end.
const UNKNOWN: &str =
    "whop does not know what the message is about: is the webhook of the same account as the key?";
/// Why a message is tried again soon.
const LATE: &str = "whop does not show yet what it told";
/// For how long a message of Whop's may be ahead of what Whop shows.
const LAG: SignedDuration = SignedDuration::from_mins(5);

#[async_trait::async_trait]
impl Provider for Members {
    fn name(&self) -> &'static str {
        whop::NAME
    }

    fn verify(
        &self,
        headers: &HashMap<String, String>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Verified, Fault> {
        let Some(key) = signature::verify(headers, body, self.0.secrets.as_ref(), now) else {
            let why = "the signature is missing, wrong or too old";
            return Err(Fault::new(Kind::Unauthenticated, Reason::SignatureWrong, why));
        };
        let kind = hint::event(body).ok_or_else(|| Fault::malformed("the message is no event of Whop's"))?;
        Ok(Verified { key, kind })
    }

    fn keep(&self, body: &[u8]) -> Vec<u8> {
        provider::only(body, hint::KEPT)
    }

    async fn follow(&self, _kind: &str, body: &[u8]) -> Result<(), Trouble> {
        let hint = hint::read(body).ok_or_else(|| Trouble::hopeless("it does not say what it is about"))?;
        match self.look_at(hint.clone()).await? {
            Seen::Kept if self.is_late(&hint, body).await? => Err(Trouble::new(LATE)),
            Seen::Kept => Ok(()),
            Seen::Unknown => Err(Trouble::new(UNKNOWN)),
        }
    }

    async fn look(&self, since: Timestamp) -> Result<Found, Trouble> {
        Ok(self.walk(since).await?)
    }

    async fn looked(&self, place: &Value) -> Result<(), store::Error> {
        self.go_on(place).await
    }
}

impl Members {
    /// Whether Whop told of a change that it did not show when it was asked: an answer may come from a copy that is behind.
    /// After a while what it shows is taken for the truth, and reconciliation finds what is missed.
    async fn is_late(&self, hint: &Hint, body: &[u8]) -> Result<bool, store::Error> {
        let Some((made_at, told)) = hint::times(body) else { return Ok(false) };
        if self.now().duration_since(made_at) >= LAG {
            return Ok(false);
        }
        let shown = match hint {
            Hint::Membership(id) => {
                MEMBERSHIPS.get(self.store(), id).await?.map(|found| found.value.touched_at)
            }
            Hint::Payment(id) if hint::event(body).is_some_and(|event| event.starts_with("payment.")) => {
                PAYMENTS.get(self.store(), id).await?.map(|found| found.value.touched_at)
            }
            _ => None,
        };
        Ok(shown.is_some_and(|shown| shown < told))
    }

    async fn look_at(&self, hint: Hint) -> Result<Seen, Error> {
        match hint {
            Hint::Nothing => Ok(Seen::Kept),
            Hint::Membership(id) => self.refresh_membership(&id).await,
            Hint::Payment(id) => self.refresh_payment(&id).await,
            Hint::Refund(id) => match self.whop().refund(&id).await? {
                Some(refund) => match refund.payment_id() {
                    Some(payment) => self.refresh_payment(payment).await,
                    None => Ok(Seen::Kept),
                },
                None => Ok(Seen::Unknown),
            },
            Hint::Dispute(id) => match self.whop().dispute(&id).await? {
                Some(dispute) => self.refresh_payment(&dispute.payment.id).await,
                None => Ok(Seen::Unknown),
            },
            Hint::Member(id) => {
                let Some(member) = self.whop().member(&id).await? else { return Ok(Seen::Unknown) };
                if let Some(user) = member.user {
                    self.refresh_user(&user.id).await?;
                }
                Ok(Seen::Kept)
            }
        }
    }
}
