//! What a tool is.

use domain::workflow::{Audience, Workflow};
use futures_util::future::BoxFuture;
use proto::common::v1::Caller;
use serde_json::Value;

use crate::{failure::Failure, links::Service, toolbox::Call, toolbox::Reply};

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
    /// Whom a call is about, so that they must be known.
    pub touches: Whom,
    /// Services behind it, one of which must be there; empty if it needs none but the books.
    pub(crate) needs: &'static [Service],
    /// Arguments that nobody keeps.
    pub secrets: &'static [&'static str],
    /// How people say that it has done its work.
    pub claims: &'static [Claim],
    /// What the visitor reads when such a sentence was not true, in English and in German.
    pub correction: [&'static str; 2],
    /// What the model is told when the call has failed.
    pub on_failure: &'static str,
    /// What the visitor reads while it runs.
    pub progress: &'static str,
    /// Where it runs.
    pub(crate) run: Run,
}

/// Whom a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// Nobody.
    Nobody,
    /// The visitor of the session.
    Visitor,
    /// Whoever is talked to: a visitor, or the operator, who needs no session.
    Conversation,
}

/// How people say that a tool has done its work.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// Regular expressions, English and German. They are matched against single sentences in lower case that are neither
    /// questions, denials nor offers.
    pub patterns: &'static [&'static str],
    /// It is said of how things stand and stays true in the whole conversation; else only in the turn of the call, or where
    /// the sentence speaks of earlier.
    pub lasts: bool,
    /// Other tools whose work makes it as true; [`NOTICE`] for what a webhook has brought.
    pub told_by: &'static [&'static str],
}

/// The name under which a notice of the server's stands among the tools that did their work.
pub const NOTICE: &str = "notice";

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

// === impl Claim ===

impl Claim {
    /// Of the act.
    pub(crate) const fn act(patterns: &'static [&'static str]) -> Self {
        Self { patterns, lasts: false, told_by: &[] }
    }

    /// Of how things stand since.
    pub(crate) const fn state(patterns: &'static [&'static str], told_by: &'static [&'static str]) -> Self {
        Self { patterns, lasts: true, told_by }
    }

    /// The same, as true by the work of these tools.
    pub(crate) const fn or(self, told_by: &'static [&'static str]) -> Self {
        Self { told_by, ..self }
    }
}

// === impl Annotations ===

impl Annotations {
    /// It reads what our own services keep.
    pub(crate) const READS: Self =
        Self { read_only: true, destructive: false, idempotent: true, open_world: false };
    /// It reads what others keep.
    pub(crate) const ASKS: Self = Self { open_world: true, ..Self::READS };
}

// === impl Tool ===

impl Tool {
    /// Whether it runs in the visitor's browser instead of in [`crate::Toolbox::call`].
    pub fn is_of_browser(&self) -> bool {
        matches!(self.run, Run::Browser)
    }

    /// Whether what is known of the caller is enough for it.
    pub(crate) fn admits(&self, caller: &Caller, workflow: &Workflow) -> bool {
        let is_audience = match self.scope {
            Audience::Anyone => true,
            Audience::Member => !caller.verified_whop_user_id.is_empty(),
            Audience::Operator => workflow.audience == Audience::Operator,
        };
        let is_known = !caller.visitor_id.is_empty();
        is_audience
            && match self.touches {
                Whom::Nobody => true,
                Whom::Visitor => is_known,
                Whom::Conversation => is_known || workflow.audience == Audience::Operator,
            }
    }

    /// The arguments without what nobody keeps.
    pub fn without_secrets(&self, mut arguments: Value) -> Value {
        for name in self.secrets {
            if let Some(secret) = arguments.get_mut(*name).filter(|secret| !secret.is_null()) {
                *secret = Value::from("(not kept)");
            }
        }
        arguments
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
