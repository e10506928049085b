//! How often a key may do something: GCRA in this process.
//!
//! The invariant: a key is let through at most `burst` times at once and `count` times a window in the long run, and
//! keys that have been quiet long enough to be fresh again take no memory for long.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::{fault::Quota, limit::Limit};
use governor::{
    Quota as Rate, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::NoOpMiddleware,
    state::keyed::DashMapStateStore,
};

/// Checks between two sweeps, at the least. Beyond that a sweep waits for as many checks as it left keys, so that
/// sweeping costs each check a constant share.
const SWEEP: u64 = 1024;

/// Limits how often each key may do something.
pub struct Limiter {
    gate: Option<Gate<DefaultClock>>,
}

impl Limiter {
    /// A limiter whose every key is fresh.
    pub fn new(limit: Limit) -> Self {
        Self { gate: Gate::new(limit, DefaultClock::default()) }
    }

    /// Counts one call of `key`, or tells how long it has to wait. A refused call does not count.
    ///
    /// # Errors
    /// The state of the limit when the call may not happen now.
    pub fn check(&self, key: &str) -> Result<(), Quota> {
        self.gate.as_ref().map_or(Ok(()), |gate| gate.check(key))
    }
}

struct Gate<C: Clock> {
    limit: u32,
    keys: RateLimiter<String, DashMapStateStore<String>, C, NoOpMiddleware<C::Instant>>,
    /// Checks until the next sweep.
    left: AtomicU64,
}

impl<C: Clock> Gate<C> {
    /// `None` when everything is let through.
    fn new(limit: Limit, clock: C) -> Option<Self> {
        let Limit::Rate { count, window, burst } = limit else { return None };
        // A cell takes at least a nanosecond: the windows that can be written hold more than `u32::MAX` of them.
        let cell = (window / count.get()).max(std::time::Duration::from_nanos(1));
        let rate = Rate::with_period(cell).expect("a cell takes some time").allow_burst(burst);
        Some(Self {
            limit: count.get(),
            keys: RateLimiter::dashmap_with_clock(rate, clock),
            left: AtomicU64::new(SWEEP),
        })
    }

    fn check(&self, key: &str) -> Result<(), Quota> {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.sweep();
        }
        self.keys.check_key(&key.to_owned()).map_err(|refusal| Quota {
            limit: self.limit,
            remaining: 0,
            reset: refusal.wait_time_from(self.keys.clock().now()),
        })
    }

    /// Forgets the keys that are as good as fresh.
    fn sweep(&self) {
        self.keys.retain_recent();
        self.keys.shrink_to_fit();
        let kept = u64::try_from(self.keys.len()).unwrap_or(u64::MAX);
        self.left.store(kept.max(SWEEP), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;

    use super::*;

    fn gate(limit: &str) -> (Gate<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (Gate::new(limit.parse().unwrap(), clock.clone()).unwrap(), clock)
    }

    #[test]
    fn a_burst_goes_through_and_then_one_cell_at_a_time() {
        let (gate, clock) = gate("20/m:10");
        for _ in 0..10 {
            assert_eq!(gate.check("ada"), Ok(()));
        }
        let refused = Quota { limit: 20, remaining: 0, reset: Duration::from_secs(3) };
        assert_eq!(gate.check("ada"), Err(refused));
        clock.advance(Duration::from_millis(2_999));
        assert_eq!(gate.check("ada"), Err(Quota { reset: Duration::from_millis(1), ..refused }));
        clock.advance(Duration::from_millis(1));
        assert_eq!(gate.check("ada"), Ok(()));
        assert_eq!(gate.check("ada"), Err(refused));
    }

    #[test]
    fn a_window_lets_through_as_many_as_the_limit_says() {
        let (gate, clock) = gate("60/m:5");
        let mut passed = 0;
        for _ in 0..600 {
            passed += u32::from(gate.check("ada").is_ok());
            clock.advance(Duration::from_millis(100));
        }
        assert!((60..=65).contains(&passed), "{passed}");
    }

    #[test]
    fn keys_do_not_share() {
        let (gate, _) = gate("1/h");
        assert_eq!(gate.check("ada"), Ok(()));
        assert_eq!(gate.check("bob"), Ok(()));
        assert_eq!(gate.check("ada").unwrap_err().reset, Duration::from_secs(3_600));
    }

    #[test]
    fn a_flood_of_keys_is_forgotten_and_the_busy_ones_are_not() {
        let (gate, clock) = gate("1/m");
        for n in 0..100_000 {
            assert_eq!(gate.check(&n.to_string()), Ok(()));
            clock.advance(Duration::from_millis(100));
        }
        // 600 keys a minute are not fresh; a sweep comes at least every 1024 checks.
        assert!(gate.keys.len() <= 2_048, "{}", gate.keys.len());
        assert!(gate.check("99999").is_err());
    }

    #[test]
    fn the_shortest_cells_are_no_division_by_zero() {
        let (gate, _) = gate("4294967295/s:1");
        assert_eq!(gate.check("ada"), Ok(()));
    }

    #[test]
    fn off_lets_everything_through() {
        let limiter = Limiter::new(Limit::Off);
        assert!((0..10_000).all(|_| limiter.check("ada").is_ok()));
    }
}
