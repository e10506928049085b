//! One event of `POST /webhooks/ajd/chat-events`: reading it, and its id.
//!
//! What we do not know is kept, not refused: an unknown type becomes a row of `chat_events`. What we do interpret
//! must have the right type, or the whole body is refused and nothing is written.

use domain::{
    Fault,
    id::{self, EventId},
};
use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// The outcome that calls for a human.
pub(crate) const NEEDS_HUMAN: &str = "needs_human";

/// Most events of one body.
const MAX_EVENTS: usize = 100;
/// Longest `type`, in characters.
const MAX_TYPE: usize = 128;

/// One event.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// Its own id, or SHA-256 of its canonical form.
    pub(crate) id: EventId,
    /// `chat.turn`, …
    pub(crate) kind: String,
    /// When it says it happened.
    pub(crate) occurred_at: Option<Timestamp>,
    /// The whole event in RFC 8785 form.
    pub(crate) canonical: String,
    /// Where it stood in the body, for error messages: empty or `events[3].`
    path: String,
    fields: Map<String, Value>,
}

/// Reads a body: one event, or an array of at most 100.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub(crate) fn parse(body: &[u8]) -> Result<Vec<Event>, Fault> {
    parse_of(body, "")
}

/// As [`parse`]; an event that names no visitor is `visitor`'s.
pub(crate) fn parse_of(body: &[u8], visitor: &str) -> Result<Vec<Event>, Fault> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Fault::malformed(
            "the body is empty; send one event as a JSON object, or an array of them",
        ));
    }
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        Fault::malformed(format!("the body is not JSON (line {}, column {})", error.line(), error.column()))
    })?;
    match value {
        Value::Array(events) if events.is_empty() => Err(Fault::malformed("the array holds no event")),
        Value::Array(events) if events.len() > MAX_EVENTS => Err(Fault::malformed(format!(
            "the array holds {} events; at most {MAX_EVENTS} are taken",
            events.len()
        ))),
        Value::Array(events) => events
            .into_iter()
            .enumerate()
            .map(|(i, event)| read(event, format!("events[{i}]"), visitor))
            .collect(),
        event => Ok(vec![read(event, String::new(), visitor)?]),
    }
}

fn read(value: Value, place: String, visitor: &str) -> Result<Event, Fault> {
    let Value::Object(mut fields) = value else {
        let subject = if place.is_empty() { "the event" } else { &place };
        return Err(Fault {
            field: Some(place.clone()),
            ..Fault::malformed(format!("{subject} must be a JSON object"))
        });
    };
    if !visitor.is_empty() {
        fields.entry("visitor_id").or_insert_with(|| Value::from(visitor));
    }
    let path = if place.is_empty() { place } else { format!("{place}.") };
    let mut event = Event {
        id: EventId::derive(&[]),
        kind: String::new(),
        occurred_at: None,
        canonical: String::new(),
        path,
        fields,
    };
    event.kind = event.text("type")?;
    if event.kind.is_empty() {
        return Err(event.wrong("type", "is required, e.g. \"chat.turn\""));
    }
    if event.kind.chars().count() > MAX_TYPE || event.kind.chars().any(char::is_control) {
        return Err(event.wrong("type", "must be at most 128 printable characters"));
    }
    event.occurred_at = event.time("occurred_at")?;
    event.canonical = serde_json_canonicalizer::to_string(&event.fields).map_err(|_| {
        Fault::malformed(format!("{}the event has a number that JSON cannot carry exactly", event.path))
    })?;
    event.id = event.own_id()?;
    Ok(event)
}

// === impl Event ===

impl Event {
    fn own_id(&self) -> Result<EventId, Fault> {
        let given = self.text("id")?;
        if given.is_empty() {
            let hash = id::hex(&Sha256::digest(self.canonical.as_bytes()));
            return Ok(format!("{}{hash}", EventId::PREFIX).parse().expect("hex is safe in an id"));
        }
        given.parse().map_err(|why| self.wrong("id", &format!("{why}")))
    }

    /// An engagement: a turn of a chat, or anything with an outcome.
    pub(crate) fn is_engagement(&self) -> bool {
        self.kind == "chat.turn" || self.fields.get("outcome").is_some_and(|outcome| !outcome.is_null())
    }

    /// A chat told it.
    pub(crate) fn is_of_chat(&self) -> bool {
        self.kind.starts_with("chat.") || self.is_engagement()
    }

    /// What a calendar did, e.g. `booked` of `calendar.booked`.
    pub(crate) fn calendar_action(&self) -> Option<&str> {
        self.kind.strip_prefix("calendar.").filter(|action| !action.is_empty())
    }

