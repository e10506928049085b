//! Forgetting a person: the turns of their visitors end, then their threads go.
//!
//! The invariant: what is done is done for good. A turn that is under way is told to end and waited for; one that we
//! cannot wait for finds no thread to write to, and the erasure is not done before it must have ended, nor before
//! what was removed is gone from the disk.

use std::time::Duration;

use chassis::deadline;
use store::erasing::{self, Erased};
use tokio::time::Instant;

use super::Desk;
use crate::{
    error::Error,
    threads::{Record, Why},
};

/// What one call may take before it answers that there is more.
const PORTION: Duration = Duration::from_secs(4);

impl Desk {
    /// Forgets these visitors, or a portion of what there is of them.
    pub(crate) async fn erase(&self, erasure: &str, visitors: &[String]) -> Result<Erased, Error> {
        let threads = &self.0.threads;
        let half = deadline::remaining().map_or(PORTION, |left| (left / 2).min(PORTION));
        let until = Instant::now() + half;
        for visitor in visitors {
            while let Some(record) = threads.any_of(visitor).await? {
                if !self.remove(erasure, &record, until).await? || Instant::now() >= until {
                    let progress = threads.progress(erasure).await?;
                    return Ok(Erased { progress, waiting_for: Some("more threads".to_owned()) });
                }
            }
            threads.forget_usage(erasure, visitor).await?;
        }
        let progress = threads.progress(erasure).await?;
        let waiting_for = if progress.not_before.is_some_and(|until| until > threads.now()) {
            Some("the end of a turn, which takes five minutes at most")
        } else {
            (!threads.scrub(erasure).await?).then_some(erasing::BACKUP)
        };
        Ok(Erased { progress, waiting_for: waiting_for.map(str::to_owned) })
    }

    async fn remove(&self, erasure: &str, record: &Record, until: Instant) -> Result<bool, Error> {
        let id = &record.thread.id;
        let wait = self.0.pace.wait.min(until.saturating_duration_since(Instant::now()));
        let slot = self.0.slots.evict(id, wait).await;
        let why = Why::Erasure { id: erasure, busy: slot.is_none() };
        Ok(self.0.threads.remove(id, why, until).await?)
    }
}
