//! What of a row may stay when its person is forgotten.
//!
//! Amounts, times, ids of providers and categories stay; free text and whatever names somebody goes. The invariant: what
//! was veiled once is veiled the same way again, so that a later version of the row brings nothing back.

use std::collections::BTreeSet;

use domain::{Cell, Tab};

/// A category is no longer than this.
const LONGEST: usize = 64;
/// So many digits in a row may be a phone number.
const DIGITS: usize = 7;
/// Letters of a unit or a currency: what is said in words has more.
const UNIT: usize = 3;
/// Shorter words are found everywhere.
const SHORTEST: usize = 3;

/// How a cell is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// It always goes.
    Goes,
    /// It stays if it is a category, not words of the person's.
    Said,
    /// An address of the site: its path stays.
    Page,
    /// It stays unless it names the person.
    Stays,
}

/// The words that name somebody.
#[derive(Clone, Debug, Default)]
pub(crate) struct Veil {
    words: Vec<String>,
}

const fn rule(tab: Tab, column: &str) -> Rule {
    match (tab, column.as_bytes()) {
        (Tab::Contacts, b"email" | b"phone" | b"first_name" | b"last_name" | b"company" | b"tags")
        | (Tab::Leads, b"notes")
        | (Tab::Engagements, b"message" | b"session_id")
        | (Tab::Payments, b"metadata")
        | (Tab::ChatEvents, b"payload_json" | b"session_id") => Rule::Goes,
        (Tab::Leads, b"intent" | b"budget_range" | b"timeframe") => Rule::Said,
        (Tab::Engagements, b"page") => Rule::Page,
        _ => Rule::Stays,
    }
}

/// Whether a column is blank in every row of somebody who was forgotten.
pub(crate) fn always_goes(tab: Tab, column: &str) -> bool {
    rule(tab, column) == Rule::Goes
}

// === impl Veil ===

impl Veil {
    /// A veil over everything that holds one of these words.
    pub(crate) fn new<'a>(words: impl IntoIterator<Item = &'a BTreeSet<String>>) -> Self {
        let words = words.into_iter().flatten().map(|word| word.to_lowercase());
        Self { words: words.filter(|word| word.chars().count() >= SHORTEST).collect() }
    }

    /// What stays of a cell.
    pub(crate) fn over(&self, tab: Tab, column: &str, cell: &Cell) -> Cell {
        let is_id = column == "id" || (column == "contact_id" && tab != Tab::Contacts);
        match (rule(tab, column), cell) {
            (Rule::Goes, _) => Cell::Empty,
            (Rule::Said, Cell::Text(text)) => self.said(text).into(),
            (Rule::Page, Cell::Text(text)) => self.page(text).into(),
            (Rule::Stays, Cell::Text(text)) if !is_id => self.category(text).into(),
            _ => cell.clone(),
        }
    }

    /// A category, or nothing.
    pub(crate) fn category(&self, text: &str) -> String {
        let lower = text.to_lowercase();
        let names = text.contains('@') || self.words.iter().any(|word| lower.contains(word));
        let number = text.split(|c: char| !c.is_ascii_digit()).any(|run| run.len() >= DIGITS);
        // An id of a provider is long and has no spaces; a phone number in one would be among the words.
        let short = text.chars().count() <= LONGEST && !number;
        let is_id = !text.contains(char::is_whitespace) && text.contains(|c: char| c.is_ascii_alphabetic());
        if names || !(short || is_id) { String::new() } else { text.to_owned() }
    }

    /// A category that a person may have put into words of their own.
    pub(crate) fn said(&self, text: &str) -> String {
        let in_words = text.contains(char::is_whitespace)
            && text.split(|c: char| !c.is_alphabetic()).any(|run| run.chars().count() > UNIT);
        let short = text.chars().count() <= LONGEST;
        if in_words || !short { String::new() } else { self.category(text) }
    }

    /// The path of a page.
    fn page(&self, text: &str) -> String {
        let path = text.split(['?', '#']).next().unwrap_or_default();
        if path.contains('%') { String::new() } else { self.category(path) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn veil() -> Veil {
        Veil::new([&["Ann".to_owned(), "ann@example.com".to_owned(), "Jo".to_owned()].into()])
    }

    #[test]
    fn categories_stay_and_words_go() {
        for stays in ["buy_inquiry", "5k-10k", "5,000 - 10,000 EUR", "next_month", "jojoba"] {
            assert_eq!(veil().said(stays), stays);
        }
        for goes in ["a cake for my mother", "mail ann@x.de", "for-ANN", "+4930901820", &"x".repeat(65)] {
            assert_eq!(veil().said(goes), "", "{goes}");
        }
    }

    #[test]
    fn ids_of_providers_stay() {
        for stays in ["pi_3MtwBwLkdIwHu7ix28a3tqPa", "Consult 30", "in_1234567890", "merged into con_1"] {
            assert_eq!(veil().category(stays), stays);
        }
        for goes in ["Consult with Ann", "uid-1@google.com", "0049 30901820"] {
            assert_eq!(veil().category(goes), "", "{goes}");
        }
    }

    #[test]
    fn of_a_page_its_path_stays() {
        assert_eq!(veil().page("/services?email=x#y"), "/services");
        assert_eq!(veil().page("https://example.com/offer"), "https://example.com/offer");
        assert_eq!(veil().page("/u/ann"), "");
        assert_eq!(veil().page("/u/%41nn"), "");
    }

    #[test]
    fn what_was_veiled_is_veiled_the_same_way_again() {
        for tab in Tab::ALL {
            for column in tab.columns() {
                for text in ["a b", "a_b", "/a?b", "Ann", "x@y", "12345678"] {
                    let once = veil().over(tab, column, &Cell::Text(text.into()));
                    assert_eq!(Veil::default().over(tab, column, &once), once, "{tab} {column}");
                }
            }
        }
    }
}
