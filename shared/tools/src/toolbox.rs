//! Calling tools.
//!
//! The invariants: a call answers something that the model can go on with, whatever happened; only what succeeded has a
//! receipt; and what is not offered cannot be called.

use std::sync::Arc;

use domain::workflow::Workflow;
use proto::common::v1::Caller;
use serde_json::{Value, json};

use crate::{
    HandOff, Knowledge, Links, Receipt, Session, Tool, clients::Clients, failure::Failure, find,
    receipt::Undo, tool::Run,
};

/// What tools stand on.
#[derive(Clone)]
pub struct Toolbox {
    links: Links,
    clients: Clients,
    knowledge: Arc<Knowledge>,
    hand_off: Arc<dyn HandOff>,
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What the model is told. Data, never instructions.
    pub output: Value,
    /// The tool has not done its work.
    pub is_error: bool,
    /// It has not, because of the arguments: others may do.
    pub is_refused: bool,
    /// It may have, all the same: a service has failed, or its answer was lost. Every other error has done nothing.
    pub is_unknown: bool,
    /// What the visitor is shown of the effect.
    pub receipt: Option<Receipt>,
    /// A question to which nothing was found.
    pub unanswered: Option<String>,
}

/// One call, as a tool gets it.
pub(crate) struct Call<'a> {
    pub(crate) clients: &'a Clients,
    pub(crate) links: &'a Links,
    pub(crate) knowledge: &'a Knowledge,
    pub(crate) hand_off: &'a dyn HandOff,
    pub(crate) arguments: Value,
    pub(crate) session: &'a Session,
    /// Makes a repetition of the same call recognisable.
    pub(crate) request_id: String,
}

/// What a tool answers.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) output: Value,
    pub(crate) receipt: Option<Receipt>,
    pub(crate) unanswered: Option<String>,
}

// === impl Toolbox ===

impl Toolbox {
    /// Tools over services, an index and whoever calls a person.
    pub fn new(links: Links, knowledge: Arc<Knowledge>, hand_off: Arc<dyn HandOff>) -> Self {
        Self { clients: Clients::new(&links), links, knowledge, hand_off }
    }

    /// The tools of a workflow that a caller may call here, in the workflow's order.
    pub fn offered(&self, workflow: &Workflow, caller: &Caller) -> Vec<&'static Tool> {
        let listed = workflow.tools.iter().filter_map(|name| find(name));
        listed.filter(|tool| self.links.have(tool.needs) && tool.admits(caller, workflow)).collect()
    }

    /// Calls a tool that is offered to the session.
    pub async fn call(&self, name: &str, arguments: Value, session: &Session) -> Outcome {
        let tools = self.offered(&session.workflow, &session.caller);
        let Some(tool) = tools.iter().find(|tool| tool.name == name) else {
            let names: Vec<&str> = tools.iter().map(|tool| tool.name).collect();
            return Outcome::error(format!("there is no such tool; the tools are {}", names.join(", ")), "");
        };
        self.run(tool, arguments, session).await
    }

    /// Calls `save_lead` for a form that the server itself has shown, whether or not the workflow lists the tool.
    pub async fn save_lead(&self, arguments: Value, session: &Session) -> Outcome {
        self.run(&crate::save_lead::TOOL, arguments, session).await
    }

    /// Does what a receipt that the server itself has shown offers, whether or not the workflow lists the tool.
    pub async fn undo(&self, undo: &Undo, session: &Session) -> Outcome {
        match find(&undo.tool).filter(|tool| tool.admits(&session.caller, &session.workflow)) {
            Some(tool) => self.run(tool, undo.arguments.clone(), session).await,
            None => Outcome::error("there is no such tool".to_owned(), ""),
        }
    }

    async fn run(&self, tool: &Tool, arguments: Value, session: &Session) -> Outcome {
        let Run::Here(run) = tool.run else {
            return Outcome::error("this tool runs in the browser".to_owned(), tool.on_failure);
        };
        let request_id = session.request_id(tool.name, &arguments);
        let Self { links, clients, knowledge, hand_off } = self;
        let hand_off = &**hand_off;
        match run(Call { clients, links, knowledge, hand_off, arguments, session, request_id }).await {
            Ok(Reply { output, receipt, unanswered }) => {
                Outcome { output, is_error: false, is_refused: false, is_unknown: false, receipt, unanswered }
            }
            Err(Failure::Arguments(why)) => {
                let advice = "Nothing was done. Correct the arguments and call again.";
                Outcome { is_refused: true, ..Outcome::error(why, advice) }
            }
            Err(Failure::Refused(refusal)) => Outcome::of_error(refusal.output()),
            Err(failure) => {
                tracing::warn!(tool = tool.name, error = %failure, "a tool has failed");
                let failed = Outcome::error("the tool has failed".to_owned(), tool.on_failure);
                Outcome { is_unknown: true, ..failed }
            }
        }
    }
}

impl std::fmt::Debug for Toolbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Toolbox").field("links", &self.links).finish_non_exhaustive()
    }
}

// === impl Outcome ===

impl Outcome {
    /// A call that did nothing, and what the model is told of it.
    pub fn error(why: String, advice: &str) -> Self {
        Self::of_error(json!({"error": why, "advice": advice}))
    }

    fn of_error(output: Value) -> Self {
        Self { output, is_error: true, is_refused: false, is_unknown: false, receipt: None, unanswered: None }
    }
}

// === impl Call ===

impl Call<'_> {
    /// Who is calling, for a service.
    pub(crate) fn caller(&self) -> Option<Caller> {
        Some(self.session.caller.clone())
    }
}

// === impl Reply ===

impl Reply {
    /// An answer without a receipt.
    pub(crate) fn of(output: Value) -> Self {
        Self { output, receipt: None, unanswered: None }
    }

    /// An answer with what the visitor is shown of it.
    pub(crate) fn shown(output: Value, receipt: Receipt) -> Self {
        Self { output, receipt: Some(receipt), unanswered: None }
    }
}
