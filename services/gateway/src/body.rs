//! Bodies: read up to a limit, and taken apart with words for what is wrong.
//!
//! The invariant: no more than the limit is ever held in memory, and a refused body is named by its field.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderMap, header},
};
use bytes::{Bytes, BytesMut};
use domain::{Fault, Kind, Reason};
use http_body_util::BodyExt as _;
use serde_json::{Map, Value};

use crate::{edge, problem::Problem};

/// How much of a refused body is read and thrown away, so that its sender gets to read the refusal.
const DRAIN_MAX: usize = 4 << 20;
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// A JSON object whose fields are taken one by one; what is left is ignored.
#[derive(Debug, Default)]
pub(crate) struct Fields(Map<String, Value>);

/// The whole body, of at most `limit` bytes.
pub(crate) async fn read(headers: &HeaderMap, mut body: Body, limit: usize) -> Result<Bytes, Problem> {
    let mut bytes = BytesMut::new();
    let mut over = axum::body::HttpBody::size_hint(&body).lower() > limit as u64;
    while !over && let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Fault::malformed("the body ended too early"))?;
        let Ok(data) = frame.into_data() else { continue };
        over = bytes.len() + data.len() > limit;
        if !over {
            bytes.extend_from_slice(&data);
        }
    }
    if over {
        drain(headers, body).await;
        return Err(Problem::too_large(limit));
    }
    Ok(bytes.freeze())
}

/// The same of JSON, which has to arrive as quickly on a route that may take its time as on any other.
pub(crate) async fn read_json(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Problem> {
    let slow = || Fault::new(Kind::Deadline, Reason::DeadlineExceeded, "the body took too long");
    let bytes = tokio::time::timeout(edge::DEADLINE, read(headers, body, limit)).await;
    let bytes = bytes.map_err(|_| slow())??;
    check_claim(headers, &bytes)?;
    Ok(bytes)
}

/// A connection that is closed on unread bytes is reset, and the answer is lost with it.
async fn drain(headers: &HeaderMap, mut body: Body) {
    if headers.contains_key(header::EXPECT) {
        return;
    }
    let run = async {
        let mut left = DRAIN_MAX;
        while let Some(Ok(frame)) = body.frame().await {
            let size = frame.data_ref().map_or(0, Bytes::len);
            let Some(rest) = left.checked_sub(size) else { return };
            left = rest;
        }
    };
    // Whoever sends slower than this has lost the answer.
    let _ = tokio::time::timeout(DRAIN_TIME, run).await;
}

// === impl Fields ===

impl Fields {
    /// Reads a JSON object.
    pub(crate) fn parse(headers: &HeaderMap, bytes: &[u8]) -> Result<Self, Fault> {
        check_claim(headers, bytes)?;
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(Fault::malformed("the body must be a JSON object")),
            Err(why) => {
                let (line, column) = (why.line(), why.column());
                Err(Fault::malformed(format!("the body is not JSON: line {line}, column {column}")))
            }
        }
    }

    /// A string; `null` is an absent one.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, Fault> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(name, "must be a string")),
        }
    }

    /// A string that has to be there.
    pub(crate) fn required_text(&mut self, name: &str) -> Result<String, Fault> {
        self.text(name)?.filter(|text| !text.is_empty()).ok_or_else(|| wrong(name, "is required"))
    }

    /// A number.
    pub(crate) fn number(&mut self, name: &str) -> Result<Option<f64>, Fault> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => value.as_f64().map(Some).ok_or_else(|| wrong(name, "must be a number")),
        }
    }

    /// Whether something is said to be so; absent, it is not.
    pub(crate) fn flag(&mut self, name: &str) -> Result<bool, Fault> {
        match self.take(name) {
            None => Ok(false),
            Some(Value::Bool(value)) => Ok(value),
            Some(_) => Err(wrong(name, "must be true or false")),
        }
    }

    /// An array of strings.
    pub(crate) fn texts(&mut self, name: &str) -> Result<Vec<String>, Fault> {
        let fault = || wrong(name, "must be an array of strings");
        let text = |value: Value| if let Value::String(text) = value { Ok(text) } else { Err(fault()) };
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) => values.into_iter().map(text).collect(),
            Some(_) => Err(fault()),
        }
    }

    /// An object.
    pub(crate) fn object(&mut self, name: &str) -> Result<Map<String, Value>, Fault> {
        match self.take(name) {
            None => Ok(Map::new()),
            Some(Value::Object(fields)) => Ok(fields),
            Some(_) => Err(wrong(name, "must be an object")),
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }
}

/// A fault about one field.
pub(crate) fn wrong(field: &str, what: &str) -> Fault {
    Fault { field: Some(field.to_owned()), ..Fault::malformed(format!("{field} {what}")) }
}

/// Refuses a body that claims to be something else than JSON, or is nothing.
fn check_claim(headers: &HeaderMap, bytes: &[u8]) -> Result<(), Fault> {
    if !is_json(headers) {
        return Err(Fault::malformed("content-type must be application/json"));
    }
    if bytes.trim_ascii().is_empty() {
        return Err(Fault::malformed("the body is empty; send a JSON object"));
    }
    Ok(())
}

/// Whether the body claims to be JSON, or claims nothing.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(declared) = headers.get(header::CONTENT_TYPE) else { return true };
    let essence = declared.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(declared: Option<&str>, body: &str) -> Option<String> {
        let headers = declared.map(|declared| (header::CONTENT_TYPE, declared.parse().unwrap()));
        Fields::parse(&headers.into_iter().collect(), body.as_bytes()).err().map(|fault| fault.message)
    }

    #[test]
    fn a_body_that_claims_nothing_else_may_be_json() {
        for good in [
            None,
            Some("application/json"),
            Some("Application/JSON; charset=utf-8"),
            Some("application/x+json"),
        ] {
            assert_eq!(refusal(good, "{}"), None, "{good:?}");
        }
        for bad in ["text/plain", "application/x-www-form-urlencoded", "json", ""] {
            assert_eq!(refusal(Some(bad), "{}").unwrap(), "content-type must be application/json", "{bad:?}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused_in_words() {
        assert_eq!(refusal(None, " \n").unwrap(), "the body is empty; send a JSON object");
        assert_eq!(refusal(None, "[]").unwrap(), "the body must be a JSON object");
        assert_eq!(refusal(None, "{\n  oops").unwrap(), "the body is not JSON: line 2, column 3");
        assert!(refusal(None, &"[".repeat(10_000)).unwrap().starts_with("the body is not JSON"));
    }

    #[test]
    fn fields_have_types() {
        let mut fields = Fields::parse(
            &HeaderMap::new(),
            br#"{"a":1,"b":null,"c":"x","d":[1],"e":[],"f":0.5,"g":"1","h":"true","i":true}"#,
        )
        .unwrap();
        assert_eq!(fields.number("f").unwrap(), Some(0.5));
        assert_eq!(fields.number("g").unwrap_err().message, "g must be a number");
        assert_eq!(fields.flag("h").unwrap_err().message, "h must be true or false");
        assert_eq!((fields.flag("i"), fields.flag("j")), (Ok(true), Ok(false)));
        assert_eq!(fields.required_text("b").unwrap_err().message, "b is required");
        assert_eq!(fields.text("c").unwrap().as_deref(), Some("x"));
        assert_eq!(fields.texts("d").unwrap_err().message, "d must be an array of strings");
        assert_eq!(fields.object("e").unwrap_err().message, "e must be an object");
        let fault = fields.text("a").unwrap_err();
        assert_eq!((fault.message.as_str(), fault.field.as_deref()), ("a must be a string", Some("a")));
    }
}
