//! One request: its parameters and its body, each taken once, and nothing left over.
//!
//! Whop's documents do not say what it makes of a parameter or a field that it does not know; here it is refused, so
//! that a mistake of a client shows at once. The invariant: a request with anything unread in it is never answered.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::error::{Refusal, Taken};

/// The parameters of a query, or the fields of a body.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

/// The fields of a body.
#[derive(Debug)]
pub(super) struct Body(Map<String, Value>);

fn wrong(name: &str, what: &str) -> Refusal {
    Refusal::bad(format!("{name} must be {what}"))
}

/// Text that is safe to repeat in an error.
fn plain(name: &str) -> &str {
    let is_plain =
        name.len() <= 60 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_[]".contains(&byte));
    if is_plain { name } else { "…" }
}

// === impl Query ===

impl Query {
    pub(super) fn parse(query: &str) -> Self {
        Self(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// A parameter that comes once.
    pub(super) fn text(&mut self, name: &str) -> Taken<Option<String>> {
        let mut found = self.texts_of(&[name]);
        if found.len() > 1 {
            return Err(wrong(name, "given once"));
        }
        Ok(found.pop())
    }

    /// A parameter that may be repeated, as `name` or as `name[]`.
    pub(super) fn texts(&mut self, name: &str) -> Vec<String> {
        self.texts_of(&[name, &format!("{name}[]")])
    }

    fn texts_of(&mut self, names: &[&str]) -> Vec<String> {
        let (found, rest) =
            std::mem::take(&mut self.0).into_iter().partition(|(name, _)| names.contains(&name.as_str()));
        self.0 = rest;
        let found: Vec<(String, String)> = found;
        found.into_iter().map(|(_, value)| value).collect()
    }

    pub(super) fn one_of(&mut self, name: &str, allowed: &[&str]) -> Taken<Option<String>> {
        let found = self.text(name)?;
        check_all(name, found.as_slice(), allowed)?;
        Ok(found)
    }

    /// Repeated values of a closed set.
    pub(super) fn all_of(&mut self, name: &str, allowed: &[&str]) -> Taken<Vec<String>> {
        let found = self.texts(name);
        check_all(name, &found, allowed)?;
        Ok(found)
    }

    pub(super) fn count(&mut self, name: &str) -> Taken<Option<usize>> {
        let found = self.text(name)?.map(|text| text.parse().map_err(|_| wrong(name, "a whole number")));
        found.transpose()
    }

    pub(super) fn flag(&mut self, name: &str) -> Taken<Option<bool>> {
        Ok(self.one_of(name, &["true", "false"])?.map(|flag| flag == "true"))
    }

    pub(super) fn time(&mut self, name: &str) -> Taken<Option<Timestamp>> {
        let found =
            self.text(name)?.map(|text| text.parse().map_err(|_| wrong(name, "an ISO 8601 timestamp")));
        found.transpose()
    }

    /// Parameters that Whop has and the stand-in does not; and then there is none left.
    pub(super) fn end(self, not_played: &[&str]) -> Taken<()> {
        let Some((name, _)) = self.0.first() else { return Ok(()) };
        if not_played.contains(&name.trim_end_matches("[]")) {
            return Err(Refusal::not_played(&format!("The parameter {name}")));
        }
        Err(Refusal::bad(format!("Unknown parameter: {}", plain(name))))
    }
}

fn check_all(name: &str, found: &[String], allowed: &[&str]) -> Taken<()> {
    match found.iter().all(|value| allowed.contains(&value.as_str())) {
        true => Ok(()),
        false => Err(wrong(name, &format!("one of {}", allowed.join(", ")))),
    }
}

// === impl Body ===

impl Body {
    /// The body of a request; one without a body has no fields.
    pub(super) fn parse(body: &[u8], is_json: bool) -> Taken<Self> {
        if body.is_empty() {
            return Ok(Self(Map::new()));
        }
        if !is_json {
            return Err(Refusal::bad("The body must be application/json"));
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            _ => Err(Refusal::bad("The body must be a JSON object")),
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, name: &str) -> Taken<Option<String>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(name, "a string")),
        }
    }

    pub(super) fn required(&mut self, name: &str) -> Taken<String> {
        let found = self.text(name)?.filter(|text| !text.is_empty());
        found.ok_or_else(|| Refusal::bad(format!("{name} is required")))
    }

    pub(super) fn flag(&mut self, name: &str) -> Taken<Option<bool>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(wrong(name, "a boolean")),
        }
    }

    pub(super) fn object(&mut self, name: &str) -> Taken<Option<Map<String, Value>>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(_) => Err(wrong(name, "an object")),
        }
    }

    pub(super) fn texts(&mut self, name: &str) -> Taken<Vec<String>> {
        let Some(list) = self.take(name) else { return Ok(Vec::new()) };
        serde_json::from_value(list).map_err(|_| wrong(name, "a list of strings"))
    }

    pub(super) fn time(&mut self, name: &str) -> Taken<Option<Timestamp>> {
        let found =
            self.text(name)?.map(|text| text.parse().map_err(|_| wrong(name, "an ISO 8601 timestamp")));
        found.transpose()
    }

    /// Fields that Whop has and the stand-in does not; and then there is none left.
    pub(super) fn end(self, not_played: &[&str]) -> Taken<()> {
        let Some(name) = self.0.keys().next() else { return Ok(()) };
        if not_played.contains(&name.as_str()) {
            return Err(Refusal::not_played(&format!("The field {name}")));
        }
        Err(Refusal::bad(format!("Unknown field: {}", plain(name))))
    }
}
