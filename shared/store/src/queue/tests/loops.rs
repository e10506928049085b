//! The task that works by itself.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::bench::Bench;
use crate::queue::Trouble;

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn it_does_what_it_is_woken_for_what_fell_due_and_ends_when_told() {
    let bench = Bench::new();
    bench.put("a", "1").await;
    let shutdown = CancellationToken::new();
    let worker = bench.worker();
    let running = tokio::spawn(worker.clone().run(shutdown.clone()));
    bench.until_begun(1).await;

    bench.put("b", "1").await;
    worker.wake();
    bench.until_begun(2).await;

    // A second by the clock of the wall: the pause of the first failure.
    bench.fails_with(Trouble::new("no"));
    bench.put("c", "1").await;
    worker.wake();
    bench.until_begun(3).await;
    let again = async {
        // until the failure is noted, its pause has not begun
        while bench.begun().len() < 4 {
            bench.pass(1);
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("the job is tried again");

    shutdown.cancel();
    tokio::time::timeout(PATIENCE, running).await.unwrap().unwrap();
    bench.put("d", "1").await;
    assert_eq!(bench.begun(), ["a 1", "b 1", "c 1", "c 1"]);
}

#[tokio::test]
async fn a_slow_job_keeps_no_other_from_being_done() {
    let bench = Bench::new();
    bench.shut_gate();
    let shutdown = CancellationToken::new();
    let worker = bench.worker();
    let running = tokio::spawn(worker.clone().run(shutdown.clone()));
    for number in 1..=8 {
        bench.put(&number.to_string(), "1").await;
        worker.wake();
        bench.until_begun(number).await;
    }
    bench.put("9", "1").await;
    worker.wake();
    // One of eight ends, and the ninth begins.
    bench.hand.gate.add_permits(1);
    bench.until_begun(9).await;
    shutdown.cancel();
    bench.open_gate();
    tokio::time::timeout(PATIENCE, running).await.unwrap().unwrap();
}
