//! Whose an event is: the person's who is to be forgotten, or somebody else's.
//!
//! The invariant: what another person said, or what is told of another, stays, even if it speaks of the person.

use domain::{Cell, Tab, id::EngagementId};
use serde_json::{Map, Value};
use store::Work;

use crate::{
    people::{self, Known},
    rows::{ROWS, RowDoc, RowKey},
};

/// Fields in which an event names whom it is about.
const NAMES: [&str; 4] = ["contact_id", "visitor_id", "email", "phone"];

// === impl Known ===

impl Known {
    /// Those of these events that are the person's.
    pub(crate) async fn own(
        &self,
        work: &mut Work<'_>,
        events: Vec<RowDoc>,
    ) -> Result<Vec<RowDoc>, store::Error> {
        let engagement =
            |row: &RowDoc| RowKey { tab: Tab::Engagements, id: EngagementId::derive(&[&row.id]).to_string() };
        work.prefetch(events.iter().map(|row| ROWS.key(engagement(row).doc_id())).collect()).await?;
        let mut own = Vec::new();
        for row in events.into_iter().filter(|row| row.erased.is_none()) {
            let filed = work.get(&ROWS, &engagement(&row).doc_id()).await?;
            let filed = filed.and_then(|filed| filed.subject).unwrap_or_default();
            if self.owns(&payload(&row), &filed) {
                own.push(row);
            }
        }
        Ok(own)
    }

    /// Whether an event with these fields is the person's; `filed` is the contact under which it was filed.
    pub(super) fn owns(&self, event: &Map<String, Value>, filed: &str) -> bool {
        if self.contact_ids.contains(filed) || event.iter().any(|(name, value)| self.is_named_in(name, value))
        {
            return true;
        }
        let text = |name: &&str| event.get(*name).and_then(Value::as_str).map(str::trim).unwrap_or_default();
        let anonymous = filed.is_empty() && NAMES.iter().all(|name| text(name).is_empty());
        anonymous && self.sessions.contains(text(&"session_id"))
    }

    /// Whether the value of a field is one by which the person is known; a text that mentions one is not.
    fn is_named_in(&self, name: &str, value: &Value) -> bool {
        match value {
            Value::String(text) => self.is_known_as(name, text.trim()),
            Value::Array(items) => items.iter().any(|item| self.is_named_in(name, item)),
            Value::Object(fields) => fields.iter().any(|(name, field)| self.is_named_in(name, field)),
            _ => false,
        }
    }

    /// An address names a person wherever it stands. A sender chooses the ids of contacts and visitors as it likes, so
    /// that elsewhere the same letters may be an order, or a page.
    fn is_known_as(&self, name: &str, text: &str) -> bool {
        let by_id = match name {
            "contact_id" => self.contact_ids.contains(text),
            "visitor_id" => self.visitors.contains(text),
            _ => false,
        };
        by_id
            || self.whop_users.contains(text)
            || self.emails.contains(&text.to_lowercase())
            || (!self.phones.is_empty() && people::is_phone_among(text, &self.phones))
    }
}

/// What an event says, field by field.
fn payload(row: &RowDoc) -> Map<String, Value> {
    let parsed = match row.cells.get("payload_json") {
        Some(Cell::Text(text)) => serde_json::from_str(text).unwrap_or_default(),
        _ => Value::Null,
    };
    match parsed {
        Value::Object(mut fields) => {
            // A row that another service brought may tell its session in the column alone.
            if let (None, Some(Cell::Text(session))) = (fields.get("session_id"), row.cells.get("session_id"))
            {
                fields.insert("session_id".to_owned(), Value::from(session.clone()));
            }
            fields
        }
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn known() -> Known {
        let set = |value: &str| [value.to_owned()].into();
        Known {
            contact_ids: set("con_ann"),
            visitors: set("vis_ann"),
            emails: set("ann@example.com"),
            phones: set("+4930901820"),
            sessions: set("s1"),
            ..Known::default()
        }
    }

    fn owns(event: Value, filed: &str) -> bool {
        known().owns(event.as_object().unwrap(), filed)
    }

    #[test]
    fn an_event_is_whose_it_names() {
        assert!(owns(json!({"email": " Ann@Example.com"}), ""));
        assert!(owns(json!({"form": {"fields": [{"value": "0049 30 901820"}]}}), ""));
        assert!(owns(json!({"message": "hi"}), "con_ann"));
        assert!(owns(json!({"session_id": "s1"}), ""));
        assert!(owns(json!({"session_id": "s1", "visitor_id": "vis_ann"}), "con_ben"));
    }

    #[test]
    fn an_id_names_somebody_in_its_own_field_alone() {
        let set = |value: &str| [value.to_owned()].into();
        let known = Known { contact_ids: set("1042"), visitors: set("anonymous"), ..Known::default() };
        let owns = |event: Value| known.owns(event.as_object().unwrap(), "con_ben");
        assert!(!owns(json!({"email": "ben@example.com", "order": "1042", "author": "anonymous"})));
        assert!(!owns(json!({"visitor_id": "1042", "contact_id": "anonymous", "form": {"ids": ["1042"]}})));
        assert!(owns(json!({"contact_id": "1042"})) && owns(json!({"visitor_id": "anonymous"})));
        assert!(owns(json!({"lead": {"contact_id": "1042"}})));
    }

    #[test]
    fn what_others_said_is_theirs() {
        assert!(!owns(json!({"message": "ask ann@example.com", "visitor_id": "vis_ben"}), "con_ben"));
        assert!(!owns(json!({"session_id": "s1", "visitor_id": "vis_ben"}), ""));
        assert!(!owns(json!({"session_id": "s1"}), "con_ben"));
        assert!(!owns(json!({"session_id": "s2"}), ""));
    }
}
