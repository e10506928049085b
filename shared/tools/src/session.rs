//! For whom and where a tool is called.

use std::{collections::BTreeMap, sync::Arc};

use domain::workflow::Workflow;
use jiff::Timestamp;
use proto::common::v1::Caller;

/// For whom and where a tool is called. Nothing else identifies anybody.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who is calling, as the gateway established it.
    pub caller: Caller,
    /// The conversation.
    pub thread_id: String,
    /// The workflow that runs it.
    pub workflow: Arc<Workflow>,
    /// Marketing facts of the visit.
    pub traits: BTreeMap<String, String>,
    /// The time of the call.
    pub now: Timestamp,
}

// === impl Session ===

impl Session {
    /// The id under which a repetition of the same call is recognised.
    pub(crate) fn request_id(&self, tool: &str, call_id: &str) -> String {
        format!("req_{}", domain::id::digest(&[&self.thread_id, tool, call_id]))
    }
}
