//! Committing a payment or a subscription that was looked at.
//!
//! The invariant: what is unchanged is not written, and what changed is written together with its telling, its traces and
//! a guard on the link that it names people from.

use jiff::Timestamp;
use providers::{
    books::{self, Telling},
    forgotten,
    owner::Owner,
    traces,
};
use serde::{Serialize, de::DeserializeOwned};
use store::{Attempts, Collection, Error, Work};

use super::{
    Till,
    checkout::{CHECKOUTS, Checkout},
    payment::{PAYMENTS, Payer, Payment},
    subscription::{SUBSCRIPTIONS, Subscription},
};

/// A document that is told to the books.
pub(super) trait Record: Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync {
    /// Where such documents are.
    const COLLECTION: Collection<Self>;
    fn id(&self) -> &str;
    fn version(&mut self) -> &mut u64;
    fn created_at(&self) -> Timestamp;
    fn erased(&mut self) -> &mut bool;
    fn people(&mut self) -> (&mut Owner, &mut Payer);
    fn telling(&self) -> Telling;
}

impl Record for Payment {
    const COLLECTION: Collection<Self> = PAYMENTS;
    fn id(&self) -> &str {
        &self.id
    }
    fn version(&mut self) -> &mut u64 {
        &mut self.version
    }
    fn created_at(&self) -> Timestamp {
        self.created_at
    }
    fn erased(&mut self) -> &mut bool {
        &mut self.erased
    }
    fn people(&mut self) -> (&mut Owner, &mut Payer) {
        (&mut self.owner, &mut self.payer)
    }
    fn telling(&self) -> Telling {
        Telling::Payment(self.id.clone())
    }
}

impl Record for Subscription {
    const COLLECTION: Collection<Self> = SUBSCRIPTIONS;
    fn id(&self) -> &str {
        &self.id
    }
    fn version(&mut self) -> &mut u64 {
        &mut self.version
    }
    fn created_at(&self) -> Timestamp {
        self.created_at
    }
    fn erased(&mut self) -> &mut bool {
        &mut self.erased
    }
    fn people(&mut self) -> (&mut Owner, &mut Payer) {
        (&mut self.owner, &mut self.payer)
    }
    fn telling(&self) -> Telling {
        Telling::Subscription(self.id.clone())
    }
}

/// Blanks what names people.
pub(super) fn blank<R: Record>(record: &mut R) {
    *record.erased() = true;
    let (owner, payer) = record.people();
    // Where it was asked for names nobody, and the books keep it.
    *owner = Owner { workflow: owner.workflow.clone(), site: owner.site.clone(), ..Owner::default() };
    *payer = Payer::default();
}

/// The version after another one: later than all that were told before, also where the store was put back to an older
/// state of it meanwhile.
pub(super) fn version_after(known: u64, now: Timestamp) -> u64 {
    u64::try_from(now.as_microsecond()).unwrap_or_default().max(known + 1)
}

impl Till {
    /// Commits `next` in place of `known`, which `work` has read; true once it stands, false if somebody interfered.
    pub(super) async fn keep<R: Record>(
        &self,
        attempts: &mut Attempts,
        mut work: Work<'_>,
        known: Option<R>,
        mut next: R,
        checkout: Option<Checkout>,
    ) -> Result<bool, Error> {
        let mut known = known;
        let is_erased = *next.erased() || known.as_mut().is_some_and(|known| *known.erased());
        let is_erased = is_erased || was_forgotten(&mut work, &mut next).await?;
        if is_erased || checkout.as_ref().is_some_and(|checkout| checkout.erased) {
            blank(&mut next);
        }
        let version = known.as_mut().map_or(0, |known| *known.version());
        *next.version() = version;
        if known.as_ref() == Some(&next) && work.is_empty() {
            return Ok(true);
        }
        if known.as_ref() == Some(&next) {
            // It is unchanged, and another one that belongs to it is not.
            let done = attempts.commit(work).await?;
            if done {
                self.wake();
            }
            return Ok(done);
        }
        *next.version() = version_after(version, self.now());
        let id = next.id().to_owned();
        work.put(&R::COLLECTION, &id, &next);
        let (owner, payer) = next.people();
        let (owner, payer) = (owner.clone(), payer.clone());
        traces::leave(&mut work, &id, &owner, &payer.email, &payer.phone).await?;
        if let Some(checkout) = checkout {
            // Whoever forgets its owner meanwhile is in conflict with this.
            work.put(&CHECKOUTS, &checkout.id, &checkout);
        }
        books::tell(&mut work, &next.telling(), self.now()).await?;
        let done = attempts.commit(work).await?;
        if done {
            self.wake();
        }
        // Whoever was forgotten while this was committed is seen now, or their erasure sees this.
        Ok(done && (*next.erased() || !was_forgotten(&mut Work::new(self.store()), &mut next).await?))
    }
}

/// Whether whom this names was forgotten after it came about: a provider tells late of what was before.
async fn was_forgotten<R: Record>(work: &mut Work<'_>, next: &mut R) -> Result<bool, Error> {
    let created_at = next.created_at();
    let (owner, payer) = next.people();
    let keys = forgotten::keys(owner, &payer.email, &payer.phone);
    let since = forgotten::since(work, &keys).await?;
    Ok(since.is_some_and(|since| created_at <= since))
}
