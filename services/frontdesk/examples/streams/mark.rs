//! What tells streams apart: the first delta of an answer is a mark of its own, which goes through unchanged.
//!
//! The invariant: no two answers of a run have the same mark.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

const BEGIN: &[u8] = b"\"delta\":\"#";

/// When the upstream said which mark.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks(Arc<Mutex<HashMap<u32, Instant>>>);

/// The first delta of the answer with this mark.
pub(crate) fn text(mark: u32) -> String {
    format!("#{mark} ")
}

/// The mark in an event, if that is a first delta.
pub(crate) fn find(event: &[u8]) -> Option<u32> {
    let begin = event.windows(BEGIN.len()).position(|window| window == BEGIN)? + BEGIN.len();
    let digits: Vec<u8> = event[begin..].iter().copied().take_while(u8::is_ascii_digit).collect();
    std::str::from_utf8(&digits).ok()?.parse().ok()
}

// === impl Marks ===

impl Marks {
    pub(crate) fn note(&self, mark: u32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(mark, Instant::now());
    }

    pub(crate) fn when(&self, mark: u32) -> Option<Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&mark).copied()
    }
}