    /// A field that is text; empty when it is absent or null.
    pub(crate) fn text(&self, name: &str) -> Result<String, Fault> {
        self.text_in(&self.fields, name, name)
    }

    /// The first of several names under which a text may stand.
    pub(crate) fn first_text(&self, names: &[&str]) -> Result<String, Fault> {
        for name in names {
            let text = self.text(name)?;
            if !text.is_empty() {
                return Ok(text);
            }
        }
        Ok(String::new())
    }

    /// A trait of the visit, e.g. `utm_source`.
    pub(crate) fn visit_trait(&self, name: &str) -> Result<String, Fault> {
        match self.fields.get("traits") {
            None | Some(Value::Null) => Ok(String::new()),
            Some(Value::Object(traits)) => self.text_in(traits, name, &format!("traits.{name}")),
            Some(_) => Err(self.wrong("traits", "must be an object")),
        }
    }

    /// A field that is a number.
    pub(crate) fn number(&self, name: &str) -> Result<Option<f64>, Fault> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) => Ok(number.as_f64()),
            Some(_) => Err(self.wrong(name, "must be a number")),
        }
    }

    /// A field that is a point in time, RFC 3339.
    pub(crate) fn time(&self, name: &str) -> Result<Option<Timestamp>, Fault> {
        let text = self.text(name)?;
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| {
            self.wrong(name, "must be an RFC 3339 date and time with its offset, e.g. 2025-10-28T16:20:00Z")
        })
    }

    /// A fault about one field, with its place.
    pub(crate) fn wrong(&self, field: &str, why: &str) -> Fault {
        let field = format!("{}{field}", self.path);
        Fault::invalid(field.clone(), format!("{field} {why}"))
    }

    fn text_in(&self, fields: &Map<String, Value>, name: &str, shown: &str) -> Result<String, Fault> {
        match fields.get(name) {
            None | Some(Value::Null) => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.trim().to_owned()),
            Some(_) => Err(self.wrong(shown, "must be a string")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> String {
        parse(body.as_bytes()).expect_err("refused").message
    }

    #[test]
    fn the_same_event_has_the_same_id_however_it_is_written() {
        let one = parse(br#"{"type":"chat.turn","score":0.720,"page":"/"}"#).unwrap();
        let other = parse(b"[{ \"page\": \"\\u002f\", \"type\":\"chat.turn\", \"score\": 72e-2 }]").unwrap();
        assert_eq!(one[0].id, other[0].id);
        assert!(one[0].id.as_str().starts_with("evt_") && one[0].id.as_str().len() == 68);
        assert_ne!(one[0].id, parse(br#"{"type":"chat.turn","score":0.72,"page":"/x"}"#).unwrap()[0].id);
        assert_eq!(parse(br#"{"type":"x","id":"n8n-1"}"#).unwrap()[0].id.as_str(), "n8n-1");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        assert!(refused("  \n").contains("empty"));
        assert_eq!(refused("{\n \"type\": }"), "the body is not JSON (line 2, column 10)");
        assert_eq!(refused("7"), "the event must be a JSON object");
        assert_eq!(refused("[]"), "the array holds no event");
        assert_eq!(refused(r#"[{"type":"a"},7]"#), "events[1] must be a JSON object");
        assert_eq!(refused(r#"[{"type":"a"},{}]"#), r#"events[1].type is required, e.g. "chat.turn""#);
        assert_eq!(refused(r#"{"type":3}"#), "type must be a string");
        assert!(
            refused(r#"[{"type":"a","occurred_at":"yesterday"}]"#)
                .starts_with("events[0].occurred_at must be an RFC")
        );
        assert!(
            refused(r#"{"type":"a","occurred_at":"2025-10-28T16:20:00"}"#).starts_with("occurred_at must be")
        );
        assert!(refused(r#"{"type":"a","id":"a/b"}"#).starts_with("id must be"));
        let many = format!("[{}]", vec![r#"{"type":"a"}"#; 101].join(","));
        assert!(refused(&many).contains("at most 100"));
    }

    #[test]
    fn an_event_of_ours_names_its_visitor() {
        let body = br#"[{"type":"chat.turn"},{"type":"chat.turn","visitor_id":"vis_2"}]"#;
        let visitors: Vec<_> =
            parse_of(body, "vis_1").unwrap().iter().map(|event| event.text("visitor_id").unwrap()).collect();
        assert_eq!(visitors, ["vis_1", "vis_2"]);
    }

    #[test]
    fn null_is_absent() {
        let event =
            &parse(br#"{"type":"chat.turn","score":null,"session_id":null,"outcome":null}"#).unwrap()[0];
        assert_eq!(event.number("score").unwrap(), None);
        assert_eq!(event.text("session_id").unwrap(), "");
    }
}
