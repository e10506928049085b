//! The headers of the answers, in the document.
//!
//! Which answer has which header follows from its status and its media type alone, as the layers and
//! [`crate::problem`] set them, so they are described here once. The invariant: a header that is described as
//! required is on every such answer.

use serde_json::{Map, Value, json};

use crate::problem;

/// Name, what it says, its schema, and whether every answer of the kind has it.
type Header = (&'static str, &'static str, fn() -> Value, bool);

const EVERY: [Header; 4] = [
    ("X-Request-Id", "What finds this request in the log.", id, true),
    ("X-Content-Type-Options", "Always `nosniff`.", || json!({"type": "string", "const": "nosniff"}), true),
    ("Referrer-Policy", "What a browser tells of this page to others.", text, true),
    ("Vary", "`Origin`, since the answer may be for one alone.", text, true),
];
const PROBLEM: [Header; 1] =
    [("Cache-Control", "Always `no-store`.", || json!({"type": "string", "const": "no-store"}), true)];
const UNAUTHENTICATED: [Header; 1] =
    [("WWW-Authenticate", "Always `Bearer`.", || json!({"type": "string", "const": "Bearer"}), true)];
const LIMITED: [Header; 4] = [
    ("Retry-After", "Seconds to wait.", seconds, true),
    ("RateLimit-Limit", "What the limit is, if it is ours.", count, false),
    ("RateLimit-Remaining", "What is left of it.", count, false),
    ("RateLimit-Reset", "Seconds until it is whole again.", count, false),
];
const UNAVAILABLE: [Header; 1] = [("Retry-After", "Seconds to wait, if that is known.", seconds, false)];

/// Adds the headers to every answer of the document.
pub(super) fn describe(api: &mut Value) {
    for item in members(&mut api["paths"]) {
        for operation in members(item) {
            let Some(responses) = operation["responses"].as_object_mut() else { continue };
            for (status, response) in responses {
                let own = response["headers"].as_object_mut().map(std::mem::take).unwrap_or_default();
                let own = own.into_iter().map(promised);
                let headers: Map<String, Value> = of(status, response).map(entry).chain(own).collect();
                response["headers"] = headers.into();
            }
        }
    }
}

fn of(status: &str, response: &Value) -> impl Iterator<Item = Header> {
    let problem = !response["content"][problem::MEDIA_TYPE].is_null();
    let (every, problem) = (EVERY.as_slice(), if problem { PROBLEM.as_slice() } else { &[] });
    let own: &[Header] = match status {
        "401" => &UNAUTHENTICATED,
        "429" => &LIMITED,
        "503" => &UNAVAILABLE,
        _ => &[],
    };
    [every, problem, own].into_iter().flatten().copied()
}

fn entry((name, description, schema, required): Header) -> (String, Value) {
    (name.to_owned(), json!({"description": description, "schema": schema(), "required": required}))
}

/// A header that a route describes itself is always there, unless its schema says that it may be nothing.
fn promised((name, mut header): (String, Value)) -> (String, Value) {
    header["required"] = (header["schema"]["type"] == "string").into();
    header["schema"]["type"] = "string".into();
    (name, header)
}

fn members(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    value.as_object_mut().into_iter().flat_map(Map::values_mut)
}

fn id() -> Value {
    json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn seconds() -> Value {
    json!({"type": "integer", "minimum": 1})
}

fn count() -> Value {
    json!({"type": "integer", "minimum": 0})
}
