//! Forgetting a person: their sessions here, and their sessions and threads at OpenAI.
//!
//! OpenAI keeps a thread under the `user` that its session was made for: the Whop user, else the visitor. The
//! invariants: what is done stays done and is counted, whoever fails afterwards; a live session ends before its
//! record goes; OpenAI is asked by one call at a time, and not before it wants to be; done means gone from the disk.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use chassis::deadline;
use jiff::{SignedDuration, Timestamp};
use store::{
    Clock,
    erasing::{self, Erased, Erasures},
};

use crate::{
    error::Error,
    failure::Failure,
    memory::Memory,
    openai,
    sessions::{Record, Sessions, Status},
};

/// What one call may take before it answers that there is more.
const PORTION: Duration = Duration::from_secs(4);
/// The longest wait that we keep to, whatever OpenAI says.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);

/// The use case.
pub(crate) struct Erasure {
    /// Whether any workflow of this installation is run by OpenAI.
    pub(crate) hosted: bool,
    /// Where hosted sessions and threads are.
    pub(crate) openai: openai::Client,
    /// What may still hold a session.
    pub(crate) memory: Memory,
    /// Whose they are.
    pub(crate) sessions: Sessions,
    /// How far it is.
    pub(crate) erasures: Erasures,
    /// Where the time is read.
    pub(crate) clock: Clock,
}

/// Why a call stops before the end.
enum Stop {
    /// Its time is up.
    More,
    /// A backup holds what was removed.
    Held,
    /// OpenAI still lists what it has said to have deleted.
    Listed,
    /// OpenAI.
    Provider(Failure),
    /// Ourselves.
    Failed(Error),
}

impl From<store::Error> for Stop {
    fn from(error: store::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl Erasure {
    /// Forgets these visitors and Whop users, or a portion of what there is of them.
    pub(crate) async fn erase(
        &self,
        id: &str,
        visitors: &[String],
        whop_users: &[String],
    ) -> Result<Erased, Error> {
        let progress = self.erasures.get(id).await?;
        if let Some(wait) = progress.not_before.map(|time| time.duration_since((self.clock)()))
            && wait.is_positive()
        {
            let waiting_for = format!("openai, which takes no calls for {} s", wait.as_secs().max(1));
            return Ok(Erased { progress, waiting_for: Some(waiting_for) });
        }
        // OpenAI's silence shall leave time to tell of it.
        let left = deadline::remaining().map_or(2 * PORTION, |left| left.mul_f32(0.8));
        let until = Instant::now() + (left / 2).min(PORTION);
        let outcome = deadline::within(left, self.portion(id, visitors, whop_users, until)).await;
        let waiting_for = match outcome {
            Ok(()) => None,
            Err(Stop::More) => Some("more sessions and threads".to_owned()),
            Err(Stop::Held) => Some(erasing::BACKUP.to_owned()),
            Err(Stop::Listed) => Some("openai, which still lists threads that it has deleted".to_owned()),
            Err(Stop::Provider(failure)) => Some(self.put_off(id, &failure).await?),
            Err(Stop::Failed(error)) => return Err(error),
        };
        Ok(Erased { progress: self.erasures.get(id).await?, waiting_for })
    }

    async fn portion(
        &self,
        id: &str,
        visitors: &[String],
        whop_users: &[String],
        until: Instant,
    ) -> Result<(), Stop> {
        for visitor in visitors {
            self.forget_sessions(id, visitor, until).await?;
        }
        let users = visitors.iter().chain(whop_users).filter(|user| domain::id::check(user).is_ok());
        for user in users.filter(|_| self.hosted) {
            self.forget_threads(id, user, until).await?;
        }
        if self.erasures.scrub(id).await? { Ok(()) } else { Err(Stop::Held) }
    }

    async fn forget_sessions(&self, id: &str, visitor: &str, until: Instant) -> Result<(), Stop> {
        loop {
            let records = self.sessions.some_of(visitor).await?;
            if records.is_empty() {
                return Ok(());
            }
            for (session, record) in records {
                in_time(until)?;
                self.end(&session, &record).await.map_err(Stop::Provider)?;
                self.sessions.remove(&session, &self.erasures, id).await?;
            }
        }
    }

    /// Ends a session at OpenAI if it is alive there.
    async fn end(&self, id: &str, record: &Record) -> Result<(), Failure> {
        let Some(key) = &record.key else { return Ok(()) };
        self.memory.forget(key, id).await;
        if record.status == Status::Cancelled || record.expires_at <= (self.clock)() {
            return Ok(());
        }
        self.openai.cancel(id).await
    }

    async fn forget_threads(&self, id: &str, user: &str, until: Instant) -> Result<(), Stop> {
        let mut deleted = HashSet::new();
        loop {
            in_time(until)?;
            let threads = self.openai.threads(user).await.map_err(Stop::Provider)?;
            if threads.is_empty() {
                return Ok(());
            }
            if threads.iter().all(|thread| deleted.contains(thread)) {
                return Err(Stop::Listed);
            }
            for thread in threads {
                if !deleted.contains(&thread) {
                    in_time(until)?;
                    self.openai.delete_thread(&thread).await.map_err(Stop::Provider)?;
                    self.erasures.note(id, |so_far| so_far.count("openai_threads", 1)).await?;
                    deleted.insert(thread);
                }
            }
        }
    }

    /// Keeps in mind until when OpenAI wants no call; what is waited for.
    async fn put_off(&self, id: &str, failure: &Failure) -> Result<String, Error> {
        failure.report("any");
        if let Some(wait) = failure.wait() {
            let now = (self.clock)();
            let wait = SignedDuration::try_from(wait).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT);
            let then: Timestamp = now + wait;
            self.erasures.note(id, |progress| progress.not_before = Some(then)).await?;
        }
        Ok(failure.waiting_for())
    }
}

fn in_time(until: Instant) -> Result<(), Stop> {
    if Instant::now() < until { Ok(()) } else { Err(Stop::More) }
}
