//! What a draw costs, and who waits for it.

use std::{future::Future, pin::pin, task::Poll};

use super::rig::{SECOND, World, together};
use crate::limiter::{Limiter, Way};

fn remembered(limiter: &Limiter) -> usize {
    let Way::Shared(shared) = &limiter.0 else { panic!("a limiter of this process alone") };
    shared.remembered()
}

#[tokio::test]
async fn a_thousand_callers_wait_for_the_draw_of_the_first_and_for_one_of_all() {
    let world = World::new("20/m:10", 1);
    let passed = together((0..1_000).map(|_| world.call(0))).await;
    assert_eq!(passed.into_iter().filter(|passed| *passed).count(), 10);
    assert_eq!(world.rig.calls(), (0, 2));
}

#[tokio::test]
async fn a_thousand_callers_at_three_instances_get_what_one_would_give() {
    let world = World::new("600/m:100", 3);
    let passed = together((0..1_000).map(|n| world.call(n % 3))).await;
    assert_eq!(passed.into_iter().filter(|passed| *passed).count(), 100);
    let (reads, commits) = world.rig.calls();
    assert!(reads <= 6 && commits <= 9, "{reads} reads, {commits} commits");
}

#[tokio::test]
async fn a_burst_is_spendable_at_one_instance() {
    for limit in ["20/m:10", "600/m:10", "10/s:10"] {
        let world = World::new(limit, 2);
        assert_eq!(world.burst(1, 50).await, 10, "{limit}");
        assert_eq!(world.burst(0, 50).await, 0, "{limit}");
    }
}

#[tokio::test]
async fn a_flood_is_refused_without_the_store() {
    let world = World::new("600/m:100", 2);
    let mut passed = 0;
    for _ in 0..60_000 {
        passed += world.burst(0, 1).await + world.burst(1, 1).await;
        world.pass(SECOND / 1_000);
    }
    assert!((630..=700 + 50).contains(&passed), "{passed}");
    let (reads, commits) = world.rig.calls();
    // Each instance asks about once a second, and a guess may be wrong.
    assert!(reads + commits <= 2 * 60 * 4, "{reads} reads, {commits} commits");
}

#[tokio::test]
async fn a_refusal_says_when_to_come_again() {
    let world = World::new("20/m:10", 2);
    assert_eq!(world.burst(0, 11).await, 10);
    let refusal = world.instances[1].check("ada").await.unwrap_err();
    assert_eq!((refusal.limit, refusal.remaining, refusal.reset.as_secs()), (20, 0, 3));
    assert_eq!(world.instances[1].peek("ada"), Err(refusal));
    world.pass(3 * SECOND - 1);
    assert!(!world.call(1).await);
    world.pass(1);
    assert_eq!(world.instances[1].peek("ada"), Ok(()));
    assert!(world.call(1).await && !world.call(0).await);
}

#[tokio::test]
async fn steady_calls_are_a_draw_every_few_seconds() {
    let world = World::new("600/m:100", 2);
    for _ in 0..60 * 4 {
        assert!(world.call(0).await && world.call(1).await);
        world.pass(SECOND / 4);
    }
    let (reads, commits) = world.rig.calls();
    assert!(commits <= 2 * 60, "{reads} reads, {commits} commits for 480 calls");
}

#[tokio::test]
async fn who_is_refused_elsewhere_leaves_the_permit_to_the_next() {
    let world = World::new("3/h", 2);
    for _ in 0..20 {
        drop(world.instances[0].acquire("ada").await.unwrap());
    }
    assert_eq!(world.rig.calls(), (0, 1));
    assert_eq!(world.burst(0, 5).await, 3);
    let local = Limiter::new("3/h".parse().unwrap());
    for _ in 0..20 {
        drop(local.acquire("ada").await.unwrap());
    }
    for _ in 0..3 {
        local.check("ada").await.unwrap();
    }
    assert!(local.check("ada").await.is_err());
}

#[tokio::test]
async fn a_caller_that_hangs_up_leaves_the_draw_to_the_next() {
    let world = World::new("20/m:10", 1);
    {
        let mut first = pin!(world.call(0));
        let asked = std::future::poll_fn(|cx| Poll::Ready(first.as_mut().poll(cx).is_pending())).await;
        assert!(asked, "it waits for the store");
    }
    // Its own permit may be lost with it.
    assert!((9..=10).contains(&world.burst(0, 20).await));
}

#[tokio::test]
async fn a_permit_that_is_kept_too_long_is_void() {
    let world = World::new("600/m:100", 2);
    assert_eq!(world.burst(0, 40).await, 40);
    world.pass(5 * SECOND);
    world.rig.calls();
    assert!(world.call(0).await);
    assert_eq!(world.rig.calls().1, 1, "what was drawn ahead is not used any more");
}

#[tokio::test]
async fn keys_that_are_fresh_again_are_forgotten() {
    let world = World::new("60/m:1", 1);
    for n in 0..6_000 {
        assert!(world.instances[0].check(&n.to_string()).await.is_ok());
        world.pass(SECOND / 10);
    }
    let kept = remembered(&world.instances[0]);
    // 620 keys are not fresh or were so within the last minute; a sweep comes at least every 1024 uses.
    assert!(kept <= 2_048, "{kept}");
}

#[tokio::test]
async fn a_store_of_its_own_is_asked_nothing() {
    let limiter =
        Limiter::over("off".parse().unwrap(), World::new("1/m", 1).rig, "calls", crate::system_clock());
    assert!(matches!(limiter.0, Way::Off));
    for _ in 0..1_000 {
        limiter.check("ada").await.unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let store = crate::Config::at(crate::Location::Sqlite(dir.path().to_owned()));
    let schema = crate::Schema { version: 1, indexes: &[], expiring: &[] };
    let store = store.open("it", schema, crate::system_clock()).unwrap();
    let limiter = Limiter::over("2/h".parse().unwrap(), store, "calls", crate::system_clock());
    assert!(matches!(limiter.0, Way::Local { .. }));
}
