//! Time that passes only when everybody waits, and dice that fall the same way for the same seed.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::ledger::timer::{Sleep, Timer};

/// How often everybody must have had a turn with nothing done before time goes on.
const QUIET: u32 = 12;
/// A wait for work in other threads gives up after so many turns.
const TURNS: u32 = 5_000_000;

/// Simulated time. Clones share it.
#[derive(Clone)]
pub(super) struct Sim {
    base: Instant,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    elapsed: Duration,
    sleepers: BTreeMap<(Duration, u64), Waker>,
    next: u64,
    /// Calls that somebody is working at.
    busy: u32,
    /// Counts everything that happens.
    activity: u64,
}

struct Sleeper {
    sim: Sim,
    place: (Duration, u64),
}

/// Work that time waits for.
pub(super) struct Busy(Sim);

// === impl Sim ===

impl Sim {
    pub(super) fn new() -> Self {
        Self { base: Instant::now(), state: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.lock().elapsed
    }

    /// A wall clock that is wrong by `skew`.
    pub(super) fn clock(&self, skew: SignedDuration) -> store::Clock {
        let sim = self.clone();
        let start = Timestamp::from_second(1_800_000_000).unwrap() + skew;
        Arc::new(move || start + sim.elapsed())
    }

    pub(super) fn busy(&self) -> Busy {
        let mut state = self.lock();
        state.busy += 1;
        state.activity += 1;
        Busy(self.clone())
    }

    /// Lets everybody work until all wait for something.
    pub(super) async fn calm(&self) {
        let mut quiet = 0;
        for _ in 0..TURNS {
            let before = self.lock().activity;
            tokio::task::yield_now().await;
            let state = self.lock();
            quiet = if state.busy == 0 && state.activity == before { quiet + 1 } else { 0 };
            if quiet == QUIET {
                return;
            }
        }
        panic!("somebody never stops working");
    }

    /// Goes on to the moment when the first sleeper wakes, or by `most`.
    pub(super) fn advance(&self, most: Duration) {
        let mut state = self.lock();
        let until = state.elapsed + most;
        let first = state.sleepers.keys().next().map_or(until, |(at, _)| (*at).min(until));
        state.elapsed = state.elapsed.max(first);
        while let Some(entry) = state.sleepers.first_entry()
            && entry.key().0 <= first
        {
            entry.remove().wake();
        }
    }
}

impl Timer for Sim {
    fn now(&self) -> Instant {
        self.base + self.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        let mut state = self.lock();
        state.next += 1;
        let place = (state.elapsed + duration, state.next);
        drop(state);
        Box::pin(Sleeper { sim: self.clone(), place })
    }
}

impl Future for Sleeper {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.sim.lock();
        if self.place.0 <= state.elapsed {
            state.activity += 1;
            return Poll::Ready(());
        }
        state.sleepers.insert(self.place, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.sim.lock().sleepers.remove(&self.place);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.busy -= 1;
        state.activity += 1;
    }
}

/// Dice (splitmix64). Clones share one row of throws.
#[derive(Clone)]
pub(super) struct Dice(Arc<Mutex<u64>>);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(seed)))
    }

    fn throw(&self) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 0 to `below` - 1.
    pub(super) fn below(&self, below: u64) -> u64 {
        self.throw() % below
    }

    /// True in so many of a hundred throws.
    pub(super) fn percent(&self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub(super) fn seconds(&self, from: u64, to: u64) -> Duration {
        Duration::from_millis(1_000 * from + self.below(1_000 * (to - from)))
    }
}
