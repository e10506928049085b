//! A JSON object whose members are taken one by one; what is left is ignored.

use domain::Fault;
use serde_json::{Map, Value};

/// Up to here every whole number is exact as a float: 2^53.
const MOST_EXACT: f64 = 9_007_199_254_740_992.0;

/// An object of a request, and where in it.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    at: String,
    members: Map<String, Value>,
}

// === impl Fields ===

impl Fields {
    /// Reads a whole body.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Fault> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(Self { at: String::new(), members }),
            Ok(_) => Err(Fault::malformed("the body must be a JSON object")),
            Err(why) => {
                let (line, column) = (why.line(), why.column());
                Err(Fault::malformed(format!("the body is not JSON: line {line}, column {column}")))
            }
        }
    }

    /// A string that has to be there.
    pub(super) fn text(&mut self, name: &str) -> Result<String, Fault> {
        self.optional_text(name)?.ok_or_else(|| self.fault(name, "is required"))
    }

    /// A string; `null` is an absent one.
    pub(super) fn optional_text(&mut self, name: &str) -> Result<Option<String>, Fault> {
        match self.optional_value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.fault(name, "must be a string")),
        }
    }

    /// Strings.
    pub(super) fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>, Fault> {
        let Some(values) = self.array(name)? else { return Ok(None) };
        let text = |value| if let Value::String(text) = value { Some(text) } else { None };
        let texts = values.into_iter().map(text).collect::<Option<_>>();
        texts.ok_or_else(|| self.fault(name, "must be an array of strings")).map(Some)
    }

    /// An integer, which JSON may write with a fraction of zero.
    pub(super) fn integer(&mut self, name: &str) -> Result<Option<i64>, Fault> {
        let Some(value) = self.optional_value(name) else { return Ok(None) };
        let whole =
            |number: f64| (number.fract() == 0.0 && number.abs() < MOST_EXACT).then_some(number as i64);
        let integer = value.as_i64().or_else(|| value.as_f64().and_then(whole));
        integer.map(Some).ok_or_else(|| self.fault(name, "must be an integer"))
    }

    /// True or false.
    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>, Fault> {
        let Some(value) = self.optional_value(name) else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| self.fault(name, "must be true or false"))
    }

    /// An array.
    pub(super) fn array(&mut self, name: &str) -> Result<Option<Vec<Value>>, Fault> {
        match self.optional_value(name) {
            None => Ok(None),
            Some(Value::Array(values)) => Ok(Some(values)),
            Some(_) => Err(self.fault(name, "must be an array")),
        }
    }

    /// Objects, in an array that has to be there.
    pub(super) fn objects(&mut self, name: &str) -> Result<Vec<Self>, Fault> {
        let values = self.array(name)?.ok_or_else(|| self.fault(name, "is required"))?;
        let object = |(place, value)| self.member(&format!("{name}[{place}]"), value);
        values.into_iter().enumerate().map(object).collect()
    }

    /// An object that has to be there.
    pub(super) fn object(&mut self, name: &str) -> Result<Self, Fault> {
        self.optional_object(name)?.ok_or_else(|| self.fault(name, "is required"))
    }

    /// An object; `null` is an absent one.
    pub(super) fn optional_object(&mut self, name: &str) -> Result<Option<Self>, Fault> {
        self.optional_value(name).map(|value| self.member(name, value)).transpose()
    }

    /// The members of an object that has to be there, as they are.
    pub(super) fn map(&mut self, name: &str) -> Result<Map<String, Value>, Fault> {
        Ok(self.object(name)?.members)
    }

    /// Anything that has to be there, `null` included.
    pub(super) fn value(&mut self, name: &str) -> Result<Value, Fault> {
        self.members.remove(name).ok_or_else(|| self.fault(name, "is required"))
    }

    /// Anything; `null` is an absent one.
    pub(super) fn optional_value(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name).filter(|value| !value.is_null())
    }

    /// Reads every member, which must be an object.
    pub(super) fn each<T>(self, read: impl Fn(Self) -> Result<T, Fault>) -> Result<Vec<(String, T)>, Fault> {
        let Self { at, members } = self;
        let this = Self { at, members: Map::new() };
        let member = |(name, value): (String, Value)| {
            let value = read(this.member(&name, value)?)?;
            Ok((name, value))
        };
        members.into_iter().map(member).collect()
    }

    /// A fault about one member.
    pub(super) fn fault(&self, name: &str, what: &str) -> Fault {
        let path = self.path(name);
        Fault { field: Some(path.clone()), ..Fault::malformed(format!("{path} {what}")) }
    }

    fn member(&self, name: &str, value: Value) -> Result<Self, Fault> {
        match value {
            Value::Object(members) => Ok(Self { at: self.path(name), members }),
            _ => Err(self.fault(name, "must be an object")),
        }
    }

    fn path(&self, name: &str) -> String {
        if self.at.is_empty() { name.to_owned() } else { format!("{}.{name}", self.at) }
    }
}
