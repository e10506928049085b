//! The body of `POST /chatkit/sessions`, checked as the schema `CreateChatSessionBody` has it.
//!
//! The invariant: [`parse`] returns an [`Order`] only for a body that the schema accepts, at every level.

use serde_json::{Value, json};

use super::{
    error::Refusal,
    node::{Fields, Node, join, read},
};

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

pub(super) fn parse(body: &[u8]) -> Result<Order, Refusal> {
    let value = read(body)?;
    let root = Node::root(&value).fields(&[
        "workflow",
        "user",
        "expires_after",
        "rate_limits",
        "chatkit_configuration",
    ])?;
    let workflow = root.required("workflow")?.fields(&["id", "version", "state_variables", "tracing"])?;
    let tracing = workflow.object("tracing", &["enabled"])?;
    let limits = root.object("rate_limits", &["max_requests_per_1_minute"])?;
    Ok(Order {
        workflow: workflow.required("id")?.string()?,
        version: workflow.get("version").map(|node| node.string()).transpose()?,
        state_variables: workflow.get("state_variables").map(variables).transpose()?,
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
    expiry.required("seconds")?.integer(1..=600)
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
    node.boolean()
}

fn count(fields: Option<&Fields<'_>>, name: &str, most: i64) -> Result<Option<i64>, Refusal> {
    fields.and_then(|fields| fields.get(name)).map(|node| node.integer(1..=most)).transpose()
}

fn variables(node: Node<'_>) -> Result<Value, Refusal> {
    let map = node.map()?;
    if map.len() > MOST_VARIABLES {
        let why = format!("too many properties. Expected an object with at most {MOST_VARIABLES} properties");
        return Err(Refusal::invalid(&node.path, "object_above_max_properties", why));
    }
    for (name, value) in map {
        let variable = Node { value, path: join(&node.path, name) };
        let too_long = |most| format!("string too long. Expected a string with maximum length {most}");
        if name.chars().count() > LONGEST_KEY {
            return Err(Refusal::invalid(&node.path, "string_above_max_length", too_long(LONGEST_KEY)));
        }
        match value {
            Value::String(text) if text.len() > LONGEST_VALUE && text.chars().count() > LONGEST_VALUE => {
                return Err(Refusal::invalid(
                    &variable.path,
                    "string_above_max_length",
                    too_long(LONGEST_VALUE),
                ));
            }
            Value::String(_) | Value::Bool(_) | Value::Number(_) => {}
            _ => return Err(variable.not("one of a string, integer, boolean, or number")),
        }
    }
    Ok(node.value.clone())
}
