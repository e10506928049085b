//! When each fact of a document was told, so that facts which come in any order end as if they had come in theirs.
//!
//! The invariant: a field holds the word that its rule picks from all that were ever told, whatever their order; what
//! the owner said stands against every event.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Which of several words stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The first one, as of a first touch.
    First,
    /// The last one.
    Last,
}

/// A value that may say nothing.
pub(crate) trait Fact: PartialOrd + Clone {
    /// It says nothing, and empties nothing.
    fn is_blank(&self) -> bool;
}

/// When each field was told; `None` is the owner's word.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Told(BTreeMap<String, Option<Timestamp>>);

impl Fact for String {
    fn is_blank(&self) -> bool {
        self.is_empty()
    }
}

impl<T: PartialOrd + Clone> Fact for Option<T> {
    fn is_blank(&self) -> bool {
        self.is_none()
    }
}

// === impl Told ===

impl Told {
    /// Takes over what was told `at`, if `rule` picks it. Of two words of one moment the greater one stands.
    pub(crate) fn take<T: Fact>(&mut self, field: &str, rule: Rule, slot: &mut T, told: T, at: Timestamp) {
        if told.is_blank() {
            return;
        }
        let stands = match self.0.get(field) {
            None => !slot.is_blank(),
            Some(None) => true,
            Some(Some(since)) if at == *since => told <= *slot,
            Some(Some(since)) => (at < *since) == (rule == Rule::Last),
        };
        if !stands {
            *slot = told;
            self.0.insert(field.to_owned(), Some(at));
        }
    }

    /// When the word that stands was told by an event.
    pub(crate) fn at(&self, field: &str) -> Option<Timestamp> {
        self.0.get(field).copied().flatten()
    }

    /// A word that stands whatever was told before it, be it blank, and until something is told after it.
    pub(crate) fn set<T>(&mut self, field: &str, slot: &mut T, word: T, at: Timestamp) {
        *slot = word;
        self.0.insert(field.to_owned(), Some(at));
    }

    /// The owner's word, be it blank: no event changes the field again.
    pub(crate) fn own<T>(&mut self, field: &str, slot: &mut T, word: T) {
        *slot = word;
        self.0.insert(field.to_owned(), None);
    }

    /// Takes over what another document was told of the same field.
    pub(crate) fn join<T: Fact>(&mut self, field: &str, rule: Rule, slot: &mut T, other: (&Self, T)) {
        let (told, word) = other;
        match told.0.get(field) {
            Some(Some(at)) => self.take(field, rule, slot, word, *at),
            Some(None) if self.0.get(field) != Some(&None) => self.own(field, slot, word),
            Some(None) => {}
            None if slot.is_blank() => *slot = word,
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// What stands after `words`, in that order.
    fn after(rule: Rule, words: &[(i64, &str)]) -> String {
        let (mut told, mut slot) = (Told::default(), String::new());
        for (second, word) in words {
            told.take("f", rule, &mut slot, (*word).to_owned(), at(*second));
        }
        slot
    }

    #[test]
    fn the_order_in_which_words_come_does_not_matter() {
        let words = [(10, "a"), (20, ""), (15, "b"), (15, "c")];
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
            let words = order.map(|index| words[index]);
            assert_eq!((after(Rule::First, &words), after(Rule::Last, &words)), ("a".into(), "c".into()));
        }
    }

    #[test]
    fn the_owners_word_stands_even_if_it_is_blank() {
        let (mut told, mut slot) = (Told::default(), "Acme".to_owned());
        told.own("company", &mut slot, String::new());
        told.take("company", Rule::Last, &mut slot, "Umbrella".to_owned(), at(99));
        assert_eq!(slot, "");
        let (mut other, mut theirs) = (Told::default(), String::new());
        other.take("company", Rule::First, &mut theirs, "Hooli".to_owned(), at(1));
        other.join("company", Rule::First, &mut theirs, (&told, slot));
        assert_eq!(theirs, "");
    }
}
