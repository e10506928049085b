//! Whom a statement is about, and where it was asked for.

use domain::tab;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::Work;

use crate::{
    error::Error,
    people::{self, Identity},
};

/// Whom a statement is about, as far as it is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Party {
    /// What they are known by.
    pub(crate) identity: Identity,
    /// Full name as the provider has it.
    pub(crate) name: String,
    /// Where it was asked for.
    pub(crate) place: Place,
    /// Path of the page on which it was asked for.
    pub(crate) page: String,
}

/// Where something was asked for; those who are told of it later are told this.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Place {
    /// Slug of the workflow.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) workflow: String,
    /// Host of the site.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) site: String,
}

// === impl Place ===

impl Place {
    /// It is not told.
    pub(crate) fn is_nowhere(&self) -> bool {
        self.workflow.is_empty() && self.site.is_empty()
    }
}

// === impl Party ===

impl Party {
    /// Id of the contact, made if nobody is known yet; blank if nothing says who it is. What is stated was so from
    /// `since` on, so that it does not matter when it is heard.
    pub(crate) async fn find_or_make(
        &self,
        work: &mut Work<'_>,
        source: &str,
        since: Timestamp,
    ) -> Result<String, Error> {
        if self.identity.is_empty() {
            return Ok(String::new());
        }
        let (first_name, last_name) = split(&self.name);
        let facts = tab::Contact { first_name, last_name, source: source.to_owned(), ..Default::default() };
        Ok(people::resolve(work, &self.identity, facts, since).await?.contact.id)
    }

    /// Whether something that began at `since` is of somebody who was forgotten afterwards.
    pub(crate) async fn is_forgotten(&self, work: &mut Work<'_>, since: Timestamp) -> Result<bool, Error> {
        Ok(people::left_at(work, &self.identity).await?.is_some_and(|left_at| since <= left_at))
    }
}

/// Given name and the rest: what stands behind the first word may be several.
fn split(name: &str) -> (String, String) {
    let name = name.trim();
    let (first, rest) = name.split_once(char::is_whitespace).unwrap_or((name, ""));
    (first.to_owned(), rest.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_split_behind_its_first_word() {
        let pair = |first: &str, last: &str| (first.to_owned(), last.to_owned());
        assert_eq!(split(" Ludwig  van Beethoven "), pair("Ludwig", "van Beethoven"));
        assert_eq!(split("Cher"), pair("Cher", ""));
        assert_eq!(split(""), pair("", ""));
    }
}
