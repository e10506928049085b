//! A JSON value and where it stands in a body: what every check of a body is written with.
//!
//! The invariant: a refusal carries the path of the value that is wrong, as OpenAI writes it (`tools[0].name`).

use std::ops::RangeInclusive;

use axum::http::StatusCode;
use serde_json::{Map, Value};

use super::error::Refusal;

/// A value and where it stands.
#[derive(Clone)]
pub(super) struct Node<'a> {
    pub(super) value: &'a Value,
    pub(super) path: String,
}

/// An object whose field names were checked.
pub(super) struct Fields<'a> {
    pub(super) map: &'a Map<String, Value>,
    pub(super) path: String,
}

/// The body as JSON.
pub(super) fn read(body: &[u8]) -> Result<Value, Refusal> {
    let unreadable = "We could not parse the JSON body of your request.";
    serde_json::from_slice(body).map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, unreadable))
}

pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

// === impl Fields ===

impl<'a> Fields<'a> {
    pub(super) fn get(&self, name: &str) -> Option<Node<'a>> {
        self.map.get(name).map(|value| Node { value, path: join(&self.path, name) })
    }

    /// A member that may be null, which says the same as its absence.
    pub(super) fn given(&self, name: &str) -> Option<Node<'a>> {
        self.get(name).filter(|node| !node.value.is_null())
    }

    pub(super) fn required(&self, name: &str) -> Result<Node<'a>, Refusal> {
        self.get(name).ok_or_else(|| Refusal::missing(&join(&self.path, name)))
    }

    pub(super) fn object(&self, name: &str, known: &[&str]) -> Result<Option<Self>, Refusal> {
        self.get(name).map(|node| node.fields(known)).transpose()
    }

    /// A text that may be null.
    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        self.given(name).map(|node| node.text()).transpose()
    }

    /// A boolean that may be null.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        self.given(name).map(|node| node.boolean()).transpose()
    }

    /// One of `supported`, or null.
    pub(super) fn choice(&self, name: &str, supported: &[&str]) -> Result<Option<&'a str>, Refusal> {
        self.given(name).map(|node| node.one_of(supported)).transpose()
    }
}

// === impl Node ===

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self { value, path: String::new() }
    }

    pub(super) fn not(&self, expected: &str) -> Refusal {
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

    pub(super) fn map(&self) -> Result<&'a Map<String, Value>, Refusal> {
        self.value.as_object().ok_or_else(|| self.not("an object"))
    }

    pub(super) fn fields(&self, known: &[&str]) -> Result<Fields<'a>, Refusal> {
        let map = self.map()?;
        match map.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(Refusal::unknown(&join(&self.path, name))),
            None => Ok(Fields { map, path: self.path.clone() }),
        }
    }

    /// The elements of an array.
    pub(super) fn elements(&self) -> Result<Vec<Self>, Refusal> {
        let values = self.value.as_array().ok_or_else(|| self.not("an array"))?;
        let element = |(at, value)| Self { value, path: format!("{}[{at}]", self.path) };
        Ok(values.iter().enumerate().map(element).collect())
    }

    pub(super) fn boolean(&self) -> Result<bool, Refusal> {
        self.value.as_bool().ok_or_else(|| self.not("a boolean"))
    }

    pub(super) fn text(&self) -> Result<&'a str, Refusal> {
        self.value.as_str().ok_or_else(|| self.not("a string"))
    }

    pub(super) fn string(&self) -> Result<String, Refusal> {
        self.text().map(str::to_owned)
    }

    pub(super) fn nonempty(&self) -> Result<String, Refusal> {
        let text = self.string()?;
        if text.is_empty() {
            let why =
                "empty string. Expected a string with minimum length 1, but got an empty string instead";
            return Err(Refusal::invalid(&self.path, "empty_string", why.to_owned()));
        }
        Ok(text)
    }

    /// A text of at most `most` characters.
    pub(super) fn short(&self, most: usize) -> Result<&'a str, Refusal> {
        let text = self.text()?;
        let length = text.chars().count();
        if length > most {
            let why = format!(
                "string too long. Expected a string with maximum length {most}, but got a string with length {length} instead"
            );
            return Err(Refusal::invalid(&self.path, "string_above_max_length", why));
        }
        Ok(text)
    }

    /// A name as functions have it: 1 to `most` of letters, digits, `_` and `-`.
    pub(super) fn name(&self, most: usize) -> Result<&'a str, Refusal> {
        self.nonempty()?;
        let name = self.short(most)?;
        if name.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-')) {
            return Ok(name);
        }
        let why =
            "string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'";
        Err(Refusal::invalid(&self.path, "invalid_value", why.to_owned()))
    }

    pub(super) fn one_of(&self, supported: &[&str]) -> Result<&'a str, Refusal> {
        let text = self.text()?;
        if supported.contains(&text) {
            return Ok(text);
        }
        Err(Refusal::unsupported(&self.path, text, supported))
    }

    /// A whole number of this range.
    pub(super) fn integer(&self, range: RangeInclusive<i64>) -> Result<i64, Refusal> {
        let number = self.value.as_i64().ok_or_else(|| self.not("an integer"))?;
        let (least, most) = range.into_inner();
        if number < least {
            let why =
                format!("integer below minimum value. Expected a value >= {least}, but got {number} instead");
            return Err(Refusal::invalid(&self.path, "integer_below_min_value", why));
        }
        if number > most {
            let why =
                format!("integer above maximum value. Expected a value <= {most}, but got {number} instead");
            return Err(Refusal::invalid(&self.path, "integer_above_max_value", why));
        }
        Ok(number)
    }

    /// A number from 0 to `most`.
    pub(super) fn decimal(&self, most: f64) -> Result<f64, Refusal> {
        let number = self.value.as_f64().ok_or_else(|| self.not("a decimal"))?;
        if number < 0.0 {
            let why = format!("decimal below minimum value. Expected a value >= 0, but got {number} instead");
            return Err(Refusal::invalid(&self.path, "decimal_below_min_value", why));
        }
        if number > most {
            let why =
                format!("decimal above maximum value. Expected a value <= {most}, but got {number} instead");
            return Err(Refusal::invalid(&self.path, "decimal_above_max_value", why));
        }
        Ok(number)
    }
}
