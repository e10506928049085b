//! Who works on what, and what is put meanwhile.

use jiff::SignedDuration;

use super::bench::{Bench, KEPT};
use crate::{
    Commit, Work,
    queue::{Next, State},
};

#[tokio::test]
async fn what_is_due_is_done_once_and_gone() {
    let bench = Bench::new();
    bench.put("a", "1").await;
    bench.put_at("later", "1", bench.now() + SignedDuration::from_secs(10)).await;
    assert_eq!(bench.tick().await, 1);
    assert_eq!(bench.begun(), ["a 1"]);
    assert!(bench.job("a").await.is_none());
    bench.pass(10);
    assert_eq!((bench.tick().await, bench.tick().await), (1, 0));
    assert_eq!(bench.begun(), ["a 1", "later 1"]);
}

#[tokio::test]
async fn what_is_done_is_kept_where_the_queue_says_so() {
    let bench = Bench::of(&KEPT);
    bench.put("a", "1").await;
    assert_eq!((bench.tick().await, bench.tick().await), (1, 0));
    bench.pass(30 * 86_400 - 1);
    assert_eq!(bench.job("a").await.unwrap().state, State::Done);
    bench.pass(1);
    assert!(bench.job("a").await.is_none());
}

#[tokio::test]
async fn a_tick_has_a_limit_and_says_that_there_is_more() {
    let bench = Bench::new();
    for id in 0..20 {
        bench.put(&id.to_string(), "1").await;
    }
    let ticked = bench.worker().tick(9).await.unwrap();
    assert_eq!((ticked.done["jobs"], ticked.more), (9, true));
    let ticked = bench.worker().tick(100).await.unwrap();
    assert_eq!((ticked.done["jobs"], ticked.more), (11, false));
}

#[tokio::test]
async fn two_workers_do_no_job_twice() {
    let bench = Bench::new();
    for id in 0..50 {
        bench.put(&id.to_string(), "1").await;
    }
    let (one, other) = (bench.worker(), bench.worker());
    let (one, other) = tokio::join!(one.tick(100), other.tick(100));
    let done = |ticked: chassis::Ticked| ticked.done.get("jobs").copied().unwrap_or_default();
    assert_eq!(done(one.unwrap()) + done(other.unwrap()), 50);
    let mut begun = bench.begun();
    begun.sort();
    begun.dedup();
    assert_eq!((begun.len(), bench.begun().len()), (50, 50));
}

#[tokio::test]
async fn what_is_put_while_it_is_worked_on_is_worked_on_afterwards() {
    let bench = Bench::new();
    bench.put("a", "1").await;
    bench.shut_gate();
    let worker = bench.worker();
    let during = async {
        bench.until_begun(1).await;
        bench.put("a", "2").await;
        bench.put("a", "3").await;
        assert_eq!(bench.tick().await, 0, "nobody else begins meanwhile");
        bench.open_gate();
    };
    let (ticked, ()) = tokio::join!(worker.tick(1), during);
    assert!(ticked.unwrap().more);
    assert_eq!(bench.tick().await, 1);
    assert_eq!(bench.begun(), ["a 1", "a 3"]);
    assert!(bench.job("a").await.is_none());
}

#[tokio::test]
async fn what_is_put_for_later_while_it_is_worked_on_waits_till_then() {
    let bench = Bench::new();
    bench.put("a", "1").await;
    bench.shut_gate();
    let worker = bench.worker();
    let during = async {
        bench.until_begun(1).await;
        bench.put_at("a", "2", bench.now() + SignedDuration::from_hours(1)).await;
        bench.open_gate();
    };
    let (ticked, ()) = tokio::join!(worker.tick(1), during);
    ticked.unwrap();
    bench.pass(3_599);
    assert_eq!(bench.tick().await, 0);
    bench.pass(1);
    assert_eq!(bench.tick().await, 1);
    assert_eq!(bench.begun(), ["a 1", "a 2"]);
}

#[tokio::test]
async fn what_is_removed_while_it_is_worked_on_stays_away() {
    let bench = Bench::new();
    bench.put("a", "1").await;
    bench.fails_with(crate::queue::Trouble::new("no"));
    bench.shut_gate();
    let worker = bench.worker();
    let during = async {
        bench.until_begun(1).await;
        let mut work = Work::new(&*bench.store);
        bench.queue.remove(&mut work, "a").await.unwrap();
        bench.queue.remove(&mut work, "unknown").await.unwrap();
        assert!(matches!(work.commit().await.unwrap(), Commit::Done(_)));
        bench.open_gate();
    };
    let (ticked, ()) = tokio::join!(worker.tick(1), during);
    ticked.unwrap();
    assert!(bench.job("a").await.is_none());
}

#[tokio::test]
async fn a_job_may_be_due_again() {
    let bench = Bench::new();
    bench.put("a", "1").await;
    bench.succeeds(Next::At(bench.now() + SignedDuration::from_secs(60)));
    assert_eq!((bench.tick().await, bench.tick().await), (1, 0));
    bench.pass(60);
    bench.succeeds(Next::Done);
    assert_eq!(bench.tick().await, 1);
    assert_eq!(bench.begun().len(), 2);
}
