//! The same stories with their webhooks in any order and some of them twice.
//!
//! The invariant that is tested: however the webhooks of a story come, the spreadsheet ends as if they had come in order
//! and once.

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use tokio::runtime::Runtime;

use super::{cases, scripts::Script, sheet::Sheet};
use crate::world::World;

/// Runs of each script, unless `PROPTEST_CASES` asks for others.
const ROUNDS: u32 = 6;

/// What becomes of the next webhook.
#[derive(Clone, Debug)]
struct Step {
    /// Which of those that are held.
    which: prop::sample::Index,
    /// It comes twice.
    twice: bool,
    /// It has arrived before the next one sets out.
    alone: bool,
}

fn step() -> impl Strategy<Value = Step> {
    (any::<prop::sample::Index>(), prop::bool::weighted(0.3), any::<bool>())
        .prop_map(|(which, twice, alone)| Step { which, twice, alone })
}

/// Plays a script with all webhooks held, lets them go like this, and compares.
async fn check(script: Script, steps: &[Step], expected: &Sheet) {
    let world = World::shop().await;
    world.hold();
    script.play(&world, false).await;
    let made: usize = world.held().iter().sum();
    assert!(made >= 3, "{script:?} makes {made}");
    let mut steps = steps.iter().cycle();
    loop {
        let held: usize = world.held().iter().sum();
        if held == 0 {
            break;
        }
        let Step { which, twice, alone } = steps.next().unwrap();
        world.release(which.index(held), *twice);
        if *alone {
            world.delivered().await;
        }
    }
    world.flow();
    world.sheet_becomes(expected).await;
    world.stop().await;
}

fn any_order(script: Script) {
    let runtime = Runtime::new().unwrap();
    let expected = runtime.block_on(script.in_order());
    assert!(expected.values().any(|lines| !lines.is_empty()));
    let config =
        Config { cases: cases(ROUNDS), failure_persistence: None, max_shrink_iters: 8, ..Config::default() };
    TestRunner::new(config)
        .run(&vec(step(), 8..40), |steps| {
            runtime.block_on(check(script, &steps, &expected));
            Ok(())
        })
        .unwrap();
}

#[test]
fn meetings_end_the_same_in_any_order() {
    any_order(Script::Meetings);
}

#[test]
fn paid_consults_end_the_same_in_any_order() {
    any_order(Script::Consult);
}

#[test]
fn money_ends_the_same_in_any_order() {
    any_order(Script::Money);
}

#[test]
fn retainers_end_the_same_in_any_order() {
    any_order(Script::Retainer);
}

#[test]
fn lost_slots_end_the_same_in_any_order() {
    any_order(Script::Lost);
}
