//! Why a store did not do what was asked.

use domain::{Fault, Kind, Reason};

/// A failure of a store. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine cannot be reached, or its disk fails.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Another process has the store open.
    #[error("{0} is in use by another process")]
    Locked(String),
    /// The documents were written by a newer version of this program.
    #[error("the store has schema version {found} and this program knows {known}; use a newer program")]
    TooNew {
        /// Version in the store.
        found: u32,
        /// Version that this program knows.
        known: u32,
    },
    /// The call breaks a rule of the trait; a bug of the caller.
    #[error("invalid store call: {0}")]
    Invalid(String),
    /// A document is not what its collection says.
    #[error("document {key} cannot be read")]
    Corrupt {
        /// Which.
        key: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Too many others changed the same documents.
    #[error("gave up after {0} conflicting commits")]
    Contended(u32),
    /// The answer of a commit was lost and nobody may assume either outcome.
    #[error("the outcome of a commit is unknown")]
    Unknown,
}

impl From<&Error> for Fault {
    fn from(error: &Error) -> Self {
        match error {
            Error::Unavailable(_) | Error::Locked(_) | Error::TooNew { .. } | Error::Unknown => {
                Self::new(Kind::Unavailable, Reason::StoreUnavailable, "the store is unavailable, try again")
            }
            Error::Contended(_) => {
                Self::new(Kind::Unavailable, Reason::Contended, "too many changes at once, try again")
            }
            Error::Invalid(_) | Error::Corrupt { .. } => Self::internal(),
        }
    }
}
