//! A notice: something that happened to what a visitor asked for, told in the thread in which it was asked for.
//!
//! It is queued in the commit that makes it true. The invariant: it is known by what happened, so that it stands in its
//! thread once however often it is told; and it names nobody.

use proto::{
    chat::v1::{AddNoticeRequest, NoticeLine},
    common::v1::Caller,
};
use serde::{Deserialize, Serialize};

use crate::owner::Owner;

/// Something to tell a visitor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What it is known by within its thread.
    pub id: String,
    thread: String,
    visitor: String,
    workflow: String,
    /// What happened, in a line.
    pub title: String,
    /// More of it: name and value of each line.
    pub lines: Vec<(String, String)>,
}

// === impl Notice ===

impl Notice {
    /// What is told to whoever asked for it; `None` if they did not ask in a thread.
    pub fn new(owner: &Owner, id: String, title: &str, lines: Vec<(String, String)>) -> Option<Self> {
        let Owner { thread, visitor, workflow, .. } = owner.clone();
        let title = title.to_owned();
        (!thread.is_empty()).then_some(Self { id, thread, visitor, workflow, title, lines })
    }

    /// The same on the wire.
    pub fn request(&self, request_id: String) -> AddNoticeRequest {
        let caller = Caller {
            visitor_id: self.visitor.clone(),
            workflow: self.workflow.clone(),
            ..Default::default()
        };
        let line = |(name, value): &(String, String)| NoticeLine { name: name.clone(), value: value.clone() };
        AddNoticeRequest {
            caller: Some(caller),
            request_id,
            thread_id: self.thread.clone(),
            notice_id: self.id.clone(),
            title: self.title.clone(),
            lines: self.lines.iter().map(line).collect(),
        }
    }
}
