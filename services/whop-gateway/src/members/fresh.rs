//! What a user has, as fresh as is needed.
//!
//! The invariants: an answer is at most five minutes old or says that it is stale; one who asks again and again asks Whop
//! once in that time, as do many who ask at once; while Whop is away, what it said last is told, but for access whose end
//! it had named and that has come; and while it rests nobody who waits for an answer asks it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use domain::Kind;
use jiff::{SignedDuration, Timestamp};
use providers::{Error, api::Failure};
use secrecy::SecretString;
use store::{Order, Query};

use super::{BY_USER, Members, Membership, membership::MEMBERSHIPS, users::USERS};
use crate::whop::wire;

/// How long an answer of Whop's is good for.
const GOOD_FOR: SignedDuration = SignedDuration::from_mins(5);
/// How long whoever has an older answer waits for a newer one.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long Whop is left alone after it took no call, unless it says so itself.
const REST: SignedDuration = SignedDuration::from_secs(5);
/// Longest that it is left alone.
const LONGEST_REST: SignedDuration = SignedDuration::from_mins(1);
/// Most memberships of one user.
const MOST: u32 = 500;

/// Something, and when Whop said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fresh<T> {
    /// What Whop said.
    pub(crate) value: T,
    /// When.
    pub(crate) as_of: Timestamp,
    /// Whop could not be asked just now.
    pub(crate) stale: bool,
}

/// Until when Whop is not asked by whoever waits for the answer, and why.
#[derive(Debug, Default)]
pub(super) struct Rest(Mutex<Option<(Timestamp, Failure)>>);

// === impl Rest ===

impl Rest {
    fn failure(&self, now: Timestamp) -> Option<Failure> {
        let rest = self.0.lock().expect("nobody panics while holding it");
        rest.as_ref().filter(|(until, _)| now < *until).map(|(_, failure)| failure.clone())
    }

    fn note(&self, failure: &Failure, now: Timestamp) {
        if matches!(failure, Failure::Unavailable { .. } | Failure::RateLimited { .. }) {
            let wait = failure.wait().and_then(|wait| wait.try_into().ok()).unwrap_or(REST);
            let until = now.saturating_add(wait.min(LONGEST_REST)).unwrap_or(now);
            *self.0.lock().expect("nobody panics while holding it") = Some((until, failure.clone()));
        }
    }
}

// === impl Fresh ===

impl<T> Fresh<T> {
    /// The same of something that follows from it.
    pub(crate) fn map<U>(self, of: impl FnOnce(T) -> U) -> Fresh<U> {
        Fresh { value: of(self.value), as_of: self.as_of, stale: self.stale }
    }
}

impl Members {
    /// The memberships of a user: those that give access first, then the newest first.
    pub(crate) async fn memberships_of(&self, user: &str) -> Result<Fresh<Vec<Membership>>, Error> {
        let now = self.now();
        let known = USERS.get(self.store(), user).await?.and_then(|found| found.value.asked_at);
        if let Some(as_of) = known.filter(|asked_at| now.duration_since(*asked_at) < GOOD_FOR) {
            return Ok(Fresh { value: self.kept(user).await?, as_of, stale: false });
        }
        match self.asked(user, known, now).await {
            Ok(as_of) => Ok(Fresh { value: self.kept(user).await?, as_of, stale: false }),
            Err(error) => {
                let Some(as_of) = known.filter(|_| is_passing(&error)) else { return Err(error) };
                if let Error::Provider(failure) = error {
                    failure.report();
                }
                let mut value = self.kept(user).await?;
                value.iter_mut().for_each(|membership| membership.lapse(now));
                value.sort_by_key(|membership| !membership.gives_access());
                Ok(Fresh { value, as_of, stale: true })
            }
        }
    }

