//! Everything happens to two processes at once, at every step: in the end each row stands once, with its cells.

use std::{sync::atomic::Ordering, time::Duration};

use domain::{
    Row,
    tab::{ChatEvent, Lead, TabRow},
};
use jiff::SignedDuration;

use super::{process::Fate, world::World};

/// Rounds of each seed, at the least.
const ROUNDS: u64 = 50;
/// Leads that are changed again and again.
const LEADS: u64 = 6;

/// Rows that come in together.
fn rows(world: &World, round: u64, wave: u64) -> Vec<Row> {
    let now = world.now();
    let event = |n: u64| ChatEvent {
        id: format!("evt_{round}_{wave}_{n}"),
        session_id: format!("ses_{n}"),
        occurred_at: Some(now),
        kind: "chat.turn".into(),
        payload_json: "{}".into(),
    };
    let mut rows: Vec<Row> = (0..1 + world.dice.below(4)).map(|n| Row::of(&event(n), 1, now)).collect();
    let first = world.dice.below(LEADS);
    for n in first..first + world.dice.below(3) {
        let id = format!("led_{}", n % LEADS);
        let version = world.version(Lead::TAB, &id) + 1;
        let score = Some(f64::from(u32::try_from(version).unwrap()) / 8.0);
        let lead = Lead { id, score, intent: format!("intent {}", version / 2), ..Lead::default() };
        rows.push(Row::of(&lead, version, now));
    }
    rows
}

async fn round(world: &mut World, round: u64) {
    world.web.weather.lock().unwrap().faults = 25 * world.dice.below(3);
    let faults = 15 * world.dice.below(3);
    for at in 0..2 {
        let desk = &world.desks[at];
        let cut = if world.dice.percent(15) { Duration::from_secs(30) } else { Duration::ZERO };
        let mut weather = desk.weather.lock().unwrap();
        (weather.faults, weather.cut_until) = (faults, world.sim.elapsed() + cut);
        if world.dice.percent(75) {
            let fate = if world.dice.percent(70) { Fate::Stop } else { Fate::Kill };
            desk.gate.doom(1 + world.dice.below(40), fate);
        }
    }
    for wave in 0..2 + world.dice.below(3) {
        for at in 0..2 {
            if world.dice.percent(70) {
                let rows = rows(world, round, 2 * wave + at as u64);
                world.take(at, rows, faults).await;
            }
        }
        world.pass(world.dice.seconds(0, 15)).await;
        if world.dice.percent(20) {
            world.revive().await;
        }
    }
    world.pass(world.dice.seconds(0, 30)).await;
    for at in 0..2 {
        *world.desks[at].weather.lock().unwrap() = Default::default();
    }
    world.web.weather.lock().unwrap().faults = 0;
    world.revive().await;
    if world.dice.percent(10) {
        world.replace(usize::from(world.dice.percent(50))).await;
    }
    world.all_written().await;
}

async fn storm(seed: u64) {
    let mut world = World::of_two(seed).await;
    world.skew = SignedDuration::from_secs([0, 3, 3_600][usize::try_from(seed % 3).unwrap()]);
    let mut n = 0;
    while n < ROUNDS || !was_storm(&world) {
        assert!(n < 4 * ROUNDS, "seed {seed} is no storm: {:?}", world.web.tally.lock().unwrap());
        round(&mut world, n).await;
        world.check(&format!("seed {seed}, round {n}"));
        n += 1;
    }
}

/// Batches were voided, came too late and were lost; so were commits.
fn was_storm(world: &World) -> bool {
    let web = world.web.tally.lock().unwrap().clone();
    let store = [&world.tally.lost, &world.tally.late].map(|count| count.load(Ordering::Relaxed));
    web.voids > 3 && web.refused > 0 && web.late > 0 && store[0] > 3 && store[1] > 0
}

macro_rules! storms {
    ($($name:ident: $seed:literal,)*) => { $(
        #[tokio::test]
        async fn $name() {
            storm($seed).await;
        }
    )* };
}

storms! {
    each_row_stands_once_whatever_happens_to_two_writers: 1,
    each_row_stands_once_with_clocks_that_differ_a_little: 2,
    each_row_stands_once_with_clocks_that_differ_by_hours: 3,
    each_row_stands_once_whatever_else_happens_to_two_writers: 4,
}
