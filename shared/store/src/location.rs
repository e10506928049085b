//! Where a service's documents are: the setting `STORE`.

use std::{path::PathBuf, str::FromStr};

/// A parsed `STORE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// `sqlite:DIR`: one file a service, `DIR/<service>.db`.
    Sqlite(PathBuf),
    /// `firestore:PROJECT[/DATABASE]`: collections `<service>_<name>`.
    Firestore {
        /// Id of the Google Cloud project.
        project: String,
        /// Id of the database; `(default)` unless named.
        database: String,
    },
}

impl FromStr for Location {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WHY: &str = "must be sqlite:DIR or firestore:PROJECT[/DATABASE]";
        match text.split_once(':') {
            Some(("sqlite", dir)) if !dir.is_empty() => Ok(Self::Sqlite(dir.into())),
            Some(("firestore", place)) => {
                let (project, database) = place.split_once('/').unwrap_or((place, "(default)"));
                let is_id = |text: &str| {
                    !text.is_empty()
                        && text
                            .bytes()
                            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b':' | b'.'))
                };
                if !is_id(project) || !(database == "(default)" || is_id(database)) {
                    return Err(WHY);
                }
                Ok(Self::Firestore { project: project.to_owned(), database: database.to_owned() })
            }
            _ => Err(WHY),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_engines_can_be_named() {
        assert_eq!("sqlite:.frontdesk".parse(), Ok(Location::Sqlite(".frontdesk".into())));
        for (text, database) in [
            ("firestore:demo-test", "(default)"),
            ("firestore:demo-test/books", "books"),
            ("firestore:demo-test/(default)", "(default)"),
        ] {
            let wanted = Location::Firestore { project: "demo-test".into(), database: database.into() };
            assert_eq!(text.parse(), Ok(wanted));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "sqlite:",
            "sqlite",
            "firestore:",
            "firestore:a/",
            "firestore:/b",
            "firestore:A b",
            "firestore:a/b/c",
            "mysql:x",
        ] {
            assert!(text.parse::<Location>().is_err(), "{text}");
        }
    }
}
