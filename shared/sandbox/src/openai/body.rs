//! The body of `POST /chatkit/sessions`, checked as the schema `CreateChatSessionBody` has it.
//!
//! The invariant: [`parse`] returns an [`Order`] only for a body that the schema accepts, at every level.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::error::Refusal;

const MOST_VARIABLES: usize = 64;
const LONGEST_KEY: usize = 64;
const LONGEST_VALUE: usize = 10_485_760;

/// What a valid body asks for, its defaults filled in.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) user: String,
    pub(super) workflow: String,
    pub(super) version: Option<String>,
    pub(super) state_variables: Option<Value>,
    pub(super) tracing: bool,
    pub(super) seconds: i64,
    pub(super) max_requests_per_1_minute: i64,
    pub(super) chatkit_configuration: Value,
}

/// A value and where it stands.
struct Node<'a> {
    value: &'a Value,
    path: String,
}

/// An object whose field names were checked.
struct Fields<'a> {
    map: &'a Map<String, Value>,
    path: String,
}

pub(super) fn parse(body: &[u8]) -> Result<Order, Refusal> {
    let unreadable = "We could not parse the JSON body of your request.";
    let value: Value =
        serde_json::from_slice(body).map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, unreadable))?;
    let root = Node { value: &value, path: String::new() };
    let root = root.fields(&["workflow", "user", "expires_after", "rate_limits", "chatkit_configuration"])?;
    let workflow = root.required("workflow")?.fields(&["id", "version", "state_variables", "tracing"])?;
    let tracing = workflow.object("tracing", &["enabled"])?;
    let limits = root.object("rate_limits", &["max_requests_per_1_minute"])?;
    Ok(Order {
        workflow: workflow.required("id")?.string()?,
        version: workflow.get("version").map(|node| node.string()).transpose()?,
        state_variables: workflow.get("state_variables").map(|node| node.variables()).transpose()?,
        tracing: flag(tracing.as_ref(), "enabled", true)?,
        user: root.required("user")?.nonempty()?,
        seconds: seconds(&root)?,
        max_requests_per_1_minute: count(limits.as_ref(), "max_requests_per_1_minute", i64::MAX)?
            .unwrap_or(10),
        chatkit_configuration: configuration(&root)?,
    })
}

fn seconds(root: &Fields<'_>) -> Result<i64, Refusal> {
    let Some(expiry) = root.object("expires_after", &["anchor", "seconds"])? else { return Ok(600) };
    let anchor = expiry.required("anchor")?;
    if anchor.string()? != "created_at" {
        let why = "value is not supported. Supported values are: 'created_at'".to_owned();
        return Err(Refusal::invalid(&anchor.path, "invalid_value", why));
    }
    expiry.required("seconds")?.integer(600)
}

fn configuration(root: &Fields<'_>) -> Result<Value, Refusal> {
    let parts = ["automatic_thread_titling", "file_upload", "history"];
    let given = root.object("chatkit_configuration", &parts)?;
    let part = |name, known| given.as_ref().map_or(Ok(None), |given| given.object(name, known));
    let titling = part("automatic_thread_titling", &["enabled"])?;
    let upload = part("file_upload", &["enabled", "max_file_size", "max_files"])?;
    let history = part("history", &["enabled", "recent_threads"])?;
    Ok(json!({
        "automatic_thread_titling": {"enabled": flag(titling.as_ref(), "enabled", true)?},
        "file_upload": {
            "enabled": flag(upload.as_ref(), "enabled", false)?,
            "max_file_size": count(upload.as_ref(), "max_file_size", 512)?.unwrap_or(512),
            "max_files": count(upload.as_ref(), "max_files", i64::MAX)?.unwrap_or(10),
        },
        "history": {
            "enabled": flag(history.as_ref(), "enabled", true)?,
            "recent_threads": count(history.as_ref(), "recent_threads", i64::MAX)?,
        },
    }))
}

