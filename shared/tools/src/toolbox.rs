//! Calling tools.
//!
//! The invariant: a call answers something that the model can go on with, whatever happened; only what succeeded has a
//! receipt.

use std::sync::Arc;

use chassis::client::Link;
use domain::workflow::Audience;
use serde_json::{Value, json};

use crate::{Knowledge, Session, Tool, books::Books, failure::Failure, tool::Run, tools_of};

/// What tools stand on.
#[derive(Clone)]
pub struct Toolbox {
    books: Books,
    knowledge: Arc<Knowledge>,
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
    /// What the visitor is shown of the effect.
    pub receipt: Option<Receipt>,
    /// A question to which nothing was found.
    pub unanswered: Option<String>,
}

/// What a visitor is shown of an effect: what was stored, in the server's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// What happened.
    pub title: String,
    /// What was stored: names and values.
    pub lines: Vec<(String, String)>,
}

/// One call, as a tool gets it.
pub(crate) struct Call<'a> {
    pub(crate) books: &'a Books,
    pub(crate) knowledge: &'a Knowledge,
    pub(crate) arguments: Value,
    pub(crate) session: &'a Session,
    pub(crate) call_id: &'a str,
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
    /// Tools over sheets-writer and an index.
    pub fn new(sheets_writer: Link, knowledge: Arc<Knowledge>) -> Self {
        Self { books: Books::new(sheets_writer), knowledge }
    }

    /// Calls a tool of the session's workflow. `call_id` makes a repetition of the same call recognisable.
    pub async fn call(&self, name: &str, arguments: Value, session: &Session, call_id: &str) -> Outcome {
        let tools = tools_of(&session.workflow);
        let Some(tool) = tools.iter().find(|tool| tool.name == name) else {
            let names: Vec<&str> = tools.iter().map(|tool| tool.name).collect();
            return Outcome::error(format!("there is no such tool; the tools are {}", names.join(", ")), "");
        };
        self.run(tool, arguments, session, call_id).await
    }

    /// Calls `save_lead` for a form that the server itself has shown, whether or not the workflow lists the tool.
    pub async fn save_lead(&self, arguments: Value, session: &Session, call_id: &str) -> Outcome {
        self.run(&crate::save_lead::TOOL, arguments, session, call_id).await
    }

    async fn run(&self, tool: &Tool, arguments: Value, session: &Session, call_id: &str) -> Outcome {
        if !admits(tool, session) {
            return Outcome::error("this tool is not for this visitor".to_owned(), tool.on_failure);
        }
        let Run::Here(run) = tool.run else {
            return Outcome::error("this tool runs in the browser".to_owned(), tool.on_failure);
        };
        let Self { books, knowledge } = self;
        match run(Call { books, knowledge, arguments, session, call_id }).await {
            Ok(Reply { output, receipt, unanswered }) => {
                Outcome { output, is_error: false, is_refused: false, receipt, unanswered }
            }
            Err(Failure::Arguments(why)) => {
                let advice = "Nothing was done. Correct the arguments and call again.";
                Outcome { is_refused: true, ..Outcome::error(why, advice) }
            }
            Err(failure) => {
                tracing::warn!(tool = tool.name, error = %failure, "a tool has failed");
                Outcome::error("the tool has failed".to_owned(), tool.on_failure)
            }
        }
    }
}

/// Whether the session proves what the tool's audience must have proved.
fn admits(tool: &Tool, session: &Session) -> bool {
    match tool.scope {
        Audience::Anyone => true,
        Audience::Member => !session.caller.verified_whop_user_id.is_empty(),
        Audience::Operator => session.workflow.audience == Audience::Operator,
    }
}

// === impl Outcome ===

impl Outcome {
    /// A call that did nothing, and what the model is told of it.
    pub fn error(why: String, advice: &str) -> Self {
        let output = json!({"error": why, "advice": advice});
        Self { output, is_error: true, is_refused: false, receipt: None, unanswered: None }
    }
}

// === impl Reply ===

impl Reply {
    /// An answer without a receipt.
    pub(crate) fn of(output: Value) -> Self {
        Self { output, receipt: None, unanswered: None }
    }
}
