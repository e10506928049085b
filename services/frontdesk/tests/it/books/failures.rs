//! Answers that are lost: what the batch came to is settled before anything else is sent.

use std::time::Duration;

use sandbox::FaultKind;

use super::{ids, note};
use crate::world::World;

const NO_ANSWER: Option<FaultKind> = Some(FaultKind::AppliedNoAnswer);
const RESET: Option<FaultKind> = Some(FaultKind::Reset);

/// Delivers one event whose batch, and what follows it, meets `faults`; answers the batches that were seen.
async fn after(faults: &[Option<FaultKind>]) -> (World, Vec<(i64, String, Option<u16>)>) {
    let world = World::set_up().await;
    world.writes_meet(faults.iter().cloned());
    world.deliver(&note("one")).await;
    world.faults_met().await;
    world.all_written().await;
    assert_eq!(ids(&world, "chat_events"), ["one"]);
    let batches = world.batches();
    let told = batches[1..].iter().map(|batch| {
        let (number, mark, status) = batch.told();
        (number, mark.to_owned(), status)
    });
    let told = told.collect();
    (world, told)
}

fn is(told: &[(i64, String, Option<u16>)], expected: &[(i64, &str, Option<u16>)]) {
    let told: Vec<_> = told.iter().map(|(number, mark, status)| (*number, mark.as_str(), *status)).collect();
    assert_eq!(told, expected);
}

/// How often the outcome of a batch was read.
fn looked_up(world: &World, number: i64) -> usize {
    let path = format!("/developerMetadata/{number}");
    world.sandbox().requests().iter().filter(|asked| asked.path.ends_with(&path)).count()
}

#[tokio::test]
async fn a_lost_answer_is_settled_and_the_rows_are_not_sent_again() {
    let (world, told) = after(&[NO_ANSWER]).await;
    is(&told, &[(2, "rows", None), (2, "void", Some(400))]);
    assert_eq!(looked_up(&world, 2), 1);
    // The next rows go under the next number.
    world.deliver(&note("two")).await;
    world.all_written().await;
    assert_eq!(ids(&world, "chat_events"), ["one", "two"]);
    assert_eq!(world.batches().last().unwrap().told(), (3, "rows", Some(200)));
}

#[tokio::test]
async fn a_batch_that_never_came_is_voided_and_its_rows_go_under_the_next_number() {
    let (world, told) = after(&[RESET]).await;
    // Of a connection that breaks at once no body is seen.
    is(&told, &[(2, "void", Some(200)), (3, "rows", Some(200))]);
    assert_eq!(looked_up(&world, 2), 0);
}

#[tokio::test]
async fn a_500_says_nothing_about_what_was_done() {
    let (_world, told) = after(&[Some(FaultKind::Status(500))]).await;
    is(&told, &[(2, "rows", Some(500)), (2, "void", Some(200)), (3, "rows", Some(200))]);
}

#[tokio::test]
async fn settling_goes_on_until_the_outcome_is_known() {
    let (world, told) = after(&[NO_ANSWER, Some(FaultKind::Status(503)), RESET, NO_ANSWER]).await;
    is(&told, &[(2, "rows", None), (2, "void", Some(503)), (2, "void", None), (2, "void", Some(400))]);
    assert_eq!(looked_up(&world, 2), 1);
}

#[tokio::test]
async fn a_void_whose_own_answer_is_lost_still_decides() {
    let (world, told) = after(&[RESET, NO_ANSWER]).await;
    is(&told, &[(2, "void", None), (2, "void", Some(400)), (3, "rows", Some(200))]);
    assert_eq!(looked_up(&world, 2), 1);
}

#[tokio::test]
async fn a_429_is_a_plain_refusal_and_nothing_is_settled() {
    let limited = Some(FaultKind::RateLimited { retry_after_s: Some(1) });
    let (_world, told) = after(&[limited.clone(), limited]).await;
    is(&told, &[(2, "rows", Some(429)), (3, "rows", Some(429)), (4, "rows", Some(200))]);
}

#[tokio::test]
async fn a_slow_answer_is_waited_for() {
    let (_world, told) = after(&[Some(FaultKind::Latency(Duration::from_millis(1_500)))]).await;
    is(&told, &[(2, "rows", Some(200))]);
}

/// Stops the system while the outcome of a batch is unknown, and starts it again.
async fn restarted_after(fault: Option<FaultKind>) -> World {
    let world = World::set_up().await;
    let unreachable = std::iter::repeat_n(Some(FaultKind::Status(503)), 100);
    world.writes_meet([fault].into_iter().chain(unreachable));
    world.deliver(&note("one")).await;
    world.status_when("the batch is unclear", |status| status.batch_open && !status.blocked.is_empty()).await;
    let world = World::open(world.stop().await, &[]).await;
    world.deliver(&note("two")).await;
    world.all_written().await;
    assert_eq!(ids(&world, "chat_events"), ["one", "two"]);
    world
}

#[tokio::test]
async fn a_batch_that_landed_before_a_restart_is_settled_first() {
    let world = restarted_after(NO_ANSWER).await;
    let batches = world.batches();
    assert_eq!(batches[0].told(), (2, "void", Some(400)));
    assert_eq!(batches[1..].iter().map(crate::world::ledger::Batch::appended).sum::<usize>(), 1);
}

#[tokio::test]
async fn a_batch_that_never_landed_before_a_restart_is_voided_first() {
    let world = restarted_after(RESET).await;
    let batches = world.batches();
    assert_eq!(batches[0].told(), (2, "void", Some(200)));
    assert_eq!(batches[1..].iter().map(crate::world::ledger::Batch::appended).sum::<usize>(), 2);
}
