//! Commits whose answers are lost on the way: what the engine makes of it is what happened, every time.
//!
//! One engine goes through a relay that loses what it is told to; another one goes straight to the emulator, tells
//! what happened, and is the somebody else who overwrites documents meanwhile.

mod contended;
mod desk;
mod round;
mod unclear;

use std::collections::BTreeMap;

use desk::{Desk, Told};
use round::{Loss, Round, Shape};

use super::relay::End;

/// Rounds, and how many of them go side by side.
const ROUNDS: usize = 200;
const SIDE_BY_SIDE: usize = 8;

/// Every kind of loss for every shape, and most of them again with another end. A silent one takes five seconds.
fn rounds() -> impl Iterator<Item = Round> {
    let ends = [End::Reset, End::Close, End::Reset, End::Close, End::Silence];
    (0..ROUNDS).map(move |number| Round {
        number,
        shape: Shape::ALL[number % Shape::ALL.len()],
        loss: Loss::ALL[number / Shape::ALL.len() % Loss::ALL.len()],
        end: ends[number / (Shape::ALL.len() * Loss::ALL.len()) % ends.len()],
    })
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Google's emulator; .ci/run starts it"]
async fn what_became_of_a_lost_commit_is_told_rightly_200_times_of_200() {
    let database = super::database();
    let workers: Vec<_> = (0..SIDE_BY_SIDE)
        .map(|worker| {
            let database = database.clone();
            tokio::spawn(async move {
                let desk = Desk::open(&database).await;
                let mut told = Vec::new();
                for round in rounds().skip(worker).step_by(SIDE_BY_SIDE) {
                    told.push((round.expected(), round.play(&desk).await));
                }
                told
            })
        })
        .collect();
    let mut counts = BTreeMap::<Told, usize>::new();
    for worker in workers {
        for (expected, told) in worker.await.unwrap() {
            assert_eq!(told, expected);
            *counts.entry(told).or_default() += 1;
        }
    }
    println!("what {ROUNDS} lost commits were told to be: {counts:?}");
    assert_eq!(counts.values().sum::<usize>(), ROUNDS);
    // Only an unguarded write of which nobody has heard yet may still be on its way.
    let unclear =
        rounds().filter(|round| round.shape == Shape::Unguarded && round.loss.is_of_request()).count();
    assert_eq!(counts[&Told::Unknown], unclear);
    assert!(counts[&Told::Done] > 100 && counts[&Told::Conflict] > 20, "{counts:?}");
}
