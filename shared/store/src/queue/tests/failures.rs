//! Jobs that fail.

use std::time::Duration;

use super::bench::{Bench, KEPT};
use crate::queue::{State, Trouble};

#[tokio::test]
async fn a_failure_is_tried_again_after_a_growing_pause() {
    let bench = Bench::new();
    bench.put("a", "1").await;
    bench.fails_with(Trouble::new("sheets-writer is away"));
    for longest in [1, 2, 4, 8] {
        assert_eq!(bench.tick().await, 0);
        let job = bench.job("a").await.unwrap();
        let pause = job.due_at.duration_since(bench.now()).as_secs_f64();
        assert!(pause >= f64::from(longest) / 2.0 && pause <= f64::from(longest), "{pause} of {longest}");
        assert_eq!((job.state, job.problem.as_str()), (State::Waiting, "sheets-writer is away"));
        assert_eq!(bench.tick().await, 0, "it is not due");
        bench.pass(longest.into());
    }
    assert_eq!(bench.begun().len(), 4);
    bench.succeeds(crate::queue::Next::Done);
    assert_eq!(bench.tick().await, 1);
    assert!(bench.job("a").await.is_none());
}

#[tokio::test]
async fn what_the_other_side_says_of_time_wins() {
    let bench = Bench::new();
    bench.put("a", "1").await;
    let wait = Some(Duration::from_secs(500));
    bench.fails_with(Trouble { retry_after: wait, ..Trouble::new("no") });
    bench.tick().await;
    bench.pass(499);
    bench.tick().await;
    assert_eq!(bench.begun().len(), 1);
    bench.pass(1);
    bench.tick().await;
    assert_eq!(bench.begun().len(), 2);
}

#[tokio::test]
async fn who_always_says_a_moment_is_asked_less_and_less_often() {
    let bench = Bench::new();
    bench.put("a", "1").await;
    let wait = Some(Duration::from_secs(1));
    bench.fails_with(Trouble { retry_after: wait, ..Trouble::new("status 429") });
    for longest in [1, 2, 4, 8, 16, 32] {
        bench.tick().await;
        let pause = bench.job("a").await.unwrap().due_at.duration_since(bench.now()).as_secs_f64();
        let least = f64::from(longest) / 2.0;
        assert!(pause >= least.max(1.0) && pause <= f64::from(longest), "{pause} of {longest}");
        bench.pass(longest.into());
    }
    let begin = bench.now();
    while bench.job("a").await.unwrap().state == State::Waiting {
        bench.tick().await;
        bench.pass(60);
        assert!(bench.now().duration_since(begin).as_hours() < 26, "it is tried for ever");
    }
    let tries = bench.job("a").await.unwrap().tries;
    assert!((50..130).contains(&tries), "{tries}");
}

#[tokio::test]
async fn what_is_hopeless_is_parked_at_once_and_may_be_done_again() {
    let bench = Bench::of(&KEPT);
    bench.put("a", "1").await;
    bench.fails_with(Trouble::hopeless("it is no message"));
    bench.tick().await;
    let job = bench.job("a").await.unwrap();
    assert_eq!((job.state, job.problem.as_str(), job.tries), (State::Parked, "it is no message", 1));
    bench.pass(1_000_000);
    bench.tick().await;
    assert_eq!(bench.begun().len(), 1, "nobody tries it");

    bench.fails_with(Trouble::new("not yet"));
    assert_eq!(bench.worker().work_on("a").await.unwrap(), Some(State::Waiting), "a new day begins");
    bench.succeeds(crate::queue::Next::Done);
    assert_eq!(bench.worker().work_on("a").await.unwrap(), Some(State::Done));
    let job = bench.job("a").await.unwrap();
    assert_eq!((job.tries, job.problem.as_str(), bench.begun().len()), (3, "", 3));
    assert_eq!(bench.worker().work_on("a").await.unwrap(), Some(State::Done), "what is done may be redone");
    assert_eq!(bench.begun().len(), 4);
    assert_eq!(bench.worker().work_on("unknown").await.unwrap(), None);
}

#[tokio::test]
async fn after_a_day_of_failures_a_job_is_parked_and_put_anew_begins_again() {
    let bench = Bench::new();
    let begin = bench.now();
    bench.put("a", "1").await;
    bench.fails_with(Trouble::new("status 503"));
    while bench.job("a").await.unwrap().state == State::Waiting {
        bench.tick().await;
        bench.pass(60);
        assert!(bench.now().duration_since(begin).as_hours() < 26, "it is tried for ever");
    }
    let job = bench.job("a").await.unwrap();
    assert!(bench.now().duration_since(begin).as_hours() >= 24);
    assert_eq!((job.state, job.problem.as_str()), (State::Parked, "status 503"));
    assert!((50..130).contains(&job.tries), "{}", job.tries);

    bench.put("a", "2").await;
    bench.tick().await;
    let job = bench.job("a").await.unwrap();
    assert_eq!((job.state, job.tries), (State::Waiting, 1));
}

#[tokio::test]
async fn what_nobody_tried_for_days_is_not_parked_at_its_first_failure() {
    let bench = Bench::new();
    bench.put("a", "1").await;
    bench.pass(5 * 86_400);
    bench.fails_with(Trouble::new("no"));
    bench.tick().await;
    assert_eq!(bench.job("a").await.unwrap().state, State::Waiting);
}

#[tokio::test]
async fn a_panic_is_a_failure_like_others() {
    let bench = Bench::new();
    bench.put("a", "1").await;
    bench.put("b", "1").await;
    *bench.hand.panics.lock().unwrap() = true;
    assert_eq!(bench.tick().await, 0);
    assert_eq!(bench.job("a").await.unwrap().problem, "the program panicked");
    *bench.hand.panics.lock().unwrap() = false;
    bench.pass(1);
    assert_eq!(bench.tick().await, 2);
}

#[tokio::test]
async fn what_cannot_be_read_is_parked_and_keeps_nobody_waiting() {
    let bench = Bench::new();
    bench.put("a", "1").await;
    let mut job = bench.job("a").await.unwrap();
    job.payload = serde_json::json!({"who": "ann@canary.example"});
    let write = bench.queue.jobs().put("a", &job, crate::Precondition::Exists);
    let _ = bench.store.commit(vec![write]).await.unwrap();
    bench.put("b", "1").await;
    assert_eq!(bench.tick().await, 1);
    let job = bench.job("a").await.unwrap();
    assert_eq!(job.state, State::Parked);
    assert!(job.problem.contains("jobs/a") && !job.problem.contains("canary"), "{}", job.problem);
}
