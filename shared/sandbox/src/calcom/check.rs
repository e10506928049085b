//! Checks of a body or of parameters, in class-validator's words.
//!
//! The invariant: all faults of an object are told at once, each with its property, and whoever asks [`Check::finish`]
//! before using a value uses none that was refused.

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};

use super::{error::Refusal, time};

/// Languages that Cal.com knows.
const LANGUAGES: &[&str] = &[
    "ar", "ca", "de", "es", "eu", "he", "id", "ja", "lv", "pl", "ro", "sr", "th", "vi", "az", "cs", "el",
    "es-419", "fi", "hr", "it", "km", "nl", "pt", "ru", "sv", "tr", "zh-CN", "bg", "da", "en", "et", "fr",
    "hu", "iw", "ko", "no", "pt-BR", "sk", "ta", "uk", "zh-TW", "bn",
];

/// One object under check.
pub(super) struct Check<'a> {
    target: &'a Map<String, Value>,
    errors: Vec<Value>,
}

impl<'a> Check<'a> {
    pub(super) fn new(target: &'a Map<String, Value>) -> Self {
        Self { target, errors: Vec::new() }
    }

    /// A value; null counts as none, as `@IsOptional()` has it.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.target.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn fault(&mut self, name: &str, constraint: &str, message: impl Into<String>) {
        self.errors.push(json!({
            "target": self.target,
            "value": self.target.get(name),
            "property": name,
            "children": [],
            "constraints": {constraint: message.into()},
        }));
    }

    /// Refuses whatever is not named.
    pub(super) fn only(&mut self, names: &[&str]) {
        let target = self.target;
        for name in target.keys().filter(|name| !names.contains(&name.as_str())) {
            self.fault(name, "whitelistValidation", format!("property {name} should not exist"));
        }
    }

    /// Refuses what Cal.com has and the stand-in does not play.
    pub(super) fn unplayed(&mut self, names: &[&str]) {
        for name in names.iter().filter(|name| self.target.contains_key(**name)) {
            self.fault(name, "sandbox", format!("{name} is valid, but the sandbox does not play it"));
        }
    }

    fn take<T>(
        &mut self,
        name: &str,
        (constraint, what): (&str, &str),
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let read = read(self.get(name)?);
        if read.is_none() {
            self.fault(name, constraint, format!("{name} must be {what}"));
        }
        read
    }

    fn need<T>(&mut self, name: &str, rule: (&str, &str), found: Option<T>) -> Option<T> {
        if found.is_none() && self.get(name).is_none() {
            self.fault(name, rule.0, format!("{name} must be {}", rule.1));
        }
        found
    }

    pub(super) fn text(&mut self, name: &str) -> Option<&'a str> {
        self.take(name, ("isString", "a string"), Value::as_str)
    }

    pub(super) fn needed_text(&mut self, name: &str) -> Option<&'a str> {
        let found = self.text(name);
        self.need(name, ("isString", "a string"), found)
    }

    pub(super) fn boolean(&mut self, name: &str) -> Option<bool> {
        self.take(name, ("isBoolean", "a boolean value"), Value::as_bool)
    }

    /// A whole number; a parameter's comes as text.
    pub(super) fn integer(&mut self, name: &str) -> Option<i64> {
        let read = |value: &Value| value.as_i64().or_else(|| value.as_str()?.parse().ok());
        self.take(name, ("isInt", "an integer number"), read)
    }

    pub(super) fn needed_integer(&mut self, name: &str) -> Option<i64> {
        let found = self.integer(name);
        self.need(name, ("isInt", "an integer number"), found)
    }

    /// A whole number within bounds.
    pub(super) fn bounded(&mut self, name: &str, least: i64, most: i64) -> Option<i64> {
        let number = self.integer(name)?;
        if number < least {
            self.fault(name, "min", format!("{name} must not be less than {least}"));
        }
        if number > most {
            self.fault(name, "max", format!("{name} must not be greater than {most}"));
        }
        Some(number)
    }

    /// A time in UTC.
    pub(super) fn time(&mut self, name: &str) -> Option<Timestamp> {
        const RULE: (&str, &str) = ("isDateString", "a valid ISO 8601 date string");
        self.take(name, RULE, |value| time::parse_utc(value.as_str()?))
    }

    pub(super) fn needed_time(&mut self, name: &str) -> Option<Timestamp> {
        let found = self.time(name);
        self.need(name, ("isDateString", "a valid ISO 8601 date string"), found)
    }

    pub(super) fn zone(&mut self, name: &str) -> Option<&'a str> {
        let read = |value: &'a Value| value.as_str().filter(|name| TimeZone::get(name).is_ok());
        self.take(name, ("isTimeZone", "a valid IANA time-zone"), read)
    }

    pub(super) fn needed_zone(&mut self, name: &str) -> Option<&'a str> {
        let found = self.zone(name);
        self.need(name, ("isTimeZone", "a valid IANA time-zone"), found)
    }

    pub(super) fn language(&mut self, name: &str) -> Option<&'a str> {
        self.one_of(name, LANGUAGES)
    }

    pub(super) fn one_of(&mut self, name: &str, known: &[&str]) -> Option<&'a str> {
        let what = format!("one of the following values: {}", known.join(", "));
        self.take(name, ("isEnum", &what), |value| value.as_str().filter(|text| known.contains(text)))
    }

    pub(super) fn object(&mut self, name: &str) -> Option<&'a Map<String, Value>> {
        self.take(name, ("isObject", "an object"), Value::as_object)
    }

    pub(super) fn texts(&mut self, name: &str) -> Vec<String> {
        let read = |value: &Value| {
            value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        };
        self.take(name, ("isString", "an array of strings"), read).unwrap_or_default()
    }

    pub(super) fn email(&mut self, name: &str) -> Option<&'a str> {
        let text = self.text(name)?;
        if !is_email(text) {
            self.fault(name, "customValidation", "Invalid email format");
        }
        Some(text)
    }

    pub(super) fn phone(&mut self, name: &str) -> Option<&'a str> {
        let text = self.text(name)?;
        let digits = text.strip_prefix('+').unwrap_or_default();
        if !(8..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let message = "Invalid phone number format. Please use international format.";
            self.fault(name, "customValidation", message);
        }
        Some(text)
    }

    /// Up to 50 keys of up to 40 characters, and texts of up to 500.
    pub(super) fn metadata(&mut self, name: &str) -> Map<String, Value> {
        let Some(object) = self.object(name) else { return Map::new() };
        let fits = |value: &Value| match value {
            Value::String(text) => text.chars().count() <= 500,
            Value::Number(_) | Value::Bool(_) => true,
            _ => false,
        };
        if object.len() > 50 || object.iter().any(|(key, value)| key.chars().count() > 40 || !fits(value)) {
            let message = "Metadata must have at most 50 keys, each key up to 40 characters, and string values up to 500 characters.";
            self.fault(name, "validateMetadata", message);
        }
        object.clone()
    }

    /// Takes over the faults of an object within this one.
    pub(super) fn nest(&mut self, name: &str, inner: Check<'_>) {
        if !inner.errors.is_empty() {
            self.errors.push(json!({
                "target": self.target,
                "value": inner.target,
                "property": name,
                "children": inner.errors,
            }));
        }
    }

    /// All faults, if there are any.
    pub(super) fn finish(self) -> Result<(), Refusal> {
        if self.errors.is_empty() { Ok(()) } else { Err(Refusal::invalid(self.errors)) }
    }
}

fn is_email(text: &str) -> bool {
    let fine =
        |part: &str| !part.is_empty() && !part.contains(|char: char| char.is_whitespace() || char == '@');
    text.len() <= 254
        && text.split_once('@').is_some_and(|(name, host)| {
            fine(name)
                && fine(host)
                && host.split('.').count() > 1
                && host.split('.').all(|part| !part.is_empty())
        })
}
