//! Ending a session before its time.

use domain::id::VisitorId;

use crate::{
    error::Error,
    memory::Memory,
    openai,
    sessions::{Sessions, Status},
};

/// The use case.
pub(crate) struct Cancel {
    /// Where a hosted session is ended.
    pub(crate) openai: openai::Client,
    /// What may still hold it.
    pub(crate) memory: Memory,
    /// Whose it is.
    pub(crate) sessions: Sessions,
}

impl Cancel {
    /// Ends a session of this visitor. One that has been ended already is fine; another visitor's does not exist.
    pub(crate) async fn cancel(&self, visitor: &VisitorId, id: &str) -> Result<(), Error> {
        if domain::id::check(id).is_err() {
            return Err(Error::SessionUnknown);
        }
        let record = self.sessions.get(id).await?.filter(|record| record.visitor == *visitor);
        let record = record.ok_or(Error::SessionUnknown)?;
        if record.status == Status::Cancelled {
            return Ok(());
        }
        if let Some(key) = &record.key {
            // First, so that nobody gets it again while OpenAI is asked, or if OpenAI does not answer.
            self.memory.forget(key, id).await;
            self.openai.cancel(id).await.map_err(|failure| {
                failure.report(&record.workflow);
                Error::Provider(failure.into())
            })?;
        }
        self.sessions.mark_cancelled(id, record).await?;
        tracing::info!(session.id = id, "session cancelled");
        Ok(())
    }
}
