//! Whether the store can be asked.
//!
//! The invariant: while it is in trouble one caller every pause asks, and nobody else waits for it. Each trouble is
//! told once when it begins and once when it ends.

use std::sync::atomic::{AtomicI64, Ordering};

/// How long the store is left alone after it failed, in nanoseconds.
pub(super) const PAUSE: i64 = 5_000_000_000;
const NONE: i64 = i64::MIN;

/// Until when the store is left alone.
pub(super) struct Trouble(AtomicI64);

impl Trouble {
    pub(super) fn new() -> Self {
        Self(AtomicI64::new(NONE))
    }

    /// Whether asking is pointless now.
    pub(super) fn is_on(&self, now: i64) -> bool {
        lasts(self.0.load(Ordering::Relaxed), now)
    }

    /// Whether this caller may ask. After a pause one may; the others know soon.
    pub(super) fn admits(&self, now: i64) -> bool {
        let until = self.0.load(Ordering::Relaxed);
        if until == NONE {
            return true;
        }
        let next = now.saturating_add(PAUSE);
        !lasts(until, now)
            && self.0.compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// The store failed.
    pub(super) fn begin(&self, limiter: &str, error: &(dyn std::error::Error + 'static), now: i64) {
        if self.0.swap(now.saturating_add(PAUSE), Ordering::Relaxed) == NONE {
            tracing::warn!(limiter, error, "the limit holds for this instance alone");
        }
    }

    /// The store answered.
    pub(super) fn end(&self, limiter: &str) {
        if self.0.swap(NONE, Ordering::Relaxed) != NONE {
            tracing::info!(limiter, "the limit holds across instances again");
        }
    }
}

fn lasts(until: i64, now: i64) -> bool {
    // A longer pause than there can be comes of a clock that was put back.
    until != NONE && (1..=PAUSE).contains(&until.saturating_sub(now))
}
