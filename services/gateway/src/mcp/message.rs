//! A message as far as we look into it: enough to refuse what is none, and to find the session in it.
//!
//! The invariant: what passes here is one request or notification of JSON-RPC 2.0, whatever it asks for.

use domain::Fault;
use serde_json::{Map, Value};

use super::SAFE;
use crate::body::wrong;

/// Where the session's token stands in a message.
const SESSION: &str = "frontdesk/session";
/// Where the key of a call stands in it.
const KEY: &str = "frontdesk/request_id";
/// Longest key, in characters.
const LONGEST_KEY: usize = 64;
/// Where the version stands in a message of a client that knows no handshake.
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const META: &str = "_meta";
const CALL: &str = "tools/call";
const INITIALIZE: &str = "initialize";

/// One message.
#[derive(Debug)]
pub(super) struct Message {
    id: Option<Value>,
    method: String,
    params: Map<String, Value>,
}

// === impl Message ===

impl Message {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let mut fields = match serde_json::from_slice(bytes) {
            Ok(Value::Object(fields)) => fields,
            Ok(Value::Array(_)) => return Err(Fault::malformed("batches are not taken; send one message")),
            Ok(_) => return Err(Fault::malformed("the body must be a JSON object")),
            Err(why) => {
                let (line, column) = (why.line(), why.column());
                return Err(Fault::malformed(format!("the body is not JSON: line {line}, column {column}")));
            }
        };
        if fields.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
            return Err(wrong("jsonrpc", "must be \"2.0\""));
        }
        let id = fields.remove("id");
        if id.as_ref().is_some_and(|id| !names(id)) {
            return Err(wrong("id", "must be a string or an integer"));
        }
        let Some(Value::String(method)) = fields.remove("method") else {
            return Err(wrong("method", "must be a string"));
        };
        let params = match fields.remove("params") {
            None => Map::new(),
            Some(Value::Object(params)) => params,
            Some(_) => return Err(wrong("params", "must be an object")),
        };
        let message = Self { id, method, params };
        message.check_meta()?;
        Ok(message)
    }

    fn check_meta(&self) -> Result<(), Fault> {
        let Some(meta) = self.params.get(META) else { return Ok(()) };
        let Value::Object(meta) = meta else { return Err(wrong("params._meta", "must be an object")) };
        match meta.get(SESSION) {
            None | Some(Value::String(_)) => Ok(()),
            Some(_) => Err(wrong("params._meta[\"frontdesk/session\"]", "must be a string")),
        }
    }

    /// What the answer is known by; `None` for a notification.
    pub(super) fn id(&self) -> Option<&Value> {
        self.id.as_ref()
    }

    /// The session's token.
    pub(super) fn session(&self) -> Option<&str> {
        self.params.get(META)?.get(SESSION)?.as_str()
    }

    /// The key by which its client knows a call, and every repetition of it.
    pub(super) fn key(&self) -> Option<&str> {
        self.params.get(META)?.get(KEY)?.as_str()
    }

    /// Whether a client begins to talk by it.
    pub(super) fn is_first(&self) -> bool {
        self.method == INITIALIZE
    }

    /// Whether it says itself of which version it is.
    pub(super) fn has_version(&self) -> bool {
        self.params.get(META).is_some_and(|meta| meta.get(VERSION).is_some())
    }

    /// What is wrong with the call of a tool, whichever it is.
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.method != CALL {
            return Ok(());
        }
        if !self.params.get("name").is_some_and(Value::is_string) {
            return Err(wrong("params.name", "must be a string"));
        }
        if !self.params.get("arguments").is_none_or(Value::is_object) {
            return Err(wrong("params.arguments", "must be an object"));
        }
        let is_key =
            |key: &Value| key.as_str().is_some_and(|key| (1..=LONGEST_KEY).contains(&key.chars().count()));
        match self.params.get(META).and_then(|meta| meta.get(KEY)) {
            Some(key) if !is_key(key) => {
                Err(wrong("params._meta[\"frontdesk/request_id\"]", "must be a text of 1 to 64 characters"))
            }
            _ => Ok(()),
        }
    }
}

/// Whether a value can name a request: a text, or a whole number that every program holds.
fn names(id: &Value) -> bool {
    id.is_string() || id.as_i64().is_some_and(|id| (-SAFE..=SAFE).contains(&id))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(text: &str) -> String {
        Message::read(text.as_bytes()).unwrap_err().message
    }

    #[test]
    fn what_is_no_message_is_refused_in_words() {
        for (text, why) in [
            ("{", "the body is not JSON: line 1, column 1"),
            (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, "batches are not taken; send one message"),
            ("[]", "batches are not taken; send one message"),
            ("1", "the body must be a JSON object"),
            ("{}", "jsonrpc must be \"2.0\""),
            (r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#, "jsonrpc must be \"2.0\""),
            (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, "id must be a string or an integer"),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, "id must be a string or an integer"),
            (
                r#"{"jsonrpc":"2.0","id":9007199254740992,"method":"ping"}"#,
                "id must be a string or an integer",
            ),
            (r#"{"jsonrpc":"2.0","id":1}"#, "method must be a string"),
            (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, "method must be a string"),
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#, "params must be an object"),
            (r#"{"jsonrpc":"2.0","method":"m","params":{"_meta":1}}"#, "params._meta must be an object"),
            (
                r#"{"jsonrpc":"2.0","method":"m","params":{"_meta":{"frontdesk/session":null}}}"#,
                "params._meta[\"frontdesk/session\"] must be a string",
            ),
        ] {
            assert_eq!(refusal(text), why, "{text}");
        }
        assert!(refusal(&"[".repeat(10_000)).starts_with("the body is not JSON"));
    }

    #[test]
    fn a_call_needs_a_name_and_an_object() {
        let check = |params: &str| {
            let text = format!(r#"{{"jsonrpc":"2.0","id":"1","method":"tools/call","params":{params}}}"#);
            Message::read(text.as_bytes()).unwrap().check().map_err(|fault| fault.message)
        };
        assert_eq!(check(r#"{"name":"n"}"#), Ok(()));
        assert_eq!(check(r#"{"name":"n","arguments":{}}"#), Ok(()));
        assert_eq!(check("{}"), Err("params.name must be a string".into()));
        assert_eq!(check(r#"{"name":"n","arguments":[]}"#), Err("params.arguments must be an object".into()));
        assert_eq!(
            check(r#"{"name":"n","arguments":null}"#),
            Err("params.arguments must be an object".into())
        );
        let keyed =
            |key: Value| check(&json!({"name": "n", "_meta": {"frontdesk/request_id": key}}).to_string());
        for key in ["a".into(), "ä".repeat(64)] {
            assert_eq!(keyed(json!(key)), Ok(()));
        }
        let why = "params._meta[\"frontdesk/request_id\"] must be a text of 1 to 64 characters";
        for key in [json!(""), json!("a".repeat(65)), json!(7), Value::Null] {
            assert_eq!(keyed(key), Err(why.into()));
        }
    }
}
