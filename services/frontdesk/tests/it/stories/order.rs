//! The same stories with their webhooks in any order, some of them twice, some while the story goes on.
//!
//! The invariant that is tested: however the webhooks of a story come, the spreadsheet ends as if they had come in order
//! and once.

use std::{cell::RefCell, thread};

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use sandbox::Outcome;
use tokio::runtime::Runtime;

use super::{
    cases, desk,
    scripts::{SENDERS, Script},
    sheet::Sheet,
};
use crate::world::World;

/// Runs of each script, unless `PROPTEST_CASES` asks for others.
const ROUNDS: u32 = 12;
/// So many of them side by side: each waits for the pace of its spreadsheet most of the time.
const ABREAST: u32 = 4;

/// What becomes of the next webhook.
#[derive(Clone, Debug)]
struct Step {
    /// Which of those that are held.
    which: prop::sample::Index,
    /// It comes twice.
    twice: bool,
    /// It has arrived, and all that follows from it is done, before anything else happens.
    alone: bool,
    /// It comes while the story goes on, so that it is followed into a state that does not last.
    early: bool,
}

fn step() -> impl Strategy<Value = Step> {
    (any::<prop::sample::Index>(), prop::bool::weighted(0.3), any::<bool>(), any::<bool>())
        .prop_map(|(which, twice, alone, early)| Step { which, twice, alone, early })
}

impl Step {
    /// Lets a webhook go, if one is held.
    async fn take(&self, world: &World) -> bool {
        let held: usize = world.held().iter().sum();
        if held == 0 {
            return false;
        }
        world.release(self.which.index(held), self.twice);
        if self.alone {
            world.delivered().await;
            for follower in world.followers() {
                desk::is_idle(&follower).await;
            }
        }
        true
    }
}

/// Plays a script with all webhooks held, lets them go like this, and compares.
async fn check(script: Script, steps: &[Step], expected: &Sheet) {
    let world = World::shop().await;
    world.hold();
    let steps = RefCell::new(steps.iter().cycle());
    let next = || steps.borrow_mut().next().expect("there are steps");
    script
        .play(&world, async || {
            let mut step = next();
            while step.early && step.take(&world).await {
                step = next();
            }
        })
        .await;
    while next().take(&world).await {}
    let log = SENDERS.iter().flat_map(|sender| world.sandbox().webhooks(*sender).log());
    let held = log.filter(|sent| sent.outcome == Outcome::Held).count();
    assert!(held >= 3, "{script:?} sends {held}");
    world.flow();
    world.sheet_becomes(expected).await;
    world.stop().await;
}

/// Plays a script in all these ways side by side, and says which one ended otherwise.
fn check_all(
    runtime: &Runtime,
    script: Script,
    ways: &[Vec<Step>],
    expected: &Sheet,
) -> Result<(), TestCaseError> {
    let played: Vec<_> = thread::scope(|scope| {
        let mut playing = Vec::new();
        for steps in ways {
            playing.push(scope.spawn(|| runtime.block_on(check(script, steps, expected))));
        }
        playing.into_iter().map(|playing| playing.join()).collect()
    });
    // What was otherwise stands in the panic's own words.
    let failed = ways.iter().zip(&played).filter(|(_, played)| played.is_err());
    let failed: Vec<_> = failed.map(|(steps, _)| steps).collect();
    prop_assert!(failed.is_empty(), "{script:?} ends otherwise: {failed:?}");
    Ok(())
}

pub(super) fn any_order(script: Script) {
    let runtime = Runtime::new().unwrap();
    let expected = runtime.block_on(script.in_order());
    assert!(expected.values().any(|lines| !lines.is_empty()));
    let cases = cases(ROUNDS).div_ceil(ABREAST);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 8, ..Config::default() };
    let ways = vec(vec(step(), 8..40), ABREAST as usize);
    TestRunner::new(config).run(&ways, |ways| check_all(&runtime, script, &ways, &expected)).unwrap();
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
