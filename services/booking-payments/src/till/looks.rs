//! When which link was looked at last, in this process.
//!
//! The invariant: nothing depends on it. It spares Stripe whoever loads a page again and again.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

/// A link is looked at no more often than this while its page is shown.
const EVERY: SignedDuration = SignedDuration::from_secs(10);
/// So many links are remembered before the old ones are forgotten.
const MANY: usize = 1_000;

/// The last looks.
#[derive(Default)]
pub(super) struct Looks(Mutex<HashMap<String, Timestamp>>);

impl Looks {
    /// Whether a link may be looked at now; it counts as looked at then.
    pub(super) fn begin(&self, id: &str, now: Timestamp) -> bool {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |at: &Timestamp| now.duration_since(*at) < EVERY;
        if looks.get(id).is_some_and(is_recent) {
            return false;
        }
        if looks.len() >= MANY {
            looks.retain(|_, at| is_recent(at));
        }
        looks.insert(id.to_owned(), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_looked_at_every_ten_seconds_and_the_old_ones_are_forgotten() {
        let at = |seconds: i64| Timestamp::from_second(1_800_000_000 + seconds).unwrap();
        let looks = Looks::default();
        let begun = [0, 1, 9, 10, 11, 20].map(|seconds| looks.begin("chk_1", at(seconds)));
        assert_eq!(begun, [true, false, false, true, false, true]);
        assert!(looks.begin("chk_2", at(20)), "another one");
        for number in 0..MANY {
            looks.begin(&format!("chk_{number}"), at(60));
        }
        looks.begin("chk_last", at(120));
        assert_eq!(looks.0.lock().unwrap().len(), 1);
    }
}
