//! One thing happens to the process that writes, at each single step of its work in turn.

use std::time::Duration;

use domain::{Row, tab::ChatEvent};

use super::{door::Trip, process::Fate, world::World};

/// A batch takes fewer steps than this, each store call being two and each call to the spreadsheet another two.
const STEPS: u64 = 50;
/// A batch takes fewer store calls than this.
const CALLS: u64 = 16;

/// A new row.
pub(super) fn event(world: &World, id: String) -> Row {
    let now = world.now();
    Row::of(&ChatEvent { id, occurred_at: Some(now), kind: "chat.turn".into(), ..Default::default() }, 1, now)
}

/// Lets the first process write, and nothing more be left to do.
async fn warm_up(world: &mut World, steps: u64) {
    for n in 0.. {
        let row = event(world, format!("evt_before_{steps}_{n}"));
        world.take(0, vec![row], 0).await;
        world.all_written().await;
        if world.holder().await == Some(0) {
            break;
        }
        assert!(n < 10, "the first process never writes");
        world.pass(world.dice.seconds(10, 40)).await;
    }
    // So that the next batch need not wait for its turn.
    world.pass(Duration::from_secs(2)).await;
}

async fn met_at_every_step(fate: Fate) {
    let mut world = World::of_two(11).await;
    let mut met = 0;
    for steps in 1..=STEPS {
        warm_up(&mut world, steps).await;
        world.desks[0].gate.doom(steps, fate);
        let rows = (0..3).map(|n| event(&world, format!("evt_{steps}_{n}"))).collect();
        world.take(0, rows, 0).await;
        // The other one has to find them by itself.
        world.pass(Duration::from_secs(60)).await;
        let gate = &world.desks[0].gate;
        if gate.is_dead() || gate.is_stopped() {
            met += 1;
            world.all_written().await;
            world.check(&format!("{fate:?} at step {steps}, seen by the other"));
        }
        world.revive().await;
        world.pass(Duration::from_secs(60)).await;
        world.all_written().await;
        world.check(&format!("{fate:?} at step {steps}"));
    }
    assert!((10..STEPS).contains(&met), "{fate:?} met {met} steps");
    let web = world.web.tally.lock().unwrap().clone();
    assert!(web.voids > 0, "{web:?}");
}

#[tokio::test]
async fn a_writer_may_be_stopped_at_every_step() {
    met_at_every_step(Fate::Stop).await;
}

#[tokio::test]
async fn a_writer_may_be_killed_at_every_step() {
    met_at_every_step(Fate::Kill).await;
}

async fn trips_at_every_call(trip: Trip) {
    let mut world = World::of_two(12).await;
    let mut met = 0;
    for calls in 1..=CALLS {
        warm_up(&mut world, calls).await;
        world.desks[0].weather.lock().unwrap().trip = Some((calls, trip));
        let rows = (0..3).map(|n| event(&world, format!("evt_{calls}_{n}"))).collect();
        world.take(0, rows, 0).await;
        world.all_written().await;
        world.check(&format!("{trip:?} at call {calls}"));
        met += u64::from(world.desks[0].weather.lock().unwrap().trip.take().is_none());
    }
    assert!(met > 5, "{trip:?} met {met} calls");
}

#[tokio::test]
async fn every_call_of_the_store_may_fail() {
    trips_at_every_call(Trip::Fails).await;
}

#[tokio::test]
async fn every_answer_may_be_unknown_of_what_did_not_happen() {
    trips_at_every_call(Trip::NeverHappened).await;
}

#[tokio::test]
async fn every_answer_may_be_unknown_of_what_happened() {
    trips_at_every_call(Trip::Happened).await;
}
