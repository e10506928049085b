//! Many at one document while every third answer is lost: nothing is counted twice, nothing is lost.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use store::{Attempts, Collection, Error, Work};
use tokio::time::sleep;

use super::desk::{COLLECTION, COMMIT, Desk, Told};
use crate::cloud::{
    database,
    relay::{End, Fate, Mishap, nothing},
};

const TASKS: usize = 3;
const INCREMENTS: usize = 60;

const COUNTERS: Collection<Counter> = Collection::new(COLLECTION);
const COUNTER: &str = "counter";

#[derive(Serialize, Deserialize)]
struct Counter {
    count: usize,
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Google's emulator; .ci/run starts it"]
async fn a_counter_counts_what_was_told_done_and_nothing_else() {
    let desk = Arc::new(Desk::open(&database()).await);
    desk.relay.every(3, COMMIT, || Mishap::LoseAnswer(nothing(), End::Reset));
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let desk = Arc::clone(&desk);
            tokio::spawn(async move {
                let (mut done, mut unknown) = (0, 0);
                while done + unknown < INCREMENTS {
                    match increment(&desk).await {
                        Told::Done => done += 1,
                        Told::Unknown => unknown += 1,
                        Told::Conflict => unreachable!("a conflict is done again"),
                    }
                    rest().await;
                }
                (done, unknown)
            })
        })
        .collect();
    let (mut done, mut unknown) = (0, 0);
    for task in tasks {
        let (its_done, its_unknown) = task.await.unwrap();
        (done, unknown) = (done + its_done, unknown + its_unknown);
    }
    let lost = desk.relay.fates().iter().filter(|fate| **fate == Fate::AnswerLost(Some(0))).count();
    let count = count(&desk).await;
    println!("counted {count}; told done {done}, unknown {unknown}; answers lost of what was done {lost}");
    assert!((done..=done + unknown).contains(&count), "counted {count}, done {done}, unknown {unknown}");
    assert!(lost >= INCREMENTS / 2, "only {lost} answers were lost");
    assert!(unknown * 10 <= TASKS * INCREMENTS, "{unknown} of {} are unknown", TASKS * INCREMENTS);
}

/// What else a service does: without it a document is overwritten over and over before anybody can look at it.
async fn rest() {
    let mut random = [0];
    getrandom::fill(&mut random).unwrap();
    sleep(Duration::from_millis(random[0].into())).await;
}

/// One increment as services do it: again after a conflict, and not when nobody knows.
async fn increment(desk: &Desk) -> Told {
    let mut attempts = Attempts::default();
    loop {
        let mut work = Work::new(desk.ours());
        let count = work.get(&COUNTERS, COUNTER).await.unwrap();
        work.put(&COUNTERS, COUNTER, &Counter { count: count.map_or(1, |counter| counter.count + 1) });
        match attempts.commit(work).await {
            Ok(true) => return Told::Done,
            Ok(false) => {}
            Err(Error::Unknown) => return Told::Unknown,
            Err(error) => panic!("{error}"),
        }
    }
}

async fn count(desk: &Desk) -> usize {
    COUNTERS.get(desk.ours(), COUNTER).await.unwrap().expect("it was made").value.count
}
