//! Whether a text mentions a person.
//!
//! The invariant: an e-mail, a phone or an id that stands in a text is found however JSON writes it, and a phone in
//! whatever notation; what is merely part of a longer word or number is not.

use domain::reach;
use serde_json::Value;

/// What may stand between two digits of a number.
const BETWEEN: &[char] = &[' ', '\u{a0}', '\u{2011}', '\u{2013}', '-', '.', '/', '(', ')'];
/// How much of it, as in `+49 (0)`.
const GAP: usize = 3;
/// Longest text between a number and its extension, as in ` extension `.
const EXTENSION_GAP: usize = 12;

/// By what a person is known.
#[derive(Clone, Debug, Default)]
pub struct Mentions {
    names: Vec<String>,
    /// Digits of numbers in every spelling, those of an extension after a `;`.
    numbers: Vec<String>,
}

// === impl Mentions ===

impl Mentions {
    /// E-mails, ids and the like, in whatever case.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let names = names.into_iter().map(|name| name.trim().to_lowercase());
        Self { names: names.filter(|name| !name.is_empty()).collect(), numbers: Vec::new() }
    }

    /// Phones as well, in every notation.
    #[must_use]
    pub fn and_phones<'n>(mut self, phones: impl IntoIterator<Item = &'n str>) -> Self {
        self.numbers.extend(phones.into_iter().flat_map(reach::spellings));
        self
    }

    /// Whether any of them stands in these bytes, or in a text of theirs if they are JSON.
    pub fn are_in(&self, bytes: &[u8]) -> bool {
        if self.names.is_empty() && self.numbers.is_empty() {
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
        self.names.iter().any(|name| {
            text.match_indices(name).any(|(at, _)| is_apart(&text[..at], &text[at + name.len()..]))
        }) || self.numbers.iter().any(|number| is_written(number, &text))
    }
}

/// Whether what stands between these two texts is no part of a longer word.
fn is_apart(before: &str, after: &str) -> bool {
    let goes_on = |neighbour: Option<char>| neighbour.is_some_and(char::is_alphanumeric);
    !goes_on(before.chars().next_back()) && !goes_on(after.chars().next())
}

/// Whether a number stands in a text, with whatever between its digits.
fn is_written(number: &str, text: &str) -> bool {
    let begins = number.chars().next().expect("a spelling has digits");
    text.match_indices(begins)
        .any(|(at, _)| after(number, &text[at..]).is_some_and(|rest| is_apart(&text[..at], rest)))
}

/// What follows on a number that a text begins with.
fn after<'t>(number: &str, text: &'t str) -> Option<&'t str> {
    let (number, extension) = number.split_once(';').unwrap_or((number, ""));
    let rest = skip(number, text, GAP, |c| BETWEEN.contains(&c))?;
    let Some(first) = extension.chars().next() else { return Some(rest) };
    let begin = rest.char_indices().take(EXTENSION_GAP + 1).find(|(_, c)| *c == first)?.0;
    if rest[..begin].contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    skip(extension, &rest[begin..], 0, |_| false)
}

/// What follows on these digits, with at most so much between any two of them.
fn skip<'t>(
    digits: &str,
    text: &'t str,
    most: usize,
    may_be_between: impl Fn(char) -> bool,
) -> Option<&'t str> {
    let mut rest = text;
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 {
            let gap = rest.chars().take(most).take_while(|c| may_be_between(*c));
            rest = &rest[gap.map(char::len_utf8).sum()..];
        }
        rest = rest.strip_prefix(digit)?;
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_found_however_they_are_written() {
        let ann = Mentions::new(["Ann@Example.com", "vis_1", ""]).and_phones(["+49 (0)30 123456", "12"]);
        for text in [
            r#"{"email":"ANN@example.COM"}"#,
            r#"{"email":"\u0061nn\u0040example.com"}"#,
            r#"{"deep":[{"vis_1":null}]}"#,
            r#"{"attendee":"4930123456@sms.cal.com"}"#,
            r#"{"phone":"\u002b49 (0)30 12 34 56"}"#,
            r#"{"phone":4930123456}"#,
            "call 0049-30-123456, or 030/123456.",
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

    #[test]
    fn a_phone_is_no_part_of_a_longer_number_and_no_other_extension() {
        let desk = Mentions::default().and_phones(["+1 415 555 2671;ext=7"]);
        for text in
            ["+1 (415) 555-2671 ext. 7", "14155552671;ext=7", "415.555.2671 x7", "4155552671 extension 7!"]
        {
            assert!(desk.are_in(text.as_bytes()), "{text}");
        }
        for text in [
            "+1 415 555 2671",
            "+1 415 555 2671 ext. 8",
            "+1 415 555 2671 ext. 71",
            "+1 415 555 2671 ext. 17",
            "14155552671 is another. 7",
        ] {
            assert!(!desk.are_in(text.as_bytes()), "{text}");
        }
        let ann = Mentions::default().and_phones(["+49 30 123456"]);
        for text in [
            "+49 30 1234567",
            "149 30 123456 7",
            "+49 30 1234 _ 56",
            "30 123456",
            "x030123456",
            "030 123-4567",
        ] {
            assert!(!ann.are_in(text.as_bytes()), "{text}");
        }
    }
}
