//! What a tool is.

use domain::workflow::{Audience, Workflow};
use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::{failure::Failure, toolbox::Call, toolbox::Reply};

/// One tool.
#[derive(Debug)]
pub struct Tool {
    /// As the model calls it.
    pub name: &'static str,
    /// As people call it.
    pub title: &'static str,
    /// What it does and when to call it, for the model.
    pub description: &'static str,
    /// JSON schema of its arguments within a workflow, by the rules of OpenAI's strict mode.
    pub input: fn(&Workflow) -> Value,
    /// JSON schema of what it answers, by the same rules.
    pub output: fn() -> Value,
    /// What a call may do to the world.
    pub annotations: Annotations,
    /// The widest audience that may call it.
    pub scope: Audience,
    /// Regular expressions of sentences that claim its effect, in English and in German. They are matched against
    /// single sentences in lower case that are neither questions, denials nor offers.
    pub claims: &'static [&'static str],
    /// What the visitor reads when such a sentence was not true, in English and in German.
    pub correction: [&'static str; 2],
    /// What the model is told when the call has failed.
    pub on_failure: &'static str,
    /// What the visitor reads while it runs.
    pub progress: &'static str,
    /// Where it runs.
    pub(crate) run: Run,
}

/// What a call may do to the world, as the Model Context Protocol names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Annotations {
    /// It changes nothing.
    pub read_only: bool,
    /// It may change or remove what was there.
    pub destructive: bool,
    /// The same call again changes nothing more.
    pub idempotent: bool,
    /// It reaches beyond our own services.
    pub open_world: bool,
}

/// Where a tool runs.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// Here.
    Here(for<'a> fn(Call<'a>) -> BoxFuture<'a, Result<Reply, Failure>>),
    /// In the visitor's browser.
    Browser,
}

// === impl Tool ===

impl Tool {
    /// Whether it runs in the visitor's browser instead of in [`crate::Toolbox::call`].
    pub fn is_of_browser(&self) -> bool {
        matches!(self.run, Run::Browser)
    }

    /// Whether a successful call has changed something.
    pub fn has_effect(&self) -> bool {
        !self.annotations.read_only
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Here(_) => "Here",
            Self::Browser => "Browser",
        })
    }
}
