//! The tools of the agents: name, schemas, annotations, scope, the call each makes, and the receipt it leaves.
//!
//! It exists so that a tool is defined once for every agent that may call it. The invariants: who a call is about comes
//! from the [`Session`], never from an argument; and what a tool answers is data, whatever it says.

mod arguments;
mod books;
mod failure;
mod get_page_context;
mod knowledge;
mod list_offers;
mod log_outcome;
mod save_lead;
mod schema;
mod search_knowledge;
mod session;
mod tool;
mod toolbox;

pub use knowledge::{Document, Knowledge, Passage};
pub use session::Session;
pub use tool::{Annotations, Tool};
pub use toolbox::{Outcome, Receipt, Toolbox};

/// Every tool there is.
pub const ALL: &[&Tool] = &[
    &search_knowledge::TOOL,
    &list_offers::TOOL,
    &save_lead::TOOL,
    &log_outcome::TOOL,
    &get_page_context::TOOL,
];

/// The tool of this name.
pub fn find(name: &str) -> Option<&'static Tool> {
    ALL.iter().copied().find(|tool| tool.name == name)
}

/// The tools that a workflow lists, in its order.
pub fn tools_of(workflow: &domain::workflow::Workflow) -> Vec<&'static Tool> {
    workflow.tools.iter().filter_map(|name| find(name)).collect()
}

/// Name and audience of every tool, as [`domain::workflow::Registry::check_tools`] takes them.
pub fn known() -> Vec<(&'static str, domain::workflow::Audience)> {
    ALL.iter().map(|tool| (tool.name, tool.scope)).collect()
}
