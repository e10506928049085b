//! What is remembered of each key.
//!
//! The invariant: what is not worth keeping is forgotten before the number of keys has doubled, and a sweep stops
//! only the keys of one shard at a time.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

const SHARDS: usize = 16;
/// Uses between two sweeps, at the least. Beyond that a sweep waits for as many uses as it left keys, so that
/// sweeping costs each use a constant share.
const SWEEP: u64 = 1_024;

/// A map from keys to what is remembered of them.
pub struct Keys<V> {
    shards: [Mutex<HashMap<Box<str>, V>>; SHARDS],
    hasher: RandomState,
    /// Uses until the next sweep.
    left: AtomicU64,
}

impl<V> Default for Keys<V> {
    fn default() -> Self {
        Self { shards: Default::default(), hasher: RandomState::new(), left: AtomicU64::new(SWEEP) }
    }
}

impl<V> Keys<V> {
    /// What is remembered of `key`, if anything is.
    pub fn look<R>(&self, key: &str, see: impl FnOnce(&mut V) -> R) -> Option<R> {
        lock(self.shard(key)).get_mut(key).map(see)
    }

    /// Remembers `key`. Now and then forgets what `keep` does not want kept.
    pub fn with<R>(
        &self,
        key: &str,
        new: impl FnOnce() -> V,
        keep: impl Fn(&V) -> bool,
        change: impl FnOnce(&mut V) -> R,
    ) -> R {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.sweep(keep);
        }
        let mut shard = lock(self.shard(key));
        if let Some(value) = shard.get_mut(key) {
            return change(value);
        }
        change(shard.entry(key.into()).or_insert_with(new))
    }

    fn sweep(&self, keep: impl Fn(&V) -> bool) {
        let mut kept = 0;
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.retain(|_, value| keep(value));
            shard.shrink_to_fit();
            kept += shard.len() as u64;
        }
        self.left.store(kept.max(SWEEP), Ordering::Relaxed);
    }

    fn shard(&self, key: &str) -> &Mutex<HashMap<Box<str>, V>> {
        let shards = SHARDS as u64;
        let at = usize::try_from(self.hasher.hash_one(key) % shards).expect("less than the number of shards");
        &self.shards[at]
    }

    /// How many keys are remembered.
    pub fn count(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics under this lock")
}
