//! What can go wrong here, and what a caller is told of it.

use std::sync::Arc;

use domain::{Fault, Kind, Reason, fault::Quota};

use crate::failure::Failure;

/// Why a call was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The call is on behalf of nobody.
    #[error("{}", .0.message)]
    Caller(Fault),
    /// A field of the request is not acceptable.
    #[error("{field} {why}")]
    Invalid {
        /// Its path.
        field: &'static str,
        /// What it must be.
        why: &'static str,
    },
    /// One of our limits.
    #[error("rate limited")]
    Limited(Quota),
    /// Not in the registry, or not for this site.
    #[error("no such workflow")]
    WorkflowUnknown,
    /// The workflow has another audience; its slug.
    #[error("workflow {0} is not for this caller")]
    WorkflowNotAllowed(String),
    /// The workflow is for members, and the member has nothing that gives access now; its slug.
    #[error("workflow {0} is for members with access")]
    NoAccess(String),
    /// The workflow is for members, and what the member has cannot be told.
    #[error("what the member has is not known")]
    StandingUnknown,
    /// The client takes hosted chats alone, and the workflow has no id of an Agent Builder workflow; its slug.
    #[error("workflow {0} is not hosted")]
    WorkflowNotHosted(String),
    /// Not there, or another visitor's.
    #[error("no such session")]
    SessionUnknown,
    /// OpenAI; callers that waited for one mint share its failure.
    #[error("the provider failed")]
    Provider(#[source] Arc<Failure>),
    /// The store.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// The task that did the work died.
    #[error("the mint was lost")]
    Lost,
}

/// What a caller is told.
pub(crate) fn fault(error: &Error) -> Fault {
    match error {
        Error::Caller(fault) => fault.clone(),
        Error::Invalid { field, why } => Fault::invalid(*field, format!("{field} {why}")),
        Error::Limited(quota) => Fault::limited(*quota, "too many sessions, try again later"),
        Error::WorkflowUnknown => {
            Fault::new(Kind::NotFound, Reason::WorkflowUnknown, "there is no such workflow")
        }
        Error::WorkflowNotAllowed(slug) => Fault::new(
            Kind::Forbidden,
            Reason::WorkflowNotAllowed,
            format!("workflow {slug} is not for this visitor"),
        ),
        Error::NoAccess(slug) => Fault::new(
            Kind::Forbidden,
            Reason::WorkflowNotAllowed,
            format!(
                "workflow {slug} is for members with an active membership, and there is none at the moment"
            ),
        ),
        Error::StandingUnknown => Fault::new(
            Kind::Unavailable,
            Reason::ProviderUnavailable,
            "whether the membership is active cannot be told at the moment, try again",
        ),
        Error::WorkflowNotHosted(slug) => Fault::new(
            Kind::Precondition,
            Reason::WorkflowNotHosted,
            format!(
                "workflow {slug} has no hosted id: announce self_hosted among the modes, or set `hosted` in \
                 {slug}.toml or CHATKIT_WORKFLOW_ID"
            ),
        ),
        Error::SessionUnknown => {
            Fault::new(Kind::NotFound, Reason::SessionUnknown, "there is no such session")
        }
        Error::Provider(failure) => provider(failure),
        Error::Store(error) => error.into(),
        Error::Lost => Fault::internal(),
    }
}

fn provider(failure: &Failure) -> Fault {
    match failure {
        Failure::Refused { .. } => Fault::new(Kind::Internal, Reason::ProviderRefused, "internal error"),
        Failure::RateLimited { wait, .. } => Fault::new(
            Kind::RateLimited,
            Reason::ProviderRateLimited,
            "the chat provider takes no more calls, try again later",
        )
        .retry_after(*wait),
        Failure::Unavailable { .. } | Failure::Malformed(_) => Fault::new(
            Kind::Unavailable,
            Reason::ProviderUnavailable,
            "the chat provider is unavailable, try again",
        ),
    }
}
