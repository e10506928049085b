//! What can go wrong here, and what a caller is told of it.
//!
//! What goes wrong inside of a turn is an event of its stream; see [`crate::turn::TurnError`].

use domain::{Fault, Kind, Reason, fault::Quota};

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The request cannot be taken as it is.
    #[error("the request is malformed")]
    Refused(Fault),
    /// One of our limits.
    #[error("rate limited")]
    Limited(Quota),
    /// Not in the registry.
    #[error("no such workflow")]
    WorkflowUnknown,
    /// Not there, or another visitor's, or another workflow's.
    #[error("no such thread")]
    ThreadUnknown,
    /// Not in this thread; path of the member that names it.
    #[error("no such item")]
    ItemUnknown(&'static str),
    /// The thread is not in the state that the request needs.
    #[error("{0}")]
    Conflict(&'static str),
    /// An action failed; whether it may be tried again, and why if the visitor may know.
    #[error("the action failed")]
    Action {
        /// In words for the visitor.
        message: Option<String>,
        /// Whether it may be tried again.
        allow_retry: bool,
    },
    /// The store.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// The task that did the work died.
    #[error("the work was lost")]
    Lost,
}

/// What a caller is told.
pub(crate) fn fault(error: Error) -> Fault {
    let unknown = |reason, field: &str, message| Fault {
        field: Some(field.to_owned()),
        ..Fault::new(Kind::NotFound, reason, message)
    };
    match error {
        Error::Refused(fault) => fault,
        Error::Limited(quota) => Fault::limited(quota, "too many messages, try again later"),
        Error::WorkflowUnknown => {
            Fault::new(Kind::NotFound, Reason::WorkflowUnknown, "there is no such workflow")
        }
        Error::ThreadUnknown => unknown(Reason::ThreadUnknown, "params.thread_id", "there is no such thread"),
        Error::ItemUnknown(field) => unknown(Reason::ItemUnknown, field, "there is no such item"),
        Error::Conflict(why) => Fault::new(Kind::Conflict, Reason::StateWrong, why),
        Error::Action { message, allow_retry } => {
            let message = message.unwrap_or_else(|| "the action failed, try again".to_owned());
            if allow_retry {
                Fault::new(Kind::Unavailable, Reason::ServiceUnavailable, message)
            } else {
                Fault::new(Kind::Precondition, Reason::StateWrong, message)
            }
        }
        Error::Store(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the store failed");
            (&error).into()
        }
        Error::Lost => Fault::internal(),
    }
}
