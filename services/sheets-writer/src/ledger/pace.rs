//! How fast the ledger writes: under Google's 60 writes and 60 reads a minute, and slower where it is told to.

use std::time::Duration;

use chassis::retry::{Policy, equal_jitter};
use tokio::time::Instant;

/// Google takes 60 writes a minute a user (Sheets API, usage limits); 50 leaves room for settling.
const GAP: Duration = Duration::from_millis(1_200);
/// More reads than this are not waited for.
const MOST_READS: u32 = 20;
/// Waits after trouble grow to a minute, the window of Google's quota.
const BACKOFF: Policy =
    Policy { attempts: u32::MAX, base: Duration::from_secs(1), cap: Duration::from_secs(64) };

/// When the next write may go.
pub(super) struct Pace {
    next: Instant,
    failures: u32,
    /// Reads since the last write, besides the one that every write begins with.
    reads: u32,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { next: now, failures: 0, reads: 0 }
    }

    /// How long it is until a write may go.
    pub(super) fn rest(&self, now: Instant) -> Option<Duration> {
        self.next.checked_duration_since(now).filter(|rest| !rest.is_zero())
    }

    /// A write goes now. It is counted here and not at its turn: what is read in between takes its own time.
    pub(super) fn go(&mut self, now: Instant) {
        self.next = now + GAP * (1 + std::mem::take(&mut self.reads));
    }

    /// So many reads went besides the one that every write begins with: the write after the next one waits for them.
    pub(super) fn note_reads(&mut self, reads: u32) {
        self.reads = self.reads.saturating_add(reads).min(MOST_READS);
    }

    /// All is well again.
    pub(super) fn succeed(&mut self) {
        self.failures = 0;
    }

    /// How long to wait after a failure: the server's hint, else longer each time.
    pub(super) fn back_off(&mut self, hint: Option<Duration>) -> Duration {
        let wait = equal_jitter(&BACKOFF, self.failures);
        self.failures = self.failures.saturating_add(1).min(16);
        hint.map_or(wait, |hint| hint.clamp(GAP, BACKOFF.cap))
    }
}
