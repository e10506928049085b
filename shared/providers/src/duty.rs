//! What a part of a service does by the clock.
//!
//! The invariant: a duty that fails keeps no other from being done.

use std::sync::Arc;

use chassis::Ticked;
use serde::{Serialize, de::DeserializeOwned};
use store::queue::Worker;
use tokio_util::sync::CancellationToken;

use crate::{
    error::Error,
    jobs::{Jobs, Told},
};

/// Most jobs of one queue that a tick does.
const JOBS: usize = 200;

/// Something that is due now and then. Where nothing runs between requests the tick is all there is; elsewhere a task
/// runs as well.
#[async_trait::async_trait]
pub trait Duty: Send + Sync + 'static {
    /// What it is about, for the log.
    fn name(&self) -> &'static str;

    /// Does what is due, a bounded portion of it.
    ///
    /// # Errors
    /// Why it could not be looked at; what was done until then stays done.
    async fn tick(&self) -> Result<Ticked, Error>;

    /// Does what is due when it is due. A duty that has no task of its own lives by the tick alone.
    async fn run(&self, _shutdown: CancellationToken) {}

    /// Its task looks now: something may be due of which nobody told it.
    fn wake(&self) {}

    /// Its jobs, if it works on a queue.
    fn jobs(self: Arc<Self>) -> Option<Arc<dyn Jobs>> {
        None
    }
}

#[async_trait::async_trait]
impl<T: Told + Serialize + DeserializeOwned + Send + Sync + 'static> Duty for Worker<T> {
    fn name(&self) -> &'static str {
        self.queue().collection()
    }

    async fn tick(&self) -> Result<Ticked, Error> {
        Ok(Self::tick(self, JOBS).await?)
    }

    async fn run(&self, shutdown: CancellationToken) {
        self.clone().run(shutdown).await;
    }

    fn wake(&self) {
        Self::wake(self);
    }

    fn jobs(self: Arc<Self>) -> Option<Arc<dyn Jobs>> {
        Some(self)
    }
}
