//! A provider that sends each event until it is acknowledged, some again anyway, and none in its order.
//!
//! The invariant: an event is in hand until an answer named it; what was in a delivery without an answer goes back.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::ensure;
use fastrand::Rng;
use serde_json::Value;
use tokio::time::sleep;

use super::{
    PATIENCE,
    desk::{Desk, Door},
};

/// Deliveries under way at once.
const LANES: usize = 4;
/// Events that may change places.
const IN_HAND: usize = 150;
/// Most events of one delivery.
const MOST: usize = 20;
/// In a hundred: events of a delivery that were acknowledged before, events that lie about for some lives.
const REPEATED: usize = 12;
const FORGOTTEN: usize = 3;
const AFTER_A_FAILURE: Duration = Duration::from_millis(20);

pub(super) struct Sender {
    story: Arc<Vec<Value>>,
    hand: Mutex<Hand>,
    tries: AtomicUsize,
    failed: AtomicUsize,
    repeated: AtomicUsize,
}

/// Where events are.
struct Hand {
    dice: Rng,
    /// The next event of the story, and up to where it may be told now.
    next: usize,
    until: usize,
    loose: Vec<usize>,
    forgotten: Vec<usize>,
    taken: Vec<usize>,
    acknowledged: BTreeSet<String>,
}

/// One delivery: new events, and some again.
struct Delivery {
    new: Vec<usize>,
    all: Vec<usize>,
}

// === impl Hand ===

impl Hand {
    fn refill(&mut self) {
        while self.loose.len() < IN_HAND && self.next < self.until {
            let forgets = self.dice.usize(..100) < FORGOTTEN;
            if forgets { &mut self.forgotten } else { &mut self.loose }.push(self.next);
            self.next += 1;
        }
    }

    /// The next delivery; none when all is taken, unless it may be of nothing new.
    fn delivery(&mut self, may_be_old: bool) -> Option<Delivery> {
        self.refill();
        let most = if self.dice.usize(..100) < 50 { 3 } else { MOST };
        let size = 1 + self.dice.usize(..most);
        let (mut new, mut all) = (Vec::new(), Vec::new());
        while all.len() < size && !self.loose.is_empty() {
            if self.dice.usize(..100) < REPEATED && !self.taken.is_empty() {
                all.push(self.taken[self.dice.usize(..self.taken.len())]);
                continue;
            }
            let place = self.dice.usize(..self.loose.len());
            let event = self.loose.swap_remove(place);
            new.push(event);
            all.push(event);
            if self.dice.usize(..100) < 5 {
                all.push(event);
            }
        }
        if all.is_empty() && may_be_old && !self.taken.is_empty() {
            all.push(self.taken[self.dice.usize(..self.taken.len())]);
        }
        (!all.is_empty()).then_some(Delivery { new, all })
    }
}

// === impl Sender ===

impl Sender {
    pub(super) fn new(story: Arc<Vec<Value>>, seed: u64) -> Self {
        let hand = Hand {
            dice: Rng::with_seed(seed ^ 0x5e4d),
            next: 0,
            until: 0,
            loose: Vec::new(),
            forgotten: Vec::new(),
            taken: Vec::new(),
            acknowledged: BTreeSet::new(),
        };
        let count = || AtomicUsize::new(0);
        Self { story, hand: Mutex::new(hand), tries: count(), failed: count(), repeated: count() }
    }

    fn hand(&self) -> MutexGuard<'_, Hand> {
        self.hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many more events of the story may be sent.
    pub(super) fn allow(&self, events: usize) {
        let mut hand = self.hand();
        hand.until = (hand.until + events).min(self.story.len());
    }

    /// What of the story was not allowed yet.
    pub(super) fn left(&self) -> usize {
        self.story.len() - self.hand().until
    }

    /// Finds what lay about.
    pub(super) fn find_forgotten(&self) {
        let mut hand = self.hand();
        let found = std::mem::take(&mut hand.forgotten);
        hand.loose.extend(found);
    }

    /// Sends what may be sent, at most so many deliveries; with a limit also what was taken before. Ends early when
    /// nobody answers. Answers how many were acknowledged.
    pub(super) async fn send(&self, door: &Door, deliveries: usize) -> usize {
        let (left, taken) = (AtomicUsize::new(deliveries), AtomicUsize::new(0));
        let lane = || async {
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
            {
                let delivery = self.hand().delivery(deliveries < usize::MAX);
                let Some(delivery) = delivery else { return };
                if !self.deliver(door, delivery).await {
                    sleep(AFTER_A_FAILURE).await;
                    return;
                }
                taken.fetch_add(1, Ordering::Relaxed);
            }
        };
        // as many as LANES
        tokio::join!(lane(), lane(), lane(), lane());
        const { assert!(LANES == 4) };
        taken.into_inner()
    }

    async fn deliver(&self, door: &Door, delivery: Delivery) -> bool {
        self.tries.fetch_add(1, Ordering::Relaxed);
        let Delivery { new, all } = delivery;
        let events: Vec<&Value> = all.iter().map(|event| &self.story[*event]).collect();
        let ids = door.deliver(&events).await;
        let mut hand = self.hand();
        let Some(ids) = ids else {
            self.failed.fetch_add(1, Ordering::Relaxed);
            hand.loose.extend(new);
            return false;
        };
        self.repeated.fetch_add(all.len() - new.len(), Ordering::Relaxed);
        hand.acknowledged.extend(ids);
        hand.taken.extend(new);
        true
    }

    /// Sends all that is left until it is acknowledged, and then some of everything again.
    pub(super) async fn send_everything(&self, desk: &Desk) -> anyhow::Result<()> {
        self.allow(self.story.len());
        let begin = Instant::now();
        while self.hand().taken.len() < self.story.len() {
            self.find_forgotten();
            let taken = self.send(&desk.door(), usize::MAX).await;
            ensure!(
                taken > 0 || begin.elapsed() < PATIENCE,
                "events are not taken although nothing is wrong"
            );
        }
        let again: Vec<&Value> = self.story.iter().step_by(7).collect();
        for events in again.chunks(100) {
            ensure!(desk.door().deliver(events).await.is_some(), "what was acknowledged is not taken again");
            self.repeated.fetch_add(events.len(), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Events that were sent at least once.
    pub(super) fn sent(&self) -> usize {
        self.hand().next
    }

    pub(super) fn acknowledged(&self) -> BTreeSet<String> {
        self.hand().acknowledged.clone()
    }

    pub(super) fn figures(&self) -> String {
        let [tries, failed, repeated] =
            [&self.tries, &self.failed, &self.repeated].map(|count| count.load(Ordering::Relaxed));
        format!(
            "deliveries {tries}, {failed} of them without an answer; {repeated} events were repeated anyway"
        )
    }
}
