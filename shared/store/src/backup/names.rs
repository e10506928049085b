//! Names of collections that come out of a backup.
//!
//! Keys hold names that live as long as the program, since all others stand in its text. The invariant: each name is
//! kept once and there are few of them, so that no backup can fill the memory.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

/// Most names; a service has a few dozen.
const MOST: usize = 500;
/// Longest name.
const LONGEST: usize = 100;

static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// The name for keys; none if it is none, or one too many.
pub(super) fn name(text: &str) -> Option<&'static str> {
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(text) {
        return Some(known);
    }
    let is_name = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_'));
    if text.is_empty() || text.len() > LONGEST || !is_name || names.len() == MOST {
        return None;
    }
    let kept: &'static str = Box::leak(text.to_owned().into_boxed_str());
    names.insert(kept);
    Some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once_and_what_is_none_is_refused() {
        let (first, again) = (name("people_of_old").unwrap(), String::from("people_of_old"));
        assert!(std::ptr::eq(first, name(&again).unwrap()));
        for text in ["", "a/b", "People", "x;--", &"x".repeat(101)] {
            assert_eq!(name(text), None, "{text}");
        }
    }
}
