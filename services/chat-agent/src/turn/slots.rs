//! One turn at a time on each thread.
//!
//! The invariant: a thread that nobody works on takes no memory here.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex as Gate, OwnedMutexGuard},
    time::timeout,
};

type Gates = HashMap<String, Arc<Gate<()>>>;

/// The threads that are being worked on by this process.
#[derive(Clone, Default)]
pub(crate) struct Slots(Arc<Mutex<Gates>>);

/// The right to work on a thread, until it is dropped.
pub(crate) struct Slot {
    _passed: OwnedMutexGuard<()>,
    // dropped after the gate is open, so that whoever waits is counted
    _entry: Entry,
}

/// A place at a thread's gate: held or waited for.
struct Entry {
    slots: Slots,
    thread: String,
    gate: Option<Arc<Gate<()>>>,
}

// === impl Slots ===

impl Slots {
    /// The right to work on a thread; `None` if somebody has it for all of `wait`.
    pub(crate) async fn take(&self, thread: &str, wait: Duration) -> Option<Slot> {
        let gate = self.gates().entry(thread.to_owned()).or_default().clone();
        let entry = Entry { slots: self.clone(), thread: thread.to_owned(), gate: Some(gate.clone()) };
        let passed = timeout(wait, gate.lock_owned()).await.ok()?;
        Some(Slot { _passed: passed, _entry: entry })
    }

    fn gates(&self) -> MutexGuard<'_, Gates> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut gates = self.slots.gates();
        self.gate = None;
        // nobody can come to it meanwhile: that takes the lock on all of them
        if gates.get(&self.thread).is_some_and(|gate| Arc::strong_count(gate) == 1) {
            gates.remove(&self.thread);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_waits_for_the_first_and_nothing_is_left() {
        let slots = Slots::default();
        let first = slots.take("a", Duration::ZERO).await.unwrap();
        assert!(slots.take("a", Duration::from_millis(1)).await.is_none());
        assert!(slots.take("b", Duration::ZERO).await.is_some(), "another thread is free");
        let waiting = tokio::spawn({
            let slots = slots.clone();
            async move { slots.take("a", Duration::from_secs(30)).await }
        });
        drop(first);
        drop(waiting.await.unwrap().expect("its turn"));
        assert!(slots.gates().is_empty());
    }
}
