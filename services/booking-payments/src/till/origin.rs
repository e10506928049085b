//! Where money came from: the link that somebody of ours asked for.
//!
//! The invariant: a link is the origin of a payment only if Stripe says so of the very session that we made for it; what
//! somebody wrote into metadata alone proves nothing.

use providers::error::Error;
use store::Work;

use super::{
    Till,
    checkout::{CHECKOUTS, Checkout, Status},
};
use crate::stripe::Session;

/// A link and its session.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) checkout: Checkout,
    pub(super) session: Session,
}

impl Till {
    /// The link named `hint`, if `is_ours` holds of its session. It is read as part of `work`.
    pub(super) async fn origin(
        &self,
        work: &mut Work<'_>,
        hint: Option<&str>,
        is_ours: impl Fn(&Session) -> bool + Send,
    ) -> Result<Option<Origin>, Error> {
        let Some(id) = hint.filter(|id| domain::id::check(id).is_ok()) else { return Ok(None) };
        let Some(found) = CHECKOUTS.get(self.store(), id).await? else { return Ok(None) };
        if found.value.status == Status::Preparing {
            // Stripe's answer was lost; the same request brings it again.
            Box::pin(self.prepare(id)).await?;
        }
        let Some(checkout) = work.get(&CHECKOUTS, id).await? else { return Ok(None) };
        if checkout.session.is_empty() {
            return Ok(None);
        }
        let session = match self.stripe().session(&checkout.session).await {
            // Of another mode or account than the money is: it came from somewhere else.
            Err(failure) if failure.is_not_found() => return Ok(None),
            session => session?,
        };
        let is_same = session.client_reference_id.as_deref() == Some(id) && is_ours(&session);
        Ok(is_same.then_some(Origin { checkout, session }))
    }
}
