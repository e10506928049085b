//! A job as a document, and the steps of its life.
//!
//! The invariant: whoever claims a job holds it until [`CLAIM`] has passed, because it is not due before; and only who
//! holds it notes what came of it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Next, Trouble, backoff};

/// How long a claim holds.
pub(super) const CLAIM: SignedDuration = SignedDuration::from_secs(60);
/// How long a failing job is tried.
const TRIED: SignedDuration = SignedDuration::from_hours(24);
/// How often at least it fails before it is parked, since nobody may have tried for a day.
const FAILURES: u32 = 10;
/// Longest reason that is kept, in characters.
const LONGEST_PROBLEM: usize = 300;

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Due now or later, or being worked on.
    Waiting,
    /// Done, and kept for a while.
    Done,
    /// Given up.
    Parked,
}

/// A job as it is kept. Times are in microseconds, so that they sort as numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) state: State,
    /// When it is worked on next; of a claimed one, when the claim lapses.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub(crate) due_at: Timestamp,
    /// When it came.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub(crate) came_at: Timestamp,
    /// Since when it waits to be done.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub(crate) since: Timestamp,
    /// How often it was worked on.
    pub(crate) tries: u32,
    /// How often of late it failed.
    pub(crate) failures: u32,
    /// Why it failed last.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) problem: String,
    /// Who works on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) claim: Option<String>,
    /// It was put again while somebody worked on it, and is due then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) again: Option<Timestamp>,
    pub(crate) payload: Value,
}

impl Job {
    pub(crate) fn new(payload: Value, due_at: Timestamp) -> Self {
        Self {
            state: State::Waiting,
            due_at,
            came_at: due_at,
            since: due_at,
            tries: 0,
            failures: 0,
            problem: String::new(),
            claim: None,
            again: None,
            payload,
        }
    }

    /// The same where there may be a job already: who works on that one keeps its claim.
    pub(super) fn in_place_of(self, known: Option<Self>) -> Self {
        match known {
            Some(Self { claim: Some(claim), due_at, .. }) => {
                Self { claim: Some(claim), again: Some(self.due_at), due_at, ..self }
            }
            _ => self,
        }
    }

    /// Somebody works on it.
    pub(crate) fn is_claimed(&self, now: Timestamp) -> bool {
        self.claim.is_some() && self.due_at > now
    }

    /// Gives it to whoever holds `claim`, or lets go of a lapsed claim on what is not due yet: false.
    pub(super) fn claim(&mut self, claim: &str, now: Timestamp) -> bool {
        if let Some(due_at) = self.again.take().filter(|due_at| *due_at > now) {
            self.due_at = due_at;
            self.claim = None;
            return false;
        }
        if self.state != State::Waiting {
            (self.state, self.since, self.failures) = (State::Waiting, now, 0);
        }
        self.claim = Some(claim.to_owned());
        self.due_at = now + CLAIM;
        self.tries += 1;
        true
    }

    /// What came of the work on it.
    pub(super) fn settle(&mut self, outcome: &Result<Next, Trouble>, parks: bool, now: Timestamp) {
        self.claim = None;
        if let Some(due_at) = self.again.take() {
            self.due_at = due_at;
            return;
        }
        match outcome {
            Ok(next) => {
                self.failures = 0;
                self.problem.clear();
                match next {
                    Next::Done => (self.state, self.due_at) = (State::Done, now),
                    Next::At(time) => (self.due_at, self.since) = (*time, *time),
                }
            }
            Err(trouble) => self.fail(trouble, parks, now),
        }
    }

    fn fail(&mut self, trouble: &Trouble, parks: bool, now: Timestamp) {
        self.failures += 1;
        self.problem = trouble.why.chars().take(LONGEST_PROBLEM).collect();
        let given_up = parks && self.failures >= FAILURES && now.duration_since(self.since) >= TRIED;
        if trouble.hopeless || given_up {
            (self.state, self.due_at) = (State::Parked, now);
        } else {
            // Who always says "in a second" would else be asked every second for a day.
            let pause = backoff::pause(self.failures).max(trouble.retry_after.unwrap_or_default());
            self.due_at = later(now, pause);
        }
    }
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_be_done_whenever_it_can_is_never_given_up() {
        let begin: Timestamp = "2026-10-01T10:00:00Z".parse().unwrap();
        let state_after = |parks: bool, trouble: Trouble| {
            let (mut job, mut now) = (Job::new(serde_json::json!("it"), begin), begin);
            for _ in 0..200 {
                job.settle(&Err(trouble.clone()), parks, now);
                now = later(now, Duration::from_secs(1_800));
            }
            job.state
        };
        assert_eq!(state_after(true, Trouble::new("sheets-writer is away")), State::Parked);
        assert_eq!(state_after(false, Trouble::new("sheets-writer is away")), State::Waiting);
        assert_eq!(state_after(false, Trouble::hopeless("it is refused")), State::Parked);
    }
}
