//! Why a store did not do what was asked.
//!
//! The invariant: an error tells which document it is about and never what stands in it, since errors are logged and
//! documents are about people.

use domain::{Fault, Kind, Reason};
use serde::de::DeserializeOwned;
use serde_json::{Value, error::Category};

/// A failure of a store. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine cannot be reached, or its disk fails.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Another process has the store open.
    #[error("{0} is in use by another process")]
    Locked(String),
    /// The documents were written by a newer version of this program.
    #[error("the store has schema version {found} and this program knows {known}; use a newer program")]
    TooNew {
        /// Version in the store.
        found: u32,
        /// Version that this program knows.
        known: u32,
    },
    /// The call breaks a rule of the trait; a bug of the caller.
    #[error("invalid store call: {0}")]
    Invalid(String),
    /// A document is not what its collection says.
    #[error("document {key} cannot be read")]
    Corrupt {
        /// Which.
        key: String,
        /// Why.
        #[source]
        flaw: Flaw,
    },
    /// Somebody goes on reading what is to be removed for good: a backup that is being taken.
    #[error("the store is being read and cannot be scrubbed")]
    Busy,
    /// Too many others changed the same documents.
    #[error("gave up after {0} conflicting commits")]
    Contended(u32),
    /// The answer of a commit was lost and nobody may assume either outcome.
    #[error("the outcome of a commit is unknown")]
    Unknown,
}

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Its text is no JSON, or not what its collection says. A parser's own words would quote what stands there.
    #[error("{what} at line {line} column {column}")]
    Text {
        /// What sort of mistake it is.
        what: &'static str,
        /// From 1 on.
        line: usize,
        /// From 1 on, in bytes.
        column: usize,
    },
    /// It lacks what every document has.
    #[error("{0}")]
    Shape(&'static str),
}

impl From<&serde_json::Error> for Flaw {
    fn from(error: &serde_json::Error) -> Self {
        let what = match error.classify() {
            Category::Data => "a value of the wrong kind",
            Category::Syntax => "no JSON",
            Category::Eof => "the end of the text",
            Category::Io => "a failure to read",
        };
        Self::Text { what, line: error.line(), column: error.column() }
    }
}

impl Error {
    /// A document whose text cannot be read.
    pub fn corrupt(key: impl ToString, error: &serde_json::Error) -> Self {
        Self::Corrupt { key: key.to_string(), flaw: error.into() }
    }

    /// A document that is no document of ours.
    pub(crate) fn misshapen(key: impl ToString, why: &'static str) -> Self {
        Self::Corrupt { key: key.to_string(), flaw: Flaw::Shape(why) }
    }
}

/// Reads a document's content as a `T`.
///
/// # Errors
/// [`Error::Corrupt`], which tells where in its text it goes wrong.
pub fn read_body<T: DeserializeOwned>(key: impl ToString, body: &Value) -> Result<T, Error> {
    T::deserialize(body).map_err(|error| {
        // Only a text has lines and columns.
        let in_text = serde_json::from_str::<T>(&body.to_string()).err();
        Error::corrupt(key, &in_text.unwrap_or(error))
    })
}

impl From<&Error> for Fault {
    fn from(error: &Error) -> Self {
        match error {
            Error::Unavailable(_)
            | Error::Locked(_)
            | Error::TooNew { .. }
            | Error::Unknown
            | Error::Busy => {
                Self::new(Kind::Unavailable, Reason::StoreUnavailable, "the store is unavailable, try again")
            }
            Error::Contended(_) => {
                Self::new(Kind::Unavailable, Reason::Contended, "too many changes at once, try again")
            }
            Error::Invalid(_) | Error::Corrupt { .. } => Self::internal(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    const CANARY: &str = "ann@canary.example";

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Known,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Person {
        age: u8,
        kind: Kind,
    }

    fn told(error: &Error) -> String {
        format!("{error}: {} {error:?}", error.source().unwrap())
    }

    #[test]
    fn an_error_says_where_a_document_is_wrong_and_not_what_stands_there() {
        let sound = read_body::<Person>("people/1", &json!({"age": 3, "kind": "known"})).unwrap();
        assert_eq!(sound, Person { age: 3, kind: Kind::Known });
        for wrong in [json!({"age": CANARY, "kind": "known"}), json!({"age": 3, "kind": CANARY})] {
            let error = read_body::<Person>("people/1", &wrong).unwrap_err();
            let told = told(&error);
            assert!(told.contains("line 1 column ") && !told.contains("column 0"), "{told}");
            assert!(told.contains("people/1") && !told.contains("canary"), "{told}");
        }
        let text = format!("{{\"age\": \"{CANARY}\" {CANARY}");
        let error = Error::corrupt("people/1", &serde_json::from_str::<Value>(&text).unwrap_err());
        assert!(
            told(&error).contains("no JSON at line 1 column 30") && !told(&error).contains("canary"),
            "{error:?}"
        );
    }
}
