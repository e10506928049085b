//! What can go wrong here, and what a caller is told of it.

use domain::Fault;
use tonic::Status;

/// Why a call was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// What the caller is told.
    #[error("refused")]
    Refused(#[from] Fault),
    /// The books.
    #[error("the books did not answer")]
    Books(#[source] Box<Status>),
    /// The store.
    #[error("the store failed")]
    Store(#[from] store::Error),
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Self::Books(Box::new(status))
    }
}

/// What a caller is told.
pub(crate) fn fault(error: &Error) -> Fault {
    match error {
        Error::Refused(fault) => fault.clone(),
        Error::Books(status) => chassis::status::fault(status),
        Error::Store(error) => error.into(),
    }
}

/// The status of an error. What the store did goes into the log here; what the books did is in theirs.
pub(crate) fn refuse(error: Error) -> Status {
    if let Error::Store(error) = &error {
        tracing::error!(error = error as &dyn std::error::Error, "the store failed");
    }
    chassis::status::status(&fault(&error))
}
