//! The tools of the agents: name, schemas, annotations, scope, the call each makes, and the receipt it leaves.
//!
//! It exists so that a tool is defined once for every agent that may call it. The invariants: who a call is about comes
//! from the [`Session`], never from an argument; and what a tool answers is data, whatever it says.

mod arguments;
mod clients;
mod failure;
mod get_page_context;
mod hand_off;
mod hand_off_to_human;
mod knowledge;
mod links;
mod list_offers;
mod log_outcome;
mod meetings;
mod members;
mod ops;
mod payments;
mod receipt;
mod save_lead;
mod schema;
mod search_knowledge;
mod session;
#[cfg(test)]
mod tests;
mod times;
mod tool;
mod toolbox;

pub use hand_off::HandOff;
pub use knowledge::{Document, Knowledge, Passage};
pub use links::Links;
pub use receipt::{Receipt, Undo};
pub use session::Session;
pub use tool::{Annotations, Claim, NOTICE, Tool, Whom};
pub use toolbox::{Outcome, Toolbox};

/// Every tool there is.
pub const ALL: &[&Tool] = &[
    &search_knowledge::TOOL,
    &list_offers::TOOL,
    &meetings::list_slots::TOOL,
    &meetings::book_meeting::TOOL,
    &meetings::list_my_bookings::TOOL,
    &meetings::reschedule_meeting::TOOL,
    &meetings::cancel_meeting::TOOL,
    &payments::create_checkout_link::TOOL,
    &payments::cancel_checkout_link::TOOL,
    &payments::list_my_payments::TOOL,
    &members::get_membership::TOOL,
    &members::validate_license::TOOL,
    &members::list_quick_actions::TOOL,
    &members::list_files::TOOL,
    &members::open_support_ticket::TOOL,
    &members::get_upgrade_link::TOOL,
    &ops::read_tab::TOOL,
    &ops::list_contacts::TOOL,
    &ops::weekly_summary::TOOL,
    &ops::find_anomalies::TOOL,
    &ops::notify::TOOL,
    &save_lead::TOOL,
    &log_outcome::TOOL,
    &hand_off_to_human::TOOL,
    &get_page_context::TOOL,
];

/// The tool of this name.
pub fn find(name: &str) -> Option<&'static Tool> {
    ALL.iter().copied().find(|tool| tool.name == name)
}

/// Name and audience of every tool, as [`domain::workflow::Registry::check_tools`] takes them.
pub fn known() -> Vec<(&'static str, domain::workflow::Audience)> {
    ALL.iter().map(|tool| (tool.name, tool.scope)).collect()
}
