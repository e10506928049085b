//! Failures of this service, and what a caller gets to know of them.

use domain::{Fault, Kind, Reason};

/// A failure of a use case.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The caller's doing; told as it is.
    #[error(transparent)]
    Refused(#[from] Fault),
    /// The store's.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(fault) => fault,
            Error::Store(error) => {
                tracing::error!(error = %Chain(&error), "store failed");
                Self::from(&error)
            }
        }
    }
}

/// A contact that is not there.
pub(crate) fn contact_unknown() -> Error {
    Fault::new(Kind::NotFound, Reason::ContactUnknown, "there is no such contact").into()
}

/// What is asked for was erased when a person was forgotten.
pub(crate) fn erased() -> Error {
    Fault::new(Kind::Precondition, Reason::Erased, "it was erased when a person was forgotten").into()
}

/// An error with its causes, for the log.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
