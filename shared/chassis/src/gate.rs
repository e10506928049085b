//! How often a key may do something, as one process keeps it: GCRA.
//!
//! It needs no store, so that whoever has none limits too; `store::limiter` builds on it what many processes keep together.
//! The invariants: at most `burst + T / cell` calls of a key are let through in any time T, and keys that have been quiet
//! long enough to be fresh again take no memory for long. Times are nanoseconds, of any clock that goes on.

mod keys;
mod rate;

use domain::fault::Quota;

pub use self::{
    keys::Keys,
    rate::{Rate, nanos},
};

/// When each key is as good as fresh.
pub struct Gate {
    rate: Rate,
    keys: Keys<i64>,
}

impl Gate {
    /// Every key is fresh.
    pub fn new(rate: Rate) -> Self {
        Self { rate, keys: Keys::default() }
    }

    /// Counts one call, unless it is refused.
    ///
    /// # Errors
    /// The state of the limit when the call may not happen now.
    pub fn take(&self, key: &str, now: i64) -> Result<(), Quota> {
        self.change(key, now, |fresh_at| {
            *fresh_at = self.rate.believe(*fresh_at, now);
            self.admit(*fresh_at, now)?;
            *fresh_at = self.rate.after(*fresh_at, now, 1);
            Ok(())
        })
    }

    /// Whether a call would be refused. Counts nothing.
    ///
    /// # Errors
    /// The state of the limit when the call may not happen now.
    pub fn peek(&self, key: &str, now: i64) -> Result<(), Quota> {
        self.keys.look(key, |fresh_at| self.admit(*fresh_at, now)).unwrap_or(Ok(()))
    }

    /// Counts one call that others have let through.
    pub fn charge(&self, key: &str, now: i64) {
        self.change(key, now, |fresh_at| {
            let believed = self.rate.believe(*fresh_at, now);
            *fresh_at = self.rate.believe(self.rate.after(believed, now, 1), now);
        });
    }

    /// A call that was counted did not happen.
    pub fn put_back(&self, key: &str) {
        self.keys.look(key, |fresh_at| *fresh_at = self.rate.before(*fresh_at));
    }

    fn admit(&self, fresh_at: i64, now: i64) -> Result<(), Quota> {
        let fresh_at = self.rate.believe(fresh_at, now);
        if self.rate.free(fresh_at, now) > 0 {
            return Ok(());
        }
        Err(self.rate.refusal(self.rate.wait(fresh_at, now)))
    }

    fn change<R>(&self, key: &str, now: i64, change: impl FnOnce(&mut i64) -> R) -> R {
        self.keys.with(key, || now, |fresh_at| *fresh_at > now, change)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn gate(limit: &str) -> Gate {
        Gate::new(Rate::new(limit.parse().unwrap()).unwrap())
    }

    #[test]
    fn a_burst_goes_through_and_then_one_cell_at_a_time() {
        let gate = gate("20/m:10");
        for _ in 0..10 {
            assert_eq!(gate.take("ada", 0), Ok(()));
        }
        let refused = Quota { limit: 20, remaining: 0, reset: Duration::from_secs(3) };
        assert_eq!(gate.take("ada", 0), Err(refused));
        assert_eq!(
            gate.peek("ada", 3 * SECOND - 1),
            Err(Quota { reset: Duration::from_nanos(1), ..refused })
        );
        assert_eq!(gate.take("ada", 3 * SECOND), Ok(()));
        assert_eq!(gate.take("ada", 3 * SECOND), Err(refused));
    }

    #[test]
    fn a_window_lets_through_as_many_as_the_limit_says() {
        let gate = gate("60/m:5");
        let passed = (0..600).filter(|n| gate.take("ada", n * SECOND / 10).is_ok()).count();
        assert_eq!(passed, 64, "five at once, one a second after that until second 59");
    }

    #[test]
    fn keys_do_not_share() {
        let gate = gate("1/h");
        assert_eq!(gate.take("ada", 0), Ok(()));
        assert_eq!(gate.take("bob", 0), Ok(()));
        assert_eq!(gate.take("ada", 0).unwrap_err().reset, Duration::from_secs(3_600));
    }

    #[test]
    fn what_is_put_back_was_not_counted() {
        let gate = gate("2/h");
        assert_eq!((gate.take("ada", 0), gate.take("ada", 0)), (Ok(()), Ok(())));
        gate.put_back("ada");
        assert_eq!(gate.take("ada", 0), Ok(()));
        assert!(gate.take("ada", 0).is_err());
        gate.put_back("never seen");
    }

    #[test]
    fn a_flood_of_keys_is_forgotten_and_the_busy_ones_are_not() {
        let gate = gate("1/m");
        for n in 0..100_000 {
            assert_eq!(gate.take(&n.to_string(), n * SECOND / 10), Ok(()));
        }
        // 600 keys a minute are not fresh; a sweep comes at least every 1024 uses.
        assert!(gate.keys.count() <= 2_048, "{}", gate.keys.count());
        assert!(gate.take("99999", 10_000 * SECOND).is_err());
    }

    #[test]
    fn the_shortest_cells_and_the_longest_bursts_are_no_overflow() {
        assert_eq!(gate("4294967295/s:1").take("ada", 0), Ok(()));
        let gate = gate("1/d:4294967295");
        assert!((0..1_000).all(|_| gate.take("ada", 1_800_000_000 * SECOND).is_ok()));
    }

    #[test]
    fn a_clock_that_is_put_back_locks_nobody_out() {
        let gate = gate("1/m");
        assert_eq!(gate.take("ada", 86_400 * SECOND), Ok(()));
        assert_eq!(gate.take("ada", 0), Ok(()));
        assert!(gate.take("ada", 0).is_err());
    }
}
