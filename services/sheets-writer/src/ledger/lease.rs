//! The lease: which of several processes over a shared store writes.
//!
//! It keeps writers from getting in each other's way and proves nothing: what happened is decided by the head's
//! version and the numbered batches, whatever the clocks say and however long a holder was stopped. The invariant:
//! a lease that is not renewed ends for everybody within its length, even where clocks differ.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::id::RequestId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// How long a lease lasts.
pub(super) const LENGTH: Duration = Duration::from_secs(10);
/// When no more of it is left while there is work, it is renewed.
const DUE: Duration = Duration::from_secs(5);

/// Who writes, as all processes read it in the head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Lease {
    /// A process, by an id that it made at its start.
    pub(super) holder: String,
    /// By the holder's clock.
    pub(super) until: Timestamp,
    /// What keeps the holder from writing, for the status of the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) trouble: Option<String>,
}

/// What this process knows of its own lease.
pub(super) struct Tenure {
    holder: String,
    until: Mutex<Option<Instant>>,
}

/// Another process's lease, and since when it has stood like that.
#[derive(Debug, Default)]
pub(super) struct Watch(Option<(Lease, Instant)>);

// === impl Tenure ===

impl Tenure {
    /// A process that holds nothing yet.
    pub(super) fn new(now: Timestamp) -> Self {
        Self { holder: RequestId::generate(now).to_string(), until: Mutex::new(None) }
    }

    /// Whether `lease` is this process's, lapsed or not.
    pub(super) fn owns(&self, lease: Option<&Lease>) -> bool {
        lease.is_some_and(|lease| lease.holder == self.holder)
    }

    /// The lease from `now` on.
    pub(super) fn lease(&self, now: Timestamp, trouble: Option<String>) -> Lease {
        Lease { holder: self.holder.clone(), until: now + LENGTH, trouble }
    }

    /// It was renewed by a commit that began at `began`.
    pub(super) fn renew(&self, began: Instant) {
        let mut until = self.until();
        *until = (*until).max(Some(began + LENGTH));
    }

    /// Somebody else has it, or nobody.
    pub(super) fn lose(&self) {
        *self.until() = None;
    }

    /// Whether nobody else can have it yet.
    pub(super) fn is_held(&self, now: Instant) -> bool {
        self.until().is_some_and(|until| now < until)
    }

    /// How long it need not be renewed.
    pub(super) fn rest(&self, now: Instant) -> Duration {
        let left = self.until().map_or(Duration::ZERO, |until| until.duration_since(now));
        left.saturating_sub(DUE)
    }

    fn until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Watch ===

impl Watch {
    /// How long `lease`, somebody else's, still has to be respected: until it ends by this process's clock, and never
    /// longer than its length after it was first seen.
    pub(super) fn rest(&mut self, lease: &Lease, now: Timestamp, tick: Instant) -> Duration {
        let since = match &self.0 {
            Some((seen, since)) if seen == lease => *since,
            _ => {
                self.0 = Some((lease.clone(), tick));
                tick
            }
        };
        let by_clock = Duration::try_from(lease.until.duration_since(now)).unwrap_or_default();
        by_clock.min((since + LENGTH).duration_since(tick))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_lease_is_its_holders_alone_lapsed_or_not() {
        let (ada, bob) = (Tenure::new(at(0)), Tenure::new(at(0)));
        let lease = ada.lease(at(0), None);
        assert_eq!(lease.until, at(10));
        assert!(ada.owns(Some(&lease)) && !bob.owns(Some(&lease)));
        assert!(!ada.owns(None));
    }

    #[test]
    fn it_is_held_for_its_length_after_the_renewing_commit_began() {
        let (tenure, began) = (Tenure::new(at(0)), Instant::now());
        assert!(!tenure.is_held(began));
        assert_eq!(tenure.rest(began), Duration::ZERO);
        tenure.renew(began);
        assert!(tenure.is_held(began + secs(10) - Duration::from_nanos(1)));
        assert!(!tenure.is_held(began + secs(10)));
        tenure.lose();
        assert!(!tenure.is_held(began));
    }

    #[test]
    fn it_is_renewed_when_half_of_it_is_left_and_an_older_renewal_shortens_nothing() {
        let (tenure, began) = (Tenure::new(at(0)), Instant::now());
        tenure.renew(began + secs(2));
        tenure.renew(began);
        assert_eq!(tenure.rest(began + secs(2)), secs(5));
        assert_eq!(tenure.rest(began + secs(6)), secs(1));
        assert_eq!(tenure.rest(began + secs(7)), Duration::ZERO);
        assert_eq!(tenure.rest(began + secs(70)), Duration::ZERO);
    }

    #[test]
    fn another_writers_lease_is_respected_until_it_ends() {
        let (mut watch, tick) = (Watch::default(), Instant::now());
        let lease = Tenure::new(at(0)).lease(at(0), None);
        assert_eq!(watch.rest(&lease, at(4), tick), secs(6));
        assert_eq!(watch.rest(&lease, at(10), tick + secs(6)), Duration::ZERO);
        assert_eq!(watch.rest(&lease, at(11), tick + secs(7)), Duration::ZERO);
    }

    #[test]
    fn a_renewed_lease_is_respected_anew() {
        let (mut watch, tick) = (Watch::default(), Instant::now());
        let tenure = Tenure::new(at(0));
        assert_eq!(watch.rest(&tenure.lease(at(0), None), at(0), tick), secs(10));
        assert_eq!(watch.rest(&tenure.lease(at(9), None), at(10), tick + secs(10)), secs(9));
    }

    #[test]
    fn a_holder_whose_clock_is_ahead_blocks_nobody_for_longer_than_a_lease() {
        let (mut watch, tick) = (Watch::default(), Instant::now());
        let lease = Tenure::new(at(0)).lease(at(3_600), None);
        assert_eq!(watch.rest(&lease, at(0), tick), secs(10));
        assert_eq!(watch.rest(&lease, at(7), tick + secs(7)), secs(3));
        assert_eq!(watch.rest(&lease, at(10), tick + secs(10)), Duration::ZERO);
    }
}
