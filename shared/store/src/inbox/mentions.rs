//! Whether a text mentions a person.
//!
//! The invariant: an e-mail, a phone or an id that stands in a text is found however JSON writes it; what is merely part
//! of a longer word is not.

use serde_json::Value;

/// By what a person is known.
#[derive(Clone, Debug, Default)]
pub struct Mentions(Vec<String>);

// === impl Mentions ===

impl Mentions {
    /// E-mails, ids and the like, in whatever case.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let names = names.into_iter().map(|name| name.trim().to_lowercase());
        Self(names.filter(|name| !name.is_empty()).collect())
    }

    /// Phones as well: what counts of them is their digits, since `+` is often left out.
    #[must_use]
    pub fn and_phones<'n>(mut self, phones: impl IntoIterator<Item = &'n str>) -> Self {
        let digits = |phone: &str| phone.chars().filter(char::is_ascii_digit).collect::<String>();
        self.0.extend(phones.into_iter().map(digits).filter(|digits| digits.len() >= 6));
        self
    }

    /// Whether any of them stands in these bytes, or in a text of theirs if they are JSON.
    pub fn are_in(&self, bytes: &[u8]) -> bool {
        if self.0.is_empty() {
            return false;
        }
        self.stand_in(&String::from_utf8_lossy(bytes))
            || serde_json::from_slice(bytes).is_ok_and(|json: Value| self.are_in_json(&json))
    }

    /// Whether any of them stands in a text of this JSON.
    pub fn are_in_json(&self, json: &Value) -> bool {
        match json {
            Value::String(text) => self.stand_in(text),
            Value::Array(values) => values.iter().any(|value| self.are_in_json(value)),
            Value::Object(fields) => {
                fields.iter().any(|(name, value)| self.stand_in(name) || self.are_in_json(value))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    fn stand_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.0.iter().any(|name| stands_in(name, &text))
    }
}

fn stands_in(name: &str, text: &str) -> bool {
    let goes_on = |neighbour: Option<char>| neighbour.is_some_and(char::is_alphanumeric);
    text.match_indices(name).any(|(at, _)| {
        let (before, rest) = text.split_at(at);
        !goes_on(before.chars().next_back()) && !goes_on(rest[name.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_found_however_they_are_written() {
        let ann = Mentions::new(["Ann@Example.com", "vis_1", ""]).and_phones(["+49 30 123456", "12"]);
        for text in [
            r#"{"email":"ANN@example.COM"}"#,
            r#"{"email":"\u0061nn\u0040example.com"}"#,
            r#"{"deep":[{"vis_1":null}]}"#,
            r#"{"attendee":"4930123456@sms.cal.com"}"#,
            "not json: vis_1",
        ] {
            assert!(ann.are_in(text.as_bytes()), "{text}");
        }
        for text in
            [r#"{"email":"joann@example.com"}"#, r#"{"visitor":"vis_12"}"#, r#"{"n":49301234567,"m":12}"#, ""]
        {
            assert!(!ann.are_in(text.as_bytes()), "{text}");
        }
        assert!(!Mentions::default().are_in(b"anything"));
    }
}
