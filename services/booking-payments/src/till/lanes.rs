//! One at a time, of those who do something about the same thing in this process.
//!
//! The invariant: nothing depends on it. It spares those who meet a conflict at the store, and a slot that the one holds
//! from being refused to the other.

use std::hash::{BuildHasher as _, RandomState};

use tokio::sync::{Mutex, MutexGuard};

const LANES: usize = 64;

/// The lanes: what is about the same thing is in the same one.
pub(super) struct Lanes {
    lanes: [Mutex<()>; LANES],
    hasher: RandomState,
}

impl Default for Lanes {
    fn default() -> Self {
        Self { lanes: std::array::from_fn(|_| Mutex::default()), hasher: RandomState::new() }
    }
}

impl Lanes {
    /// Waits until nobody else does something about `thing`.
    pub(super) async fn enter(&self, thing: &str) -> MutexGuard<'_, ()> {
        let hash = self.hasher.hash_one(thing) as usize;
        self.lanes[hash % LANES].lock().await
    }
}
