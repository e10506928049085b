//! One request to the calendar: its path in pieces, its version, its parameters and its body.
//!
//! The invariant: a body that is not said to be JSON is not read, as in Express.

use axum::{
    body::Bytes,
    http::{HeaderMap, Method, Uri},
};
use serde_json::{Map, Value};

use super::{error::Refusal, is_json};

/// A request.
pub(super) struct Ask {
    pub(super) method: Method,
    /// The path after `/calcom/v2/`.
    pub(super) path: String,
    version: Option<String>,
    query: Option<Vec<(String, String)>>,
    body: Bytes,
    is_json: bool,
}

// === impl Ask ===

impl Ask {
    pub(super) fn new(
        method: Method,
        uri: &Uri,
        query: Option<Vec<(String, String)>>,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Self {
        let path = uri.path().trim_start_matches("/calcom/v2/").trim_end_matches('/').to_owned();
        let version = headers.get("cal-api-version").and_then(|version| version.to_str().ok());
        let version = version.map(str::to_owned);
        Self { method, path, version, query, body, is_json: is_json(headers) }
    }

    /// What Nest answers where there is no such route, be it for the path or for the version.
    pub(super) fn no_route(&self) -> Refusal {
        Refusal::not_found(format!("Cannot {} /v2/{}", self.method, self.path))
    }

    /// Each controller answers to one `cal-api-version`; any other is another controller's, or nobody's.
    pub(super) fn needs_version(&self, version: &str) -> Result<(), Refusal> {
        if self.version.as_deref() == Some(version) { Ok(()) } else { Err(self.no_route()) }
    }

    /// The parameters; each may come once.
    pub(super) fn query(&self) -> Result<Map<String, Value>, Refusal> {
        let pairs = self.query.as_ref().ok_or_else(|| Refusal::bad("Bad Request"))?;
        let mut map = Map::new();
        for (name, value) in pairs {
            if map.insert(name.clone(), value.as_str().into()).is_some() {
                return Err(Refusal::bad(format!("{name} must be given once")));
            }
        }
        Ok(map)
    }

    /// The body; an object without properties where there is none.
    pub(super) fn body(&self) -> Result<Map<String, Value>, Refusal> {
        if self.body.is_empty() || !self.is_json {
            return Ok(Map::new());
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(body)) => Ok(body),
            Ok(_) => Err(Refusal::bad("Bad Request Exception")),
            Err(_) => Err(Refusal::bad("Unexpected token in JSON")),
        }
    }
}
