//! What an operator sees of a queue, and has done once more.

use serde_json::json;

use super::bench::{Bench, KEPT};
use crate::{
    Error, Precondition,
    queue::{Job, Next, State, Trouble},
};

#[tokio::test]
async fn jobs_are_listed_by_state_with_their_reason() {
    let bench = Bench::new();
    bench.fails_with(Trouble::hopeless("it is refused"));
    for id in ["a", "b", "c"] {
        bench.put(id, "1").await;
        bench.tick().await;
        bench.pass(1);
    }
    bench.put("waits", "2").await;
    let (mut parked, mut after) = (Vec::new(), None);
    loop {
        let page = bench.worker().list(State::Parked, 2, after).await.unwrap();
        parked.extend(page.jobs);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let ids: Vec<_> = parked.iter().map(|job| job.id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "c"], "the oldest first");
    let first = &parked[0];
    assert_eq!(
        (first.problem.as_str(), first.tries, first.next_at, first.payload.as_deref()),
        ("it is refused", 1, None, Some("1"))
    );
    let waiting = bench.worker().list(State::Waiting, 2, None).await.unwrap().jobs;
    assert_eq!((waiting[0].id.as_str(), waiting[0].next_at), ("waits", Some(bench.now())));
    let foreign = bench.worker().list(State::Parked, 2, Some("?".into())).await;
    assert!(matches!(foreign, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn what_this_version_cannot_read_is_parked_and_listed() {
    let bench = Bench::new();
    let job = Job::new(json!({"from": "a newer version"}), bench.now());
    let write = bench.queue.jobs().put("a", &job, Precondition::Any);
    assert!(matches!(bench.store.commit(vec![write]).await.unwrap(), crate::Commit::Done(_)));
    bench.tick().await;
    let parked = bench.worker().list(State::Parked, 2, None).await.unwrap().jobs;
    assert_eq!((parked[0].id.as_str(), &parked[0].payload), ("a", &None));
    assert!(!parked[0].problem.is_empty());
}

#[tokio::test]
async fn a_replay_says_how_the_job_stands_even_when_it_is_gone() {
    for bench in [Bench::new(), Bench::of(&KEPT)] {
        bench.put("a", "1").await;
        bench.fails_with(Trouble::hopeless("it is refused"));
        bench.tick().await;
        let refused = bench.worker().replay("a").await.unwrap().unwrap();
        assert_eq!(
            (refused.state, refused.tries, refused.problem.as_str()),
            (State::Parked, 2, "it is refused")
        );
        bench.succeeds(Next::Done);
        let done = bench.worker().replay("a").await.unwrap().unwrap();
        assert_eq!((done.state, done.tries, done.problem.as_str()), (State::Done, 3, ""));
        let again = bench.worker().replay("a").await.unwrap();
        assert_eq!(again.is_some(), std::ptr::eq(bench.queue, &KEPT), "what is kept may be done again");
        assert!(bench.worker().replay("../a").await.unwrap().is_none());
    }
}
