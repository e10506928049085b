//! Committing a document that is told to the books.
//!
//! The invariants: what is unchanged is not written; what is older than what is known, by Whop's own time of its last change,
//! is not written either; and what changed is written together with its telling and its traces.

use domain::id::digest;
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
    Members,
    membership::{MEMBERSHIPS, Membership},
    payment::{PAYMENTS, Payment},
};

/// A document that is told to the books.
pub(super) trait Record: Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync {
    /// Where such documents are.
    const COLLECTION: Collection<Self>;
    /// What the books call such a thing.
    const KIND: &'static str;
    fn id(&self) -> &str;
    fn version(&mut self) -> &mut u64;
    /// When it came about at Whop, and when it changed last there.
    fn times(&self) -> (Timestamp, Timestamp);
    fn is_erased(&self) -> bool;
    /// Whether this names somebody else than whoever was forgotten in `known`.
    fn is_anothers(&self, _known: &Self) -> bool {
        false
    }
    /// Takes over what `known` knows and Whop does not say.
    fn succeed(&mut self, _known: &Self) {}
    /// Takes out what names people.
    fn blank(&mut self);
    /// The Whop user and the e-mail that it names.
    fn person(&self) -> (&str, &str);
    fn telling(&self) -> Telling;
}

impl Record for Membership {
    const COLLECTION: Collection<Self> = MEMBERSHIPS;
    const KIND: &'static str = "memberships";
    fn id(&self) -> &str {
        &self.id
    }
    fn version(&mut self) -> &mut u64 {
        &mut self.version
    }
    fn times(&self) -> (Timestamp, Timestamp) {
        (self.created_at, self.touched_at)
    }
    fn is_erased(&self) -> bool {
        self.erased
    }
    fn is_anothers(&self, known: &Self) -> bool {
        !self.user.is_empty() && !known.erased_of.is_empty() && known.erased_of != hash(&self.user)
    }
    fn succeed(&mut self, known: &Self) {
        Self::succeed(self, known);
    }
    fn blank(&mut self) {
        if !self.user.is_empty() {
            self.erased_of = hash(&self.user);
        }
        self.drop_notes();
        self.erased = true;
        self.user.clear();
        self.email.clear();
        self.manage_url = None;
    }
    fn person(&self) -> (&str, &str) {
        (&self.user, &self.email)
    }
    fn telling(&self) -> Telling {
        Telling::Subscription(self.id.clone())
    }
}

impl Record for Payment {
    const COLLECTION: Collection<Self> = PAYMENTS;
    const KIND: &'static str = "payments";
    fn id(&self) -> &str {
        &self.id
    }
    fn version(&mut self) -> &mut u64 {
        &mut self.version
    }
    fn times(&self) -> (Timestamp, Timestamp) {
        (self.created_at, self.touched_at)
    }
    fn is_erased(&self) -> bool {
        self.erased
    }
    fn blank(&mut self) {
        self.erased = true;
        self.user.clear();
        self.email.clear();
        self.name.clear();
    }
    fn person(&self) -> (&str, &str) {
        (&self.user, &self.email)
    }
    fn telling(&self) -> Telling {
        Telling::Payment(self.id.clone())
    }
}

/// By what whoever was forgotten is told from others.
fn hash(user: &str) -> String {
    digest(&["erased_of", user])
}

/// Whom a document names, as all who keep something of people write it.
pub(crate) fn owner(user: &str) -> Owner {
    Owner { whop_user: user.to_owned(), ..Owner::default() }
}

impl Members {
    /// Commits `next` in place of what `work` read before Whop was asked; true once that stands, false if somebody
    /// interfered and Whop is to be asked again.
    pub(super) async fn keep<R: Record>(
        &self,
        attempts: &mut Attempts,
        mut work: Work<'_>,
        mut next: R,
    ) -> Result<bool, Error> {
        let mut known: Option<R> = work.get(&R::COLLECTION, next.id()).await?;
        let is_older = |known: &R| known.times().1 > next.times().1;
        if known.as_ref().is_some_and(is_older) {
            // Whop answered from a copy that is behind.
            return Ok(true);
        }
        if let Some(known) = &known {
            next.succeed(known);
        }
        let was_erased = known.as_ref().is_some_and(|known| known.is_erased() && !next.is_anothers(known));
        if was_erased || was_forgotten(&mut work, &next).await? {
            next.blank();
        }
        let version = known.as_mut().map_or(0, |known| *known.version());
        *next.version() = version;
        if known.as_ref() == Some(&next) {
            return Ok(true);
        }
        *next.version() = books::version_after(version, self.now());
        let id = next.id().to_owned();
        work.put(&R::COLLECTION, &id, &next);
        let (user, email) = next.person();
        traces::leave(&mut work, &id, &owner(user), email, "").await?;
        books::tell(&mut work, &next.telling(), self.now()).await?;
        let done = attempts.commit(work).await?;
        if done {
            self.wake();
        }
        // Whoever was forgotten while this was committed is seen now, or their erasure sees this.
        Ok(done && (next.is_erased() || !was_forgotten(&mut Work::new(self.store()), &next).await?))
    }
}

/// Whether whom this names was forgotten after it came about: Whop tells late of what was before.
async fn was_forgotten<R: Record>(work: &mut Work<'_>, next: &R) -> Result<bool, Error> {
    let (user, email) = next.person();
    let keys = forgotten::keys(&owner(user), email, "");
    let since = forgotten::since(work, &keys).await?;
    Ok(since.is_some_and(|since| next.times().0 <= since))
}
