//! The address of the calendar's own page, for who would rather pick a slot there.

use std::collections::HashMap;

use domain::{Fault, Kind, Reason, visit};
use providers::error::Error;
use url::Url;

use super::{Calendar, terms};

/// Longest slug.
const LONGEST_SLUG: usize = 100;
/// Longest name that is filled in.
const LONGEST_NAME: usize = 200;

impl Calendar {
    /// The page, of one event type if there is a slug, with the visit's `utm_*` and what the visitor gave of themselves.
    ///
    /// # Errors
    /// `CALCOM_BOOKING_LINK` is not set; the slug cannot be one.
    pub(crate) fn link(
        &self,
        slug: &str,
        traits: &HashMap<String, String>,
        name: &str,
        email: &str,
    ) -> Result<Url, Error> {
        let Some(page) = &self.page else {
            let why = "CALCOM_BOOKING_LINK is not set";
            return Err(Fault::new(Kind::Precondition, Reason::StateWrong, why).into());
        };
        Ok(fill(page.clone(), slug, traits, name, email)?)
    }
}

fn fill(
    mut page: Url,
    slug: &str,
    traits: &HashMap<String, String>,
    name: &str,
    email: &str,
) -> Result<Url, Fault> {
    let is_slug = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if slug.len() > LONGEST_SLUG || !slug.bytes().all(is_slug) {
        return Err(Fault::invalid("event_type_slug", "event_type_slug must be a slug, e.g. consult-30"));
    }
    if !slug.is_empty() {
        page.path_segments_mut().expect("an http address has a path").pop_if_empty().push(slug);
    }
    let utm =
        visit::allowed_traits(traits).into_iter().filter(|(key, _)| key.starts_with(visit::TRAIT_PREFIX));
    let name: String = name.trim().chars().take(LONGEST_NAME).collect();
    let email = email.trim().to_owned();
    let given =
        [("name", name), ("email", Some(email).filter(|email| terms::is_email(email)).unwrap_or_default())];
    let given = given.into_iter().filter(|(_, value)| !value.is_empty());
    let query: Vec<_> = utm.chain(given.map(|(key, value)| (key.to_owned(), value))).collect();
    if !query.is_empty() {
        page.query_pairs_mut().extend_pairs(query);
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(slug: &str, traits: &[(&str, &str)], name: &str, email: &str) -> Result<String, Fault> {
        let traits = traits.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        fill("https://cal.com/agency".parse().unwrap(), slug, &traits, name, email).map(String::from)
    }

    #[test]
    fn it_carries_the_visit_and_what_was_given() {
        assert_eq!(filled("", &[], "", "").unwrap(), "https://cal.com/agency");
        let traits =
            [("utm_source", "a&b"), ("gclid", "1"), ("utm_campaign", "x"), ("email", "eve@example.com")];
        assert_eq!(
            filled("consult-30", &traits, " Ann Lee ", "ann@example.com").unwrap(),
            "https://cal.com/agency/consult-30?utm_campaign=x&utm_source=a%26b&name=Ann+Lee&email=ann%40example.com"
        );
        assert_eq!(filled("consult", &[], "", "n/a").unwrap(), "https://cal.com/agency/consult");
    }

    #[test]
    fn a_slug_leads_nowhere_else() {
        for wrong in ["../eve", "a/b", "a?b", "//eve.example", "%2e", &"x".repeat(101)] {
            assert_eq!(
                filled(wrong, &[], "", "").unwrap_err().field.as_deref(),
                Some("event_type_slug"),
                "{wrong}"
            );
        }
    }
}
