//! How fast we ask Cal.com.
//!
//! It lets a key ask 120 times in 60 s and takes no call for another 60 s after that
//! (`apps/api/v2/src/lib/throttler-guard.ts`). The invariant: whatever 60 s one looks at, fewer calls than that begin in
//! them, of all processes over one store together.

use std::{
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use domain::limit::Limit;
use store::{Clock, Store, limiter::Limiter};

use super::NAME;
use providers::api::{Failure, Pacing};

/// With what processes draw ahead (5 s) the most that begin in a minute are 40 + 70 × 65 / 60, which is 116.
const COUNT: NonZeroU32 = NonZeroU32::new(70).expect("it is not zero");
const BURST: NonZeroU32 = NonZeroU32::new(40).expect("it is not zero");
const WINDOW: Duration = Duration::from_secs(60);
/// Who would wait longer is told to come again.
const PATIENCE: Duration = Duration::from_secs(2);

/// The pace.
pub(super) struct Pace(Limiter);

impl Pace {
    /// The pace of all processes over `store`.
    pub(super) fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        let limit = Limit::Rate { count: COUNT, window: WINDOW, burst: BURST };
        Self(Limiter::over(limit, store, "calcom", clock))
    }
}

#[async_trait::async_trait]
impl Pacing for Pace {
    async fn keep(&self) -> Result<(), Failure> {
        let begin = Instant::now();
        while let Err(quota) = self.0.check(NAME).await {
            if begin.elapsed() + quota.reset > PATIENCE {
                return Err(Failure::RateLimited { provider: NAME, wait: quota.reset });
            }
            tokio::time::sleep(quota.reset.max(Duration::from_millis(1))).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bookings::tests::open;

    #[tokio::test]
    async fn who_asks_too_fast_waits_and_then_is_told_to() {
        let (_dir, store) = open();
        let pace = Arc::new(Pace::new(store, store::system_clock()));
        let begin = Instant::now();
        let calls = (0..80).map(|_| {
            let pace = pace.clone();
            tokio::spawn(async move { pace.keep().await })
        });
        let outcomes = futures_util::future::join_all(calls).await;
        let told: Vec<_> = outcomes.into_iter().map(Result::unwrap).filter_map(Result::err).collect();
        let (begun, took) = (80 - told.len(), begin.elapsed());
        // A cell takes six sevenths of a second.
        assert!(begun <= 40 + 1 + took.as_millis() as usize / 857, "{begun} calls in {took:?}");
        assert!(begun >= 40, "a burst passes at once");
        assert!(!told.is_empty() && told.iter().all(|failure| failure.wait().is_some()), "{told:?}");
    }
}
