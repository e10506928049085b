//! What happens to the writers. Every fault makes sure that it really happened.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use sandbox::{FaultKind, Provider};
use tokio::time::{Instant, sleep, sleep_until};

use super::{books::Books, sender::Sender};
use crate::{
    cloud::relay::{End, Fate, Line, Mishap},
    world::until,
};

const COMMIT: &str = "/Commit";
/// In the commits that touch the ledger's head, and in those that take an event in.
const HEAD: &str = "sheets-writer_ledger";
const EVENTS: &str = "sheets-writer_events";
/// How long Firestore cannot be reached.
const CUT: Duration = Duration::from_secs(30);
/// Shorter than an engine waits for an answer.
const SLOW: Duration = Duration::from_secs(3);
/// Longer than an engine waits for an answer.
const LATE: Duration = Duration::from_secs(7);

#[derive(Clone, Copy, Debug)]
pub(super) enum Disaster {
    /// The one who writes is stopped past its lease, in the middle of a batch, and goes on as if nothing were.
    Stopped,
    /// The one who writes is killed; its batch arrives long after.
    Killed,
    /// Firestore is out of reach in the middle of commits, and the answer of the last one is lost.
    CutOff,
    /// Commits arrive when their sender has given them up.
    Late,
}

/// The dice.
pub(super) struct Trial(u64);

impl Trial {
    pub(super) fn new(seed: u64) -> Self {
        println!("seed {seed}");
        Self(seed)
    }

    /// A number below `below`, by SplitMix64.
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }

    /// All disasters, in an order of the dice.
    pub(super) fn order(&mut self) -> Vec<Disaster> {
        let mut order = vec![Disaster::Stopped, Disaster::Killed, Disaster::CutOff, Disaster::Late];
        for last in (1..order.len()).rev() {
            order.swap(last, self.roll(last as u64 + 1) as usize);
        }
        order
    }

    /// Some part of a batch's time, so that faults meet everything in every state.
    pub(super) async fn pause(&mut self) {
        sleep(Duration::from_millis(self.roll(1_200))).await;
    }
}

impl Disaster {
    pub(super) async fn befall(self, books: &mut Books, sender: &Sender, trial: &mut Trial) {
        match self {
            Self::Stopped => stop_past_the_lease(books).await,
            Self::Killed => kill_with_a_batch_under_way(books).await,
            Self::CutOff => cut_off(books, sender, trial).await,
            Self::Late => deliver_late(books).await,
        }
    }
}

/// The next batch takes that long.
fn slow_down(books: &Books, time: Duration) {
    books.ground.sandbox.inject(sandbox::Fault {
        provider: Provider::Sheets,
        path: Some(":batchUpdate".into()),
        count: 1,
        kind: FaultKind::Latency(time),
    });
}

async fn stop_past_the_lease(books: &mut Books) {
    slow_down(books, Duration::from_millis(1_500));
    let holder = books.next_batch().await;
    books.writers[holder].0.signal("STOP").await;
    let stopped = Instant::now();
    books.writes(1 - holder, 1).await;
    // The batch that it had just opened renewed the lease of ten seconds.
    let respected = stopped.elapsed();
    println!("the lease was respected for {:.1} s", respected.as_secs_f64());
    assert!(respected > Duration::from_secs(6), "the lease was taken while it was held: {respected:?}");
    books.writes(1 - holder, 1).await;
    let taken = books.takeovers();
    assert!(taken >= 2, "who wrote there had not taken over");
    books.writers[holder].0.signal("CONT").await;
    books.writers[holder].0.says("another process writes the ledger now").await;
}

async fn kill_with_a_batch_under_way(books: &mut Books) {
    let settled = books.marks().settled;
    slow_down(books, Duration::from_secs(20));
    let holder = books.next_batch().await;
    books.kill(holder).await;
    books.writes(1 - holder, 2).await;
    let marks = books.marks();
    assert!(marks.settled > settled, "the batch of the dead was not settled: {marks:?} {}", books.logs());
    books.start_again(holder).await;
    until("the late delivery of the batch", || books.marks().refused_late > 0).await;
}

async fn cut_off(books: &mut Books, sender: &Sender, trial: &mut Trial) {
    let holder = books.next_batch().await;
    let mut lines = [Line::Silent, Line::Closed];
    lines.rotate_left(trial.roll(2) as usize);
    println!("the writer's line is {:?}, the other one's {:?}", lines[0], lines[1]);
    let (own, other) = (books.firestore[holder].clone(), books.firestore[1 - holder].clone());
    let in_flight = Arc::new(Mutex::new(Vec::new()));
    let (note, [here, there]) = (Arc::clone(&in_flight), lines);
    let cut = Box::pin(async move {
        let calls = [own.set(here), other.set(there)].concat();
        *note.lock().unwrap() = calls;
    });
    let relay = &books.firestore[holder];
    let met = relay.fates().len();
    relay.next(COMMIT, HEAD, Mishap::LoseSuccess(HEAD, cut, End::Silence));
    until("a commit in the middle of the cut", || relay.fates().len() > met).await;
    let mended_at = Instant::now() + CUT;
    assert_eq!(relay.fates()[met], Fate::AnswerLost(Some(0)), "the last commit was done and its answer lost");
    let calls = in_flight.lock().unwrap().clone();
    let commits = calls.iter().filter(|path| path.ends_with(COMMIT)).count();
    println!("the cut hit {commits} commits of {} calls", calls.len());
    assert!(commits >= 1, "the cut hit no commit: {calls:?}");
    sleep_until(mended_at - CUT / 2).await;
    let acknowledged = sender.acknowledged();
    sleep_until(mended_at).await;
    assert_eq!(sender.acknowledged(), acknowledged, "nothing can be acknowledged without the store");
    books.firestore.iter().for_each(|relay| drop(relay.set(Line::Open)));
    books.next_batch().await;
}

async fn deliver_late(books: &Books) {
    let holder = books.next_batch().await;
    let relay = &books.firestore[holder];
    let met = relay.fates().len();
    // A commit that is slow is waited for; the next ones are too slow.
    relay.next(COMMIT, HEAD, Mishap::Delay(Box::pin(sleep(SLOW))));
    until("a slow commit", || relay.unmet() == 0).await;
    for needle in [HEAD, EVENTS] {
        relay.next(COMMIT, needle, Mishap::DeliverLate(Box::pin(sleep(LATE)), End::Silence));
    }
    until("the late deliveries", || relay.fates().len() == met + 2).await;
    let late = relay.fates()[met..].to_vec();
    println!("what arrived late was answered {late:?}");
    for fate in late {
        let Fate::DeliveredLate(Some(status)) = fate else { panic!("{fate:?}") };
        assert_ne!(status, 0, "a commit that was given up was done in the end");
    }
}
