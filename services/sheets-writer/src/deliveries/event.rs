//! One event on its way out.

use domain::id::{EventId, digest};
use jiff::Timestamp;
use serde_json::{Value, json};

/// An event of the catalogue.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    /// The same wherever and however often it is sent.
    pub(super) id: String,
    pub(super) kind: &'static str,
    pub(super) version: u32,
    pub(super) occurred_at: Timestamp,
    pub(super) data: Value,
    /// The thing that it is about: events about one thing go out one after the other.
    pub(super) subject: String,
    /// Everybody that it is about.
    pub(super) contact_ids: Vec<String>,
    /// Slug of the workflow in which it happened; empty where that is not told.
    pub(super) workflow: String,
    /// Host of the site on which it happened; empty where that is not told.
    pub(super) site: String,
}

// === impl Event ===

impl Event {
    /// What is sent, byte by byte.
    pub(super) fn body(&self) -> String {
        json!({
            "id": self.id,
            "type": self.kind,
            "version": self.version,
            "occurred_at": self.occurred_at,
            "data": self.data,
        })
        .to_string()
    }
}

/// Id of an event that we tell ourselves: it follows from the change that it tells of. After a restore revisions are
/// counted again from the one in the backup; `restore` names the last one, so that no id is told twice.
pub(super) fn id_of(kind: &str, subject: &str, revision: u64, restore: Option<&str>) -> String {
    let revision = revision.to_string();
    let parts: Vec<&str> = [kind, subject, &revision].into_iter().chain(restore).collect();
    EventId::derive(&parts).to_string()
}

/// The header `webhook-id`: the event's id, or where a sender chose one with a full stop, a hash of it.
pub(super) fn webhook_id(event_id: &str) -> String {
    if event_id.contains('.') {
        format!("msg_{}", digest(&["webhook", event_id]))
    } else {
        event_id.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_is_signed_has_no_full_stop() {
        assert_eq!(webhook_id("evt_1"), "evt_1");
        let hashed = webhook_id("n8n.1");
        assert!(hashed.starts_with("msg_") && !hashed.contains('.'));
        assert_ne!(hashed, webhook_id("n8n.2"));
    }
}
