//! What a process knows of one key, and the permits of it that it holds.
//!
//! The invariants: a permit is used before its time is up or not at all; no more is drawn ahead than half of what was
//! asked for lately, so that whoever hardly needs a key hardly takes from those who do.

use chassis::gate::Rate;

use crate::{Precondition, Version};

/// The state of one key.
pub(super) struct Pocket {
    permits: u32,
    /// When the permits are void.
    until: i64,
    /// Until when asking for more is in vain.
    closed_until: i64,
    /// The key's document as this process left it. `None`: it must be read.
    pub(super) seen: Option<Seen>,
    demand: Demand,
}

/// A state of a key's document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// What must hold for it to be the state still.
    pub(super) precondition: Precondition,
    /// When the key is as good as fresh.
    pub(super) fresh_at: i64,
}

/// What there is for a caller.
pub(super) enum AtHand {
    /// A permit; void from then on.
    Permit(i64),
    /// Nothing for so long.
    Refusal(i64),
    /// Nothing that is known.
    Unknown,
}

/// How many calls came lately.
#[derive(Default)]
struct Demand {
    since: i64,
    now: u32,
    before: u32,
}

// === impl Seen ===

impl Seen {
    /// There is no document.
    pub(super) const NOTHING: Self = Self { precondition: Precondition::Absent, fresh_at: i64::MIN };

    pub(super) fn at(version: Version, fresh_at: i64) -> Self {
        Self { precondition: Precondition::Version(version), fresh_at }
    }
}

// === impl Pocket ===

impl Pocket {
    /// The pocket of a key that was never seen, which most often is one that nobody has seen.
    pub(super) fn new() -> Self {
        Self {
            permits: 0,
            until: i64::MIN,
            closed_until: i64::MIN,
            seen: Some(Seen::NOTHING),
            demand: Demand::default(),
        }
    }

    /// Notes that somebody asks.
    pub(super) fn note(&mut self, rate: &Rate, now: i64) {
        self.demand.count(rate.hold(), now);
    }

    /// A permit, or why there is none.
    pub(super) fn take(&mut self, rate: &Rate, now: i64) -> AtHand {
        if self.permits > 0 && self.is_good(rate, now) {
            self.permits -= 1;
            return AtHand::Permit(self.until);
        }
        self.peek(rate, now).map_or(AtHand::Unknown, AtHand::Refusal)
    }

    /// How long a caller would have to wait, if that is known.
    pub(super) fn peek(&self, rate: &Rate, now: i64) -> Option<i64> {
        let held = self.permits > 0 && self.is_good(rate, now);
        let wait = self.closed_until.saturating_sub(now);
        // A longer wait than there can be comes of a clock that was put back.
        (!held && wait > 0 && wait <= rate.longest_pause()).then_some(wait)
    }

    /// Adds permits that are good until `until`.
    pub(super) fn put(&mut self, rate: &Rate, permits: u32, until: i64, now: i64) {
        if self.permits > 0 && self.is_good(rate, now) {
            self.permits = self.permits.saturating_add(permits);
            self.until = self.until.min(until);
        } else {
            (self.permits, self.until) = (permits, until);
        }
    }

    /// How many permits are worth drawing beyond those that `waiting` callers wait for.
    pub(super) fn ahead(&mut self, rate: &Rate, waiting: u32, now: i64) -> u32 {
        let lately = self.demand.lately(rate.hold(), now).saturating_sub(waiting);
        (lately / 2).min(rate.block())
    }

    /// Nothing is to be had before.
    pub(super) fn close_until(&mut self, at: i64) {
        self.closed_until = at;
    }

    /// Whether all that is known here is of use no more.
    pub(super) fn is_stale(&self, now: i64, kept: i64) -> bool {
        let forgotten = |seen: &Seen| seen.fresh_at.saturating_add(kept) <= now;
        self.until <= now && self.closed_until <= now && self.seen.as_ref().is_none_or(forgotten)
    }

    fn is_good(&self, rate: &Rate, now: i64) -> bool {
        now < self.until && self.until.saturating_sub(now) <= rate.hold()
    }
}

// === impl Demand ===

impl Demand {
    fn count(&mut self, span: i64, now: i64) {
        self.turn(span, now);
        self.now = self.now.saturating_add(1);
    }

    /// Calls within the last `span`, as far as two counters can tell.
    fn lately(&mut self, span: i64, now: i64) -> u32 {
        self.turn(span, now);
        let rest = span - (now - self.since);
        let before = i128::from(self.before) * i128::from(rest) / i128::from(span);
        self.now.saturating_add(u32::try_from(before).unwrap_or(u32::MAX))
    }

    fn turn(&mut self, span: i64, now: i64) {
        let passed = now.saturating_sub(self.since);
        if (span..2 * span).contains(&passed) {
            *self = Self { since: self.since + span, now: 0, before: self.now };
        } else if !(0..span).contains(&passed) {
            *self = Self { since: now, now: 0, before: 0 };
        }
    }
}
