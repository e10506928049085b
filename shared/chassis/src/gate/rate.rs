//! The arithmetic of GCRA.
//!
//! All that is known of a key is one moment: when it is as good as fresh (its theoretical arrival time). Each call
//! moves it on by a cell; a call that would move it beyond now + `span` is refused. Times are nanoseconds since 1970.

use std::time::Duration;

use domain::{fault::Quota, limit::Limit};
use jiff::Timestamp;

const SECOND: i64 = 1_000_000_000;
/// The longest burst that is told apart from a longer one: a hundred years.
const LONGEST: i64 = 100 * 366 * 86_400 * SECOND;
/// How long a permit that was drawn ahead may be kept, at the most.
const HOLD: i64 = 5 * SECOND;
/// Its share of the window, at the most: what a window can let through beyond the limit.
const HOLD_SHARE: i64 = 12;
/// How many of its calls a limit lets one process draw ahead at once: a tenth.
const BLOCK_SHARE: u32 = 10;
/// What can be kept for less than this is not drawn ahead: it would be void when the store's answer comes.
const WORTHWHILE: i64 = SECOND;
/// How long a process leaves an empty key alone, so that a flood does not make its document hot.
const PACE: i64 = SECOND;
/// The part of a burst that may gather meanwhile: less than a whole one, or it would run over.
const PACE_SHARE: i64 = 4;
/// The most that another process's clock can be ahead. What is further ahead was written under another limit.
const SKEW: i64 = 60 * SECOND;

/// A limit, ready to be computed with.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    count: u32,
    cell: i64,
    span: i64,
    hold: i64,
    block: u32,
    pace: i64,
}

/// A moment as nanoseconds since 1970.
pub fn nanos(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX)
}

impl Rate {
    /// `None` when everything is let through.
    pub fn new(limit: Limit) -> Option<Self> {
        let Limit::Rate { count, window, burst } = limit else { return None };
        let window = i64::try_from(window.as_nanos()).unwrap_or(LONGEST).min(LONGEST);
        // A cell takes at least a nanosecond: the windows that can be written hold more than `u32::MAX` of them.
        let cell = (window / i64::from(count.get())).max(1);
        let span = cell.saturating_mul(burst.get().into()).min(LONGEST);
        let hold = HOLD.min(window / HOLD_SHARE);
        let pace = PACE.min(span / PACE_SHARE);
        Some(Self {
            count: count.get(),
            cell,
            span,
            hold,
            block: if hold < WORTHWHILE { 0 } else { count.get() / BLOCK_SHARE },
            // Where a permit takes longer than that, the next one is worth asking for at once.
            pace: if cell < pace { pace } else { 0 },
        })
    }

    /// How many calls may happen now.
    pub fn free(&self, fresh_at: i64, now: i64) -> u32 {
        let room = now.saturating_add(self.span).saturating_sub(fresh_at.max(now));
        u32::try_from((room / self.cell).max(0)).unwrap_or(u32::MAX)
    }

    /// When the key is fresh after `calls` calls, of which all are free.
    pub fn after(&self, fresh_at: i64, now: i64, calls: u32) -> i64 {
        fresh_at.max(now).saturating_add(self.cell.saturating_mul(calls.into()))
    }

    /// When the key is fresh if a call did not happen.
    pub fn before(&self, fresh_at: i64) -> i64 {
        fresh_at.saturating_sub(self.cell)
    }

    /// How long until a call may happen.
    pub fn wait(&self, fresh_at: i64, now: i64) -> i64 {
        let earliest = fresh_at.max(now).saturating_add(self.cell).saturating_sub(self.span);
        earliest.saturating_sub(now).max(0)
    }

    /// As [`Self::wait`], for a process that has to ask the key's document.
    pub fn pause(&self, fresh_at: i64, now: i64) -> i64 {
        match self.wait(fresh_at, now) {
            0 => 0,
            wait => wait.max(self.pace),
        }
    }

    /// The longest that [`Self::pause`] is.
    pub fn longest_pause(&self) -> i64 {
        self.cell.max(self.pace)
    }

    /// What another process wrote, as far as it can be true.
    pub fn believe(&self, fresh_at: i64, now: i64) -> i64 {
        let latest = now.saturating_add(self.span);
        if fresh_at > latest.saturating_add(SKEW) { now } else { fresh_at.min(latest) }
    }

    /// How long a permit that was drawn ahead may be kept.
    pub fn hold(&self) -> i64 {
        self.hold
    }

    /// How many permits may be drawn ahead at once.
    pub fn block(&self) -> u32 {
        self.block
    }

    /// What a refused caller is told.
    pub fn refusal(&self, wait: i64) -> Quota {
        let reset = Duration::from_nanos(wait.max(0).unsigned_abs());
        Quota { limit: self.count, remaining: 0, reset }
    }
}
