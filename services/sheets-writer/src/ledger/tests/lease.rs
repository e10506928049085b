//! What the lease is for: two processes that do not get in each other's way, and a ledger that costs little.

use std::time::Duration;

use super::{process::Fate, steps::event, world::World};
use crate::ledger::lease::LENGTH;

const SECOND: Duration = Duration::from_secs(1);

/// Time for everything that still goes on after the last row.
const AFTERMATH: Duration = Duration::from_secs(60);

#[tokio::test]
async fn two_writers_in_peace_settle_nothing_and_rows_are_written_soon() {
    let mut world = World::of_two(21).await;
    world.all_written().await;
    for n in 0..60 {
        let at = usize::from(world.dice.percent(50));
        let row = event(&world, format!("evt_{n}"));
        world.take(at, vec![row], 0).await;
        let took = world.all_written().await;
        // The holder looks every three seconds, and may have to wait for Google's quota.
        assert!(took <= 6 * SECOND, "row {n} took {took:?}");
        world.pass(world.dice.seconds(0, 25)).await;
    }
    world.check("in peace");
    let web = world.web.tally.lock().unwrap().clone();
    assert_eq!((web.voids, web.refused), (0, 0));
}

#[tokio::test]
async fn an_idle_ledger_writes_nothing_and_reads_little() {
    let world = World::of_two(22).await;
    world.all_written().await;
    world.pass(AFTERMATH).await;
    let (commits, reads) = (world.commits(), world.reads());
    world.pass(Duration::from_secs(3_600)).await;
    assert_eq!(world.commits(), commits);
    // One look of each process in thirty seconds.
    let reads = world.reads() - reads;
    assert!((200..=250).contains(&reads), "{reads} reads an hour");
}

#[tokio::test]
async fn a_slow_spreadsheet_does_not_cost_the_lease() {
    let mut world = World::of_two(23).await;
    world.all_written().await;
    let row = event(&world, "evt_first".into());
    world.take(0, vec![row], 0).await;
    world.all_written().await;
    let holder = world.holder().await;
    world.web.weather.lock().unwrap().slow = 25 * SECOND;
    for n in 0..4 {
        let row = event(&world, format!("evt_{n}"));
        world.take(n % 2, vec![row], 0).await;
        world.pass(20 * SECOND).await;
    }
    world.all_written().await;
    world.check("slowly");
    let web = world.web.tally.lock().unwrap().clone();
    assert_eq!((web.voids, web.refused), (0, 0));
    assert_eq!(world.holder().await, holder);
}

#[tokio::test]
async fn a_process_that_ends_lets_the_next_one_begin_at_once() {
    let mut world = World::of_two(24).await;
    world.pass(AFTERMATH).await;
    let row = event(&world, "evt_1".into());
    world.take(0, vec![row], 0).await;
    world.all_written().await;
    assert_eq!(world.holder().await, Some(0));
    world.replace(0).await;
    assert_eq!(world.head().await.lease, None);
    let row = event(&world, "evt_2".into());
    world.take(0, vec![row], 0).await;
    let took = world.all_written().await;
    assert!(took <= 2 * SECOND, "{took:?}");
    world.check("after the change");
}

#[tokio::test]
async fn a_process_that_is_killed_is_replaced_when_its_lease_ends() {
    let mut world = World::of_two(25).await;
    world.pass(AFTERMATH).await;
    let row = event(&world, "evt_1".into());
    world.take(0, vec![row], 0).await;
    world.all_written().await;
    world.meet(0, Fate::Kill);
    let row = event(&world, "evt_2".into());
    world.take(1, vec![row], 0).await;
    let took = world.all_written().await;
    assert!((LENGTH - 2 * SECOND..=LENGTH + 3 * SECOND).contains(&took), "{took:?}");
    assert_eq!(world.holder().await, Some(1));
}

#[tokio::test]
async fn what_blocks_the_ledger_is_told_by_every_process() {
    let mut world = World::of_two(26).await;
    world.all_written().await;
    let title = |world: &World, title: &str| {
        let mut book = world.web.book.lock().unwrap();
        book.titled_mut("chat_events").unwrap().lines[0][1] = title.into();
    };
    title(&world, "mine");
    let row = event(&world, "evt_1".into());
    world.take(0, vec![row], 0).await;
    world.pass(AFTERMATH).await;
    for desk in &world.desks {
        let status = desk.ledger.status().await.unwrap();
        assert_eq!(status.blocked, "the header of tab chat_events is wrong: session_id is missing");
        assert_eq!(status.pending, 1);
    }
    title(&world, "session_id");
    world.all_written().await;
    world.pass(SECOND).await;
    for desk in &world.desks {
        assert_eq!(desk.ledger.status().await.unwrap().blocked, "");
    }
    let holder = world.holder().await.unwrap();
    *world.desks[1 - holder].ledger.blocked() = Some("its own trouble".into());
    assert_eq!(world.desks[1 - holder].ledger.status().await.unwrap().blocked, "");
}

#[tokio::test]
async fn a_store_of_its_own_needs_no_lease_and_no_commit_more() {
    let mut world = World::new(27, false).await;
    let desk = world.open();
    world.desks.push(desk);
    world.all_written().await;
    // The head, the tabs as open, the tabs as made.
    assert_eq!(world.commits(), 3);
    let row = event(&world, "evt_1".into());
    world.take(0, vec![row], 0).await;
    world.all_written().await;
    // The row, its batch as open, its batch as landed.
    assert_eq!(world.commits(), 6);
    world.web.weather.lock().unwrap().slow = 25 * SECOND;
    let row = event(&world, "evt_2".into());
    world.take(0, vec![row], 0).await;
    world.pass(Duration::from_secs(3_600)).await;
    world.all_written().await;
    assert_eq!(world.commits(), 9);
    assert_eq!(world.head().await.lease, None);
    world.check("alone");
}
