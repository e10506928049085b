//! Why a call has not done its work.

use domain::{Fault, Kind};

/// Why a call has not done its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The model can do better; this tells it how.
    #[error("the arguments are not acceptable")]
    Arguments(String),
    /// Another service.
    #[error("a service failed: {0:?}")]
    Service(tonic::Code),
    /// Our own index.
    #[error("the index failed")]
    Index(#[from] rusqlite::Error),
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        let Fault { kind, field, message, .. } = chassis::status::fault(&status);
        match (kind, field) {
            // a fault's message is fit for a stranger's eyes, and one with a field says what to change
            (Kind::Invalid, Some(_)) => Self::Arguments(message),
            _ => Self::Service(status.code()),
        }
    }
}
