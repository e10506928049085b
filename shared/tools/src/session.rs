//! For whom and where a tool is called.

use std::{collections::BTreeMap, sync::Arc};

use domain::{id::digest, workflow::Workflow};
use jiff::{Timestamp, tz::TimeZone};
use proto::common::v1::Caller;
use serde_json::Value;

/// For whom and where a tool is called. Nothing else identifies anybody.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who is calling, as the gateway established it. Without a visitor there is no session.
    pub caller: Caller,
    /// The conversation; empty outside one.
    pub thread_id: String,
    /// What the call belongs to, and a repetition of it too: the visitor's newest message, a call of another agent, a press.
    pub turn: String,
    /// The workflow that runs it.
    pub workflow: Arc<Workflow>,
    /// Marketing facts of the visit.
    pub traits: BTreeMap<String, String>,
    /// The time of the call.
    pub now: Timestamp,
}

// === impl Session ===

impl Session {
    /// Whether the call is on behalf of somebody.
    pub fn is_of_somebody(&self) -> bool {
        !self.caller.visitor_id.is_empty()
    }

    /// What a call wants, by whom and where, whenever it is made and however it is written.
    pub fn wish(&self, tool: &str, arguments: &Value) -> String {
        let arguments = canonical(arguments).to_string();
        digest(&[self.place(), &self.caller.visitor_id, &self.workflow.slug, tool, &arguments])
    }

    /// The id under which a repetition of the same call is recognised. It follows from what is wanted and not from the
    /// model's id of the call, which differs when a turn is answered again.
    pub(crate) fn request_id(&self, tool: &str, arguments: &Value) -> String {
        format!("req_{}", digest(&[&self.wish(tool, arguments), &self.turn]))
    }

    /// The conversation, or else the session, or else the visitor; empty for the operator's own agent, which has none.
    pub(crate) fn place(&self) -> &str {
        let places = [&self.thread_id, &self.caller.session_id, &self.caller.visitor_id];
        places.into_iter().find(|place| !place.is_empty()).map_or("", String::as_str)
    }

    /// The page on which the chat stands, if it is known.
    pub(crate) fn page(&self) -> String {
        self.traits.get("page").cloned().unwrap_or_default()
    }

    /// The time zone that the visitor's browser told, UTC without one.
    pub(crate) fn zone(&self) -> TimeZone {
        let told = self.traits.get("time_zone").and_then(|name| TimeZone::get(name).ok());
        told.filter(|zone| zone.iana_name().is_some()).unwrap_or(TimeZone::UTC)
    }

    /// The visitor's language, such as `de`; empty if it is not known.
    pub(crate) fn language(&self) -> String {
        let locale = self.traits.get("locale").map(String::as_str).unwrap_or_default();
        locale.split(['-', '_']).next().unwrap_or_default().to_lowercase()
    }
}

/// The same with its keys in order and without nulls: what is left out and what is null mean the same.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept: BTreeMap<&String, &Value> =
                members.iter().filter(|(_, value)| !value.is_null()).collect();
            Value::Object(kept.into_iter().map(|(name, value)| (name.clone(), canonical(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(canonical).collect()),
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests {
    use domain::workflow::Registry;
    use serde_json::json;

    use super::*;

    fn session() -> Session {
        let caller = Caller { visitor_id: "vis_1".into(), session_id: "ses_1".into(), ..Caller::default() };
        let workflow = Arc::new(Registry::built_in().choose("", "", "").unwrap().clone());
        let traits =
            [("time_zone".to_owned(), "Europe/Berlin".to_owned()), ("locale".into(), "de-AT".into())];
        Session {
            caller,
            thread_id: "thr_1".into(),
            turn: "msg_1".into(),
            workflow,
            traits: traits.into(),
            now: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_call_is_known_by_what_is_wanted() {
        let wanted: Value = serde_json::from_str(r#"{"b": 1, "a": {"d": 2, "c": [1, 2]}}"#).unwrap();
        let same: Value = serde_json::from_str(r#"{"e": null, "a": {"c": [1, 2], "d": 2}, "b": 1}"#).unwrap();
        let id = session().request_id("t", &wanted);
        assert_eq!(id, session().request_id("t", &same), "however it is written");
        assert_eq!(
            id,
            Session { now: Timestamp::MAX, ..session() }.request_id("t", &wanted),
            "whenever it is made"
        );
        let others = [
            session().request_id("u", &wanted),
            session().request_id("t", &json!({"a": {"c": [2, 1], "d": 2}, "b": 1})),
            Session { turn: "msg_2".into(), ..session() }.request_id("t", &wanted),
            Session { thread_id: "thr_2".into(), ..session() }.request_id("t", &wanted),
            Session { caller: Caller { visitor_id: "vis_2".into(), ..session().caller }, ..session() }
                .request_id("t", &wanted),
        ];
        assert!(others.iter().all(|other| *other != id));
        let wish = session().wish("t", &wanted);
        assert_eq!(wish, Session { turn: "msg_2".into(), ..session() }.wish("t", &same), "in whatever turn");
        let operators = Arc::new(Workflow { slug: "ops".into(), ..(*session().workflow).clone() });
        assert_ne!(wish, Session { workflow: operators, ..session() }.wish("t", &wanted), "at one workflow");
    }

    #[test]
    fn outside_a_thread_the_session_is_the_place() {
        let outside = Session { thread_id: String::new(), ..session() };
        assert_eq!((session().place(), outside.place()), ("thr_1", "ses_1"));
    }

    #[test]
    fn what_the_browser_told_is_believed_if_it_can_be() {
        assert_eq!(
            (session().zone().iana_name(), session().language()),
            (Some("Europe/Berlin"), "de".to_owned())
        );
        let mut odd = session();
        odd.traits = [("time_zone".to_owned(), "Mars/Base".to_owned())].into();
        assert_eq!((odd.zone(), odd.language()), (TimeZone::UTC, String::new()));
    }
}
