//! One message a second, with short bursts.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The pause that Slack wants between two messages of a webhook.
const EVERY: Duration = Duration::from_secs(1);
/// How much of a burst it bears.
const BURST: Duration = Duration::from_secs(4);

/// When the webhook is as good as rested.
pub(crate) struct Pace(Mutex<Instant>);

impl Default for Pace {
    fn default() -> Self {
        Self(Mutex::new(Instant::now()))
    }
}

impl Pace {
    /// Takes a message, or says how many seconds to stay away.
    pub(crate) fn take(&self) -> Result<(), u64> {
        let mut rested = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let then = (*rested).max(now) + EVERY;
        if then > now + BURST {
            return Err((then - now - BURST).as_secs() + 1);
        }
        *rested = then;
        Ok(())
    }
}