    /// Whether Whop lets a user at a product, as far as it can be asked; else what follows from memberships, none of which
    /// gives access, stands as of `as_of`.
    pub(crate) async fn has_access(
        &self,
        user: &str,
        product: &str,
        as_of: Timestamp,
    ) -> Result<Fresh<bool>, Error> {
        let now = self.now();
        let asked = self.ask(user, now, async {
            match tokio::time::timeout(PATIENCE, self.whop().access(user, product)).await {
                Ok(asked) => asked.map(|access| access.has_access),
                Err(_) => Err(self.whop().silent()),
            }
        });
        match asked.await {
            Ok(value) => Ok(Fresh { value, as_of: now, stale: false }),
            // It knows no such product.
            Err(Error::Provider(failure)) if failure.is_not_found() => {
                Ok(Fresh { value: false, as_of: now, stale: false })
            }
            Err(Error::Provider(failure)) => {
                failure.report();
                Ok(Fresh { value: false, as_of, stale: true })
            }
            Err(error) => Err(error),
        }
    }

    /// The membership that a licence key opens, which a user shows; `None` if Whop knows no such key.
    pub(crate) async fn license(
        &self,
        user: &str,
        key: &SecretString,
    ) -> Result<Option<wire::Membership>, Error> {
        self.ask(user, self.now(), self.whop().license(key)).await
    }

    /// Asks Whop something for a user who waits for it, unless Whop rests or the user has asked too often.
    async fn ask<T>(
        &self,
        user: &str,
        now: Timestamp,
        question: impl Future<Output = Result<T, Failure>> + Send,
    ) -> Result<T, Error> {
        if let Some(failure) = self.0.rest.failure(now) {
            return Err(failure.into());
        }
        self.limits().read(user).await?;
        Ok(question.await.inspect_err(|failure| self.0.rest.note(failure, now))?)
    }

    /// Asks Whop for all that a user has, once for all who want to know it now, and says when it was asked. Whoever has an
    /// older answer does not wait for long, and for a while nobody waits at all after Whop took no call.
    async fn asked(&self, user: &str, known: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, Error> {
        if let Some(failure) = self.0.rest.failure(now) {
            return Err(failure.into());
        }
        let asking = self.0.asking.try_get_with_by_ref(user, async {
            self.limits().read(user).await?;
            self.refresh_user(user).await?;
            self.note_asked(user, now).await?;
            Ok(now)
        });
        let asked = match known {
            None => asking.await.map_err(own),
            Some(_) => match tokio::time::timeout(PATIENCE, asking).await {
                Ok(asked) => asked.map_err(own),
                Err(_) => Err(self.whop().silent().into()),
            },
        };
        if let Err(Error::Provider(failure)) = &asked {
            self.0.rest.note(failure, now);
        }
        asked
    }

    /// What is kept of a user's memberships. A webhook may have brought it later than they were asked for.
    pub(super) async fn kept(&self, user: &str) -> Result<Vec<Membership>, Error> {
        let newest = Query::new(&BY_USER, [user.into()]).limit(MOST);
        let page = self.store().query(Query { order: Order::Descending, ..newest }).await?;
        let read = |document| Ok(MEMBERSHIPS.read(document)?.value);
        let mut all: Vec<Membership> =
            page.documents.into_iter().map(read).collect::<Result<_, store::Error>>()?;
        // Stable: the newest stay first.
        all.sort_by_key(|membership| !membership.gives_access());
        Ok(all)
    }
}

/// Whether what is known already is told in place of an error.
fn is_passing(error: &Error) -> bool {
    match error {
        Error::Provider(_) => true,
        Error::Refused(fault) => fault.kind == Kind::RateLimited,
        Error::Store(_) => false,
    }
}

/// The error of a call that several waited for.
fn own(error: Arc<Error>) -> Error {
    Arc::try_unwrap(error).unwrap_or_else(|shared| match &*shared {
        Error::Provider(failure) => failure.clone().into(),
        Error::Refused(fault) => fault.clone().into(),
        Error::Store(error) => domain::Fault::from(error).into(),
    })
}
