//! What can go wrong in a service that speaks with a provider, and what a caller is told of it.

use domain::{Fault, Kind, Reason};
use store::queue::Trouble;

use crate::api::Failure;

/// Why a call was not answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What the caller is told.
    #[error("refused")]
    Refused(#[from] Fault),
    /// The provider.
    #[error("a provider failed")]
    Provider(#[from] Failure),
    /// The store.
    #[error("the store failed")]
    Store(#[from] store::Error),
}

/// What a caller is told.
pub fn fault(error: Error) -> Fault {
    match error {
        Error::Refused(fault) => fault,
        Error::Provider(failure) => provider(&failure),
        Error::Store(error) => (&error).into(),
    }
}

/// The status of an error, which is logged here, once.
pub fn refuse(error: Error) -> tonic::Status {
    match &error {
        Error::Refused(_) => {}
        Error::Provider(failure) => failure.report(),
        Error::Store(error) => {
            tracing::error!(error = error as &dyn std::error::Error, "the store failed");
        }
    }
    chassis::status::status(&fault(error))
}

/// Why work after the answer is to be tried again.
impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(fault) => Self { retry_after: fault.retry_after, ..Self::new(fault.message) },
            Error::Provider(failure) => failure.into(),
            Error::Store(error) => Self::new(error.to_string()),
        }
    }
}

fn provider(failure: &Failure) -> Fault {
    match failure {
        Failure::Refused { .. } => Fault::new(Kind::Internal, Reason::ProviderRefused, "internal error"),
        Failure::RateLimited { wait, .. } => Fault::new(
            Kind::RateLimited,
            Reason::ProviderRateLimited,
            "the provider takes no more calls, try again later",
        )
        .retry_after(*wait),
        Failure::Unavailable { .. } | Failure::Malformed { .. } => Fault::new(
            Kind::Unavailable,
            Reason::ProviderUnavailable,
            "the provider is unavailable, try again",
        ),
    }
}
