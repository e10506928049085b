//! The store fails: nobody is refused for it, and nobody waits long.

use std::cell::Cell;

use tracing::{Event, Metadata, Subscriber, span};

use super::rig::{Mood, SECOND, World, together};
use crate::{Collection, Precondition, Store};

/// Counts what each thread, which here is each test, logs.
struct Log;

thread_local! {
    static LOGGED: Cell<u32> = const { Cell::new(0) };
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().contains("limiter")
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, _: &Event<'_>) {
        LOGGED.set(LOGGED.get() + 1);
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[tokio::test]
async fn without_a_store_each_instance_keeps_the_limit_alone() {
    let world = World::new("20/m:10", 2);
    world.rig.mood(Mood::Down);
    assert_eq!((world.burst(0, 50).await, world.burst(1, 50).await), (10, 10));
    world.pass(3 * SECOND);
    assert_eq!((world.burst(0, 50).await, world.burst(1, 50).await), (1, 1));
}

#[tokio::test]
async fn what_went_through_before_the_trouble_counts_in_it() {
    let world = World::new("9/h", 2);
    assert_eq!(world.burst(0, 5).await, 5);
    world.rig.mood(Mood::Down);
    assert_eq!((world.burst(0, 50).await, world.burst(1, 50).await), (4, 9));
}

#[tokio::test]
async fn a_store_in_trouble_is_asked_now_and_then_and_told_of_once() {
    tracing::subscriber::set_global_default(Log).expect("no other test of this binary listens");
    let world = World::new("600/m:100", 1);
    world.rig.mood(Mood::Down);
    for _ in 0..600 {
        world.call(0).await;
        world.pass(SECOND / 10);
    }
    let (reads, commits) = world.rig.calls();
    assert!((10..=13).contains(&(reads + commits)), "{reads} reads, {commits} commits in a minute");
    assert_eq!(LOGGED.get(), 1);
    world.rig.mood(Mood::Well);
    world.pass(5 * SECOND);
    assert!(world.call(0).await);
    assert_eq!(LOGGED.get(), 2, "the end of it is told, too");
}

#[tokio::test]
async fn one_caller_finds_out_whether_the_trouble_is_over() {
    let world = World::new("20/m:10", 1);
    world.rig.mood(Mood::Down);
    assert!(world.call(0).await);
    world.pass(5 * SECOND);
    world.rig.calls();
    world.rig.mood(Mood::Silent);
    let keys: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let answers = together(keys.iter().map(|key| world.instances[0].check(key))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(world.rig.calls(), (0, 1));
}

#[tokio::test]
async fn after_the_trouble_the_limit_holds_together_again() {
    for mood in [Mood::Down, Mood::Forgetful] {
        let world = World::new("20/m:10", 2);
        world.rig.mood(mood);
        assert_eq!(world.burst(0, 10).await, 10, "{mood:?}");
        world.rig.mood(Mood::Well);
        world.pass(60 * SECOND);
        let passed = [world.burst(0, 4).await, world.burst(1, 50).await, world.burst(0, 50).await];
        assert_eq!(passed.iter().sum::<usize>(), 10, "{mood:?}: {passed:?}");
        assert!(passed[1] >= 4, "{mood:?}: {passed:?}");
    }
}

#[tokio::test]
async fn a_draw_that_others_always_win_is_decided_alone() {
    let world = World::new("20/m:10", 1);
    world.rig.mood(Mood::Contended);
    assert_eq!(world.burst(0, 50).await, 10);
    let (reads, commits) = world.rig.calls();
    assert!(commits <= 8 && reads < 8, "{reads} reads, {commits} commits");
}

#[tokio::test]
async fn nobody_waits_long_for_a_store_that_is_silent() {
    let world = World::new("20/m:10", 1);
    world.rig.mood(Mood::Silent);
    let begin = std::time::Instant::now();
    assert_eq!(world.burst(0, 50).await, 10);
    assert!(begin.elapsed().as_secs() < 10, "one caller waits, and a second");
    assert_eq!(world.rig.calls(), (0, 1));
}

#[tokio::test]
async fn a_document_that_makes_no_sense_locks_nobody_out() {
    let world = World::new("20/m:10", 2);
    assert!(world.call(0).await);
    let id = domain::id::digest(&["calls", "ada"]);
    let limits: Collection<serde_json::Value> = Collection::new("limits");
    for body in [serde_json::json!({}), serde_json::json!({"fresh_at": "2200-01-01T00:00:00Z"})] {
        let write = limits.put(&*id, &body, Precondition::Exists);
        assert!(matches!(world.rig.commit(vec![write]).await, Ok(crate::Commit::Done(_))));
        assert_eq!(world.burst(1, 50).await, 10, "{body}");
        world.pass(60 * SECOND);
    }
}
