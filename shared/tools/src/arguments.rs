//! Reading a call's arguments.
//!
//! The invariant: what is wrong is told in words with which the model can call again.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::Failure;

/// Reads `arguments` as `T`, which refuses unknown fields.
pub(crate) fn read<T: DeserializeOwned>(arguments: Value) -> Result<T, Failure> {
    if !arguments.is_object() {
        return Err(Failure::Arguments("the arguments must be one JSON object".into()));
    }
    serde_path_to_error::deserialize(arguments).map_err(|error| {
        let path = error.path().to_string();
        let place = if path == "." { String::new() } else { format!("{path}: ") };
        Failure::Arguments(format!("{place}{}", error.inner()))
    })
}

/// The text without white space around it; `None` if nothing is left.
///
/// # Errors
/// It is longer than `most` characters.
pub(crate) fn text(field: &str, given: Option<String>, most: usize) -> Result<Option<String>, Failure> {
    let Some(text) = given.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.chars().count() > most {
        return Err(Failure::Arguments(format!("{field} must be at most {most} characters")));
    }
    Ok(Some(text))
}

/// As [`text`], of what must be there.
pub(crate) fn required(field: &str, given: String, most: usize) -> Result<String, Failure> {
    text(field, Some(given), most)?.ok_or_else(|| Failure::Arguments(format!("{field} must not be empty")))
}

/// As [`text`], of what may be left out; empty then.
pub(crate) fn maybe(field: &str, given: Option<String>, most: usize) -> Result<String, Failure> {
    text(field, given, most).map(Option::unwrap_or_default)
}

/// An id that some tool has answered.
pub(crate) fn id(field: &str, given: &str) -> Result<String, Failure> {
    let given = given.trim();
    domain::id::check(given)
        .map(|()| given.to_owned())
        .map_err(|_| Failure::Arguments(format!("{field} must be an id that a tool has answered")))
}

/// As [`id`], of what may be left out; empty then.
pub(crate) fn maybe_id(field: &str, given: Option<&str>) -> Result<String, Failure> {
    given.filter(|given| !given.trim().is_empty()).map_or_else(|| Ok(String::new()), |given| id(field, given))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Plain {
        #[expect(dead_code, reason = "only read from JSON")]
        name: Option<String>,
    }

    fn wrong(arguments: Value) -> String {
        match read::<Plain>(arguments).expect_err("wrong") {
            Failure::Arguments(why) => why,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        assert_eq!(wrong(json!({"name": 7})), "name: invalid type: integer `7`, expected a string");
        assert_eq!(wrong(json!({"nam": null})), "nam: unknown field `nam`, expected `name`");
        assert_eq!(wrong(json!([])), "the arguments must be one JSON object");
    }

    #[test]
    fn blank_text_says_nothing() {
        assert_eq!(text("a", Some("  ".into()), 3).unwrap(), None);
        assert_eq!(text("a", Some(" äöü ".into()), 3).unwrap().as_deref(), Some("äöü"));
        assert!(text("a", Some("abcd".into()), 3).is_err());
    }
}