fn flag(fields: Option<&Fields<'_>>, name: &str, default: bool) -> Result<bool, Refusal> {
    let Some(node) = fields.and_then(|fields| fields.get(name)) else { return Ok(default) };
    node.value.as_bool().ok_or_else(|| node.not("a boolean"))
}

fn count(fields: Option<&Fields<'_>>, name: &str, most: i64) -> Result<Option<i64>, Refusal> {
    fields.and_then(|fields| fields.get(name)).map(|node| node.integer(most)).transpose()
}

// === impl Fields ===

impl<'a> Fields<'a> {
    fn get(&self, name: &str) -> Option<Node<'a>> {
        self.map.get(name).map(|value| Node { value, path: join(&self.path, name) })
    }

    fn required(&self, name: &str) -> Result<Node<'a>, Refusal> {
        self.get(name).ok_or_else(|| Refusal::missing(&join(&self.path, name)))
    }

    fn object(&self, name: &str, known: &[&str]) -> Result<Option<Self>, Refusal> {
        self.get(name).map(|node| node.fields(known)).transpose()
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

// === impl Node ===

impl<'a> Node<'a> {
    fn not(&self, expected: &str) -> Refusal {
        let got = match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(number) if number.is_f64() => "a decimal number",
            Value::Number(_) => "an integer",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        Refusal::wrong_type(&self.path, expected, got)
    }

    fn map(&self) -> Result<&'a Map<String, Value>, Refusal> {
        self.value.as_object().ok_or_else(|| self.not("an object"))
    }

    fn fields(&self, known: &[&str]) -> Result<Fields<'a>, Refusal> {
        let map = self.map()?;
        match map.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(Refusal::unknown(&join(&self.path, name))),
            None => Ok(Fields { map, path: self.path.clone() }),
        }
    }

    fn string(&self) -> Result<String, Refusal> {
        self.value.as_str().map(str::to_owned).ok_or_else(|| self.not("a string"))
    }

    fn nonempty(&self) -> Result<String, Refusal> {
        let text = self.string()?;
        if text.is_empty() {
            let why =
                "empty string. Expected a string with minimum length 1, but got an empty string instead";
            return Err(Refusal::invalid(&self.path, "empty_string", why.to_owned()));
        }
        Ok(text)
    }

    /// An integer from 1 to `most`.
    fn integer(&self, most: i64) -> Result<i64, Refusal> {
        let number = self.value.as_i64().ok_or_else(|| self.not("an integer"))?;
        if number < 1 {
            let why = format!("integer below minimum value. Expected a value >= 1, but got {number} instead");
            return Err(Refusal::invalid(&self.path, "integer_below_min_value", why));
        }
        if number > most {
            let why =
                format!("integer above maximum value. Expected a value <= {most}, but got {number} instead");
            return Err(Refusal::invalid(&self.path, "integer_above_max_value", why));
        }
        Ok(number)
    }

    fn variables(&self) -> Result<Value, Refusal> {
        let map = self.map()?;
        if map.len() > MOST_VARIABLES {
            let why =
                format!("too many properties. Expected an object with at most {MOST_VARIABLES} properties");
            return Err(Refusal::invalid(&self.path, "object_above_max_properties", why));
        }
        for (name, value) in map {
            let node = Node { value, path: join(&self.path, name) };
            let too_long = |most| format!("string too long. Expected a string with maximum length {most}");
            if name.chars().count() > LONGEST_KEY {
                return Err(Refusal::invalid(&self.path, "string_above_max_length", too_long(LONGEST_KEY)));
            }
            match value {
                Value::String(text) if text.len() > LONGEST_VALUE && text.chars().count() > LONGEST_VALUE => {
                    return Err(Refusal::invalid(
                        &node.path,
                        "string_above_max_length",
                        too_long(LONGEST_VALUE),
                    ));
                }
                Value::String(_) | Value::Bool(_) | Value::Number(_) => {}
                _ => return Err(node.not("one of a string, integer, boolean, or number")),
            }
        }
        Ok(self.value.clone())
    }
}
