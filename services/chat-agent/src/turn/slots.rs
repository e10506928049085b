//! One turn at a time on each thread.
//!
//! The invariant: a thread that nobody works on takes no memory here.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex as Bar, OwnedMutexGuard},
    time::{Instant, timeout, timeout_at},
};
use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};

type Gates = HashMap<String, Gate>;

/// The gate of a thread, while somebody is at it.
#[derive(Clone, Default)]
struct Gate {
    bar: Arc<Bar<()>>,
    /// Whoever works on the thread shall come to an end.
    evicted: CancellationToken,
    /// What goes on in the background when the work is over.
    trails: TaskTracker,
}

/// The threads that are being worked on by this process.
#[derive(Clone, Default)]
pub(crate) struct Slots(Arc<Mutex<Gates>>);

/// The right to work on a thread, until it is dropped.
pub(crate) struct Slot {
    evicted: CancellationToken,
    _passed: OwnedMutexGuard<()>,
    // dropped after the gate is open, so that whoever waits is counted
    _entry: Entry,
}

/// Something that goes on in the background and tells of a thread, until it is dropped.
pub(crate) struct Trail {
    _token: TaskTrackerToken,
    _entry: Entry,
}

/// A place at a thread's gate: held or waited for.
struct Entry {
    slots: Slots,
    thread: String,
    bar: Option<Arc<Bar<()>>>,
}

// === impl Slots ===

impl Slots {
    /// The right to work on a thread; `None` if somebody has it for all of `wait`.
    pub(crate) async fn take(&self, thread: &str, wait: Duration) -> Option<Slot> {
        let (Gate { bar, evicted, .. }, entry) = self.enter(thread);
        let passed = timeout(wait, bar.lock_owned()).await.ok()?;
        Some(Slot { evicted, _passed: passed, _entry: entry })
    }

    /// Takes the thread from whoever works on it, who is told to end; `None` if that, or what it left in the
    /// background, goes on for all of `wait`.
    pub(crate) async fn evict(&self, thread: &str, wait: Duration) -> Option<Slot> {
        let until = Instant::now() + wait;
        // no more of the gate than that: who holds its bar is at the gate
        let (Gate { evicted, trails, .. }, _entry) = self.enter(thread);
        evicted.cancel();
        let slot = self.take(thread, wait).await?;
        trails.close();
        timeout_at(until, trails.wait()).await.ok()?;
        Some(slot)
    }

    /// Holds up whoever wants the thread for good until it is dropped.
    pub(crate) fn trail(&self, thread: &str) -> Trail {
        let (Gate { trails, .. }, entry) = self.enter(thread);
        Trail { _token: trails.token(), _entry: entry }
    }

    fn enter(&self, thread: &str) -> (Gate, Entry) {
        let gate = self.gates().entry(thread.to_owned()).or_default().clone();
        let bar = Some(gate.bar.clone());
        (gate, Entry { slots: self.clone(), thread: thread.to_owned(), bar })
    }

    fn gates(&self) -> MutexGuard<'_, Gates> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Slot ===

impl Slot {
    /// Ends when the thread is wanted for good.
    pub(crate) async fn evicted(&self) {
        self.evicted.cancelled().await;
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut gates = self.slots.gates();
        self.bar = None;
        // nobody can come to it meanwhile: that takes the lock on all of them
        if gates.get(&self.thread).is_some_and(|gate| Arc::strong_count(&gate.bar) == 1) {
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

    #[tokio::test]
    async fn who_evicts_waits_for_the_work_and_for_what_it_left_behind() {
        let (slots, long) = (Slots::default(), Duration::from_secs(30));
        let working = tokio::spawn({
            let slots = slots.clone();
            async move {
                let slot = slots.take("a", Duration::ZERO).await.unwrap();
                slot.evicted().await;
                slots.trail("a")
            }
        });
        tokio::task::yield_now().await;
        assert!(slots.evict("a", Duration::from_millis(20)).await.is_none(), "it left something behind");
        assert_eq!(slots.gates().len(), 1);
        let trail = working.await.unwrap();
        let evicting = tokio::spawn({
            let slots = slots.clone();
            async move { slots.evict("a", long).await }
        });
        tokio::task::yield_now().await;
        assert!(!evicting.is_finished());
        drop(trail);
        drop(evicting.await.unwrap().expect("nothing is left"));
        assert!(slots.evict("b", Duration::ZERO).await.is_some(), "nobody is there");
        let slot = slots.take("c", Duration::ZERO).await;
        assert!(slots.evict("c", Duration::ZERO).await.is_none(), "somebody is");
        drop(slot);
        assert!(slots.gates().is_empty());
    }
}
