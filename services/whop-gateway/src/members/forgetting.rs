//! Forgetting a person: their names go, amounts and times stay.
//!
//! The invariant: what is blanked here stays blank, whatever Whop tells of it later; what Whop itself keeps is Whop's.

use proto::common::v1::Person;
use providers::{
    Error,
    erasure::Forgets,
    forgotten,
    traces::{self, Trace},
};
use store::{Attempts, Work, erasing::Erasures};

use super::{
    Members,
    membership::Membership,
    payment::Payment,
    record::{Record, owner},
    users::USERS,
};
use crate::actions::tickets;

/// Most portions of traces in one call.
const PORTIONS: usize = 5;

#[async_trait::async_trait]
impl Forgets for Members {
    async fn forget(
        &self,
        person: &Person,
        erasures: &Erasures,
        erasure: &str,
    ) -> Result<Option<String>, Error> {
        self.note_forgotten(person).await?;
        for _ in 0..PORTIONS {
            let traces = traces::find(self.store(), person).await?;
            if traces.is_empty() {
                for user in &person.whop_user_ids {
                    self.forget_user(user, erasures, erasure).await?;
                }
                return Ok(None);
            }
            for trace in traces {
                self.forget_trace(&trace, erasures, erasure).await?;
            }
        }
        Ok(Some("more memberships and payments".to_owned()))
    }
}

impl Members {
    /// First of all: what is committed from now on finds them.
    async fn note_forgotten(&self, person: &Person) -> Result<(), Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(self.store());
            forgotten::note(&mut work, person, self.now()).await?;
            if attempts.commit(work).await? {
                return Ok(());
            }
        }
    }

    /// Blanks what a trace leads to, and removes the trace in the same commit.
    async fn forget_trace(&self, trace: &Trace, erasures: &Erasures, erasure: &str) -> Result<(), Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(self.store());
            let thing = trace.thing.as_str();
            let gone = match thing.split('_').next() {
                Some("mem") => blank::<Membership>(&mut work, trace).await?,
                Some("tkt") => tickets::delete(&mut work, thing).await?,
                _ => blank::<Payment>(&mut work, trace).await?,
            };
            let (kind, user, email) = gone.clone().unwrap_or_default();
            traces::remove(&mut work, trace, &owner(&user), &email, "").await?;
            if gone.is_some() {
                erasures.note_in(&mut work, erasure, |progress| progress.count(kind, 1)).await?;
            }
            if attempts.commit(work).await? {
                return Ok(());
            }
        }
    }

    async fn forget_user(&self, user: &str, erasures: &Erasures, erasure: &str) -> Result<(), Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(self.store());
            if work.get(&USERS, user).await?.is_none() {
                return Ok(());
            }
            work.delete(&USERS, user);
            erasures.note_in(&mut work, erasure, |progress| progress.count("users", 1)).await?;
            if attempts.commit(work).await? {
                return Ok(());
            }
        }
    }
}

/// What was blanked or deleted: its kind, the user and the e-mail that it named.
pub(crate) type Gone = (&'static str, String, String);

/// Blanks a document as part of `work`, unless it names somebody else by now: a membership may be passed on.
async fn blank<R: Record>(work: &mut Work<'_>, trace: &Trace) -> Result<Option<Gone>, store::Error> {
    let Some(mut record) = work.get(&R::COLLECTION, &trace.thing).await? else { return Ok(None) };
    let (user, email) = record.person();
    if record.is_erased() || !trace.is_of(&owner(user), email, "") {
        return Ok(None);
    }
    let named = (R::KIND, user.to_owned(), email.to_owned());
    record.blank();
    work.put(&R::COLLECTION, &trace.thing, &record);
    Ok(Some(named))
}
