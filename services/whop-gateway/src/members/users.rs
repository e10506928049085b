//! What is known of users, beside their memberships: as which visitor they talk, and when Whop was asked for what they have.
//!
//! The invariant: what began before somebody was forgotten leaves nothing of them behind.

use jiff::Timestamp;
use providers::{
    books::{self, Telling},
    forgotten,
};
use serde::{Deserialize, Serialize};
use store::{Attempts, Collection, Error, Work};

use super::{Members, record::owner};

/// What is known of users.
pub(crate) const USERS: Collection<User> = Collection::new("users");

/// A user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct User {
    /// As which visitor the user talks, as far as the books were told; empty if they were not.
    pub(crate) visitor: String,
    /// When Whop was asked for everything that the user has.
    pub(crate) asked_at: Option<Timestamp>,
}

impl Members {
    /// Notes that a user, who came at this time, talks as a visitor, once for the two.
    pub(crate) async fn introduce(&self, user: &str, visitor: &str, came_at: Timestamp) -> Result<(), Error> {
        let telling = Telling::Contact {
            whop_user: user.to_owned(),
            visitor: visitor.to_owned(),
            live: self.whop().is_live(),
        };
        let as_visitor = |known: User| User { visitor: visitor.to_owned(), ..known };
        self.note(user, came_at, Some(&telling), as_visitor).await
    }

    /// Notes when Whop was asked for everything that a user has.
    pub(super) async fn note_asked(&self, user: &str, at: Timestamp) -> Result<(), Error> {
        self.note(user, at, None, |known| User { asked_at: Some(at), ..known }).await
    }

    /// Notes something that began then, and tells the books of it, unless it is known.
    async fn note(
        &self,
        user: &str,
        began: Timestamp,
        telling: Option<&Telling>,
        change: impl Fn(User) -> User + Sync,
    ) -> Result<(), Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(self.store());
            let known = work.get(&USERS, user).await?;
            let next = change(known.clone().unwrap_or_default());
            if known.as_ref() == Some(&next) || was_forgotten(&mut work, user, began).await? {
                return Ok(());
            }
            work.put(&USERS, user, &next);
            if let Some(telling) = telling {
                books::tell(&mut work, telling, self.now()).await?;
            }
            if attempts.commit(work).await? {
                break;
            }
        }
        if telling.is_some() {
            self.wake();
        }
        self.leave_nothing(user, began).await
    }

    /// Whoever was forgotten while something was committed is seen now, or their erasure sees it.
    async fn leave_nothing(&self, user: &str, began: Timestamp) -> Result<(), Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(self.store());
            if !was_forgotten(&mut work, user, began).await? || work.get(&USERS, user).await?.is_none() {
                return Ok(());
            }
            work.delete(&USERS, user);
            if attempts.commit(work).await? {
                return Ok(());
            }
        }
    }
}

/// Whether a user was forgotten after that time. Whoever comes afterwards is somebody again.
async fn was_forgotten(work: &mut Work<'_>, user: &str, began: Timestamp) -> Result<bool, Error> {
    let since = forgotten::since(work, &forgotten::keys(&owner(user), "", "")).await?;
    Ok(since.is_some_and(|since| began < since))
}
