//! How time passes for the writer: the system's time, or a test's.
//!
//! The invariant: it never goes back, whatever is done to the wall clock.

use std::{pin::Pin, time::Duration};

use tokio::time::Instant;

/// A sleep.
pub(super) type Sleep<'t> = Pin<Box<dyn Future<Output = ()> + Send + 't>>;

/// Time that passes.
pub(super) trait Timer: Send + Sync {
    /// The moment.
    fn now(&self) -> Instant;

    /// Waits.
    fn sleep(&self, duration: Duration) -> Sleep<'_>;
}

/// The system's time.
pub(super) struct System;

impl Timer for System {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        Box::pin(tokio::time::sleep(duration))
    }
}
