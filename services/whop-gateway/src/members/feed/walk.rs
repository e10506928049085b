//! A walk through everything at Whop, and where it stands.
//!
//! The invariant: what is walked through next follows from the walk alone.

use jiff::{SignedDuration, Timestamp};
use providers::{Error, api::Failure};
use serde::{Deserialize, Serialize};
use store::Collection;

/// How far the walk is.
pub(super) const WALKS: Collection<Walk> = Collection::new("walks");
/// There is one.
pub(super) const WALK: &str = "walk";
/// How old a payment may be that changes in the usual course: it is asked for again and again, and paid back.
const CHANGING: SignedDuration = SignedDuration::from_hours(24 * 35);
/// How old a payment may be that changes at all: it is disputed, and that is decided.
const LONG_AGO: SignedDuration = SignedDuration::from_hours(24 * 240);
/// How often old payments are walked through.
const DEEP: SignedDuration = SignedDuration::from_hours(24);
/// What of the newest is looked at again: Whop lists things late.
const LATE: SignedDuration = SignedDuration::from_mins(1);

/// A walk through everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Walk {
    /// What changed since then is looked for.
    pub(super) since: Timestamp,
    /// What changed after that is the next walk's.
    began_at: Timestamp,
    /// Payments that were made after this are walked through.
    pub(super) payments_from: Timestamp,
    /// When the last walk through old payments began that came to its end.
    deep_at: Option<Timestamp>,
    /// This is one.
    is_deep: bool,
    /// Where it is.
    pub(super) stage: Stage,
    /// The cursor of what is next, within the stage.
    pub(super) after: Option<String>,
}

/// What is walked through, in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// The failed deliveries of these webhooks, the first one now.
    Deliveries(Vec<String>),
    Memberships,
    Payments,
    Done,
}

// === impl Stage ===

impl Stage {
    pub(super) fn is_deliveries(&self) -> bool {
        matches!(self, Self::Deliveries(_))
    }
}

// === impl Walk ===

impl Walk {
    /// The walk after `last`, which may have been broken off.
    pub(super) fn begin(since: Timestamp, now: Timestamp, last: Option<&Self>, hooks: Vec<String>) -> Self {
        let deep_at = last.and_then(|last| last.deep_at);
        let is_deep = deep_at.is_none_or(|at| now.duration_since(at) >= DEEP);
        let back = if is_deep { LONG_AGO } else { CHANGING };
        let stage = if hooks.is_empty() { Stage::Memberships } else { Stage::Deliveries(hooks) };
        let payments_from = since.min(now).checked_sub(back).unwrap_or(Timestamp::UNIX_EPOCH);
        Self { since, began_at: now, payments_from, deep_at, is_deep, stage, after: None }
    }

    /// Whether it is under way and looks for all that changed since then.
    pub(super) fn covers(&self, since: Timestamp) -> bool {
        self.since <= since && self.stage != Stage::Done
    }

    /// Up to when everything was looked at, once it is done.
    pub(super) fn until(&self) -> Timestamp {
        self.began_at.checked_sub(LATE).unwrap_or(self.since).max(self.since)
    }

    /// Goes to the next page, or, where there is none, to what comes then.
    pub(super) fn turn(&mut self, next: Option<String>, then: Stage) {
        if next.is_none() {
            self.stage = then;
        }
        self.after = next;
        if self.stage == Stage::Done && self.is_deep {
            self.deep_at = Some(self.began_at);
        }
    }

    /// Whether a cursor is refused that was good once: then the stage begins again.
    pub(super) fn lost(&mut self, error: &Error) -> bool {
        let is_refused = matches!(error, Error::Provider(Failure::Refused { .. }));
        is_refused && self.after.take().is_some()
    }
}
