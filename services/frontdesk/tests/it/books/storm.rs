//! Everything fails at random: in the end every event that was taken is exactly one row.

use sandbox::Chaos;
use serde_json::{Value, json};

use super::{ids, note};
use crate::world::World;

/// Events of a wave, and the fewest waves.
const WAVE: usize = 40;
const WAVES: usize = 5;
/// A storm with fewer faults than this was none.
const FAULTS: usize = 4;

/// How many requests were answered by a fault.
fn faults(world: &World) -> usize {
    let failed = |status: Option<u16>| status.is_none_or(|status| status >= 429);
    world.sandbox().requests().iter().filter(|asked| failed(asked.status)).count()
}

#[tokio::test]
async fn in_a_storm_every_event_is_exactly_one_row() {
    let world = World::set_up().await;
    world.sandbox().set_quota(10_000, 10_000);
    world.sandbox().set_chaos(Some(Chaos {
        seed: 11,
        unavailable: 0.05,
        applied_no_answer: 0.12,
        reset: 0.05,
        rate_limited: 0.05,
    }));
    let mut taken: Vec<String> = Vec::new();
    let mut wave = 0;
    while wave < WAVES || faults(&world) < FAULTS {
        let fresh: Vec<String> = (0..WAVE).map(|n| format!("n-{wave:02}-{n:02}")).collect();
        let again = taken.iter().rev().take(10);
        let events: Vec<Value> = fresh.iter().chain(again.clone()).map(|id| note(id)).collect();
        let answer = world.deliver(&json!(events)).await;
        assert_eq!((&answer["accepted"], &answer["duplicates"]), (&json!(WAVE), &json!(again.count())));
        taken.extend(fresh);
        wave += 1;
        let seen = world.sandbox().requests().len();
        crate::world::until("the ledger writes on", || world.sandbox().requests().len() > seen + 1).await;
    }
    world.all_written().await;
    assert_eq!(ids(&world, "chat_events"), taken);
    assert!(faults(&world) >= FAULTS);
}
