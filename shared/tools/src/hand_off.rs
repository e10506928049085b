//! Calling a person: the port through which a thread is taken from the model.
//!
//! It exists because the thread is chat-agent's and the tool is everybody's. The invariant: whoever implements it has
//! marked the thread before it answers, and tells people of it until they are told.

use tonic::Status;

use crate::Session;

/// Takes a thread from the model and calls a person to it.
#[async_trait::async_trait]
pub trait HandOff: Send + Sync + 'static {
    /// Marks the session's thread as waiting for a person and has the books told, in words for people: the reason, and
    /// below it a summary if there is one. Outside a thread the books alone are told. The same `request_id` again changes
    /// nothing, nor does another one while a person is called already.
    async fn hand_off(&self, session: &Session, request_id: &str, reason: &str) -> Result<(), Status>;
}
