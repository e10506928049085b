//! Processes that die.

use proptest::prelude::*;

use super::bench::Bench;
use crate::queue::State;

/// Begins what is due and dies before it ends.
async fn die_at_work(bench: &Bench) {
    bench.shut_gate();
    let (worker, begun) = (bench.worker(), bench.begun().len());
    tokio::select! {
        _ = worker.tick(1) => panic!("the gate is shut"),
        () = bench.until_begun(begun + 1) => {}
    }
    bench.open_gate();
}

#[tokio::test]
async fn what_a_dead_worker_held_is_done_by_another_a_minute_later() {
    let mut bench = Bench::new();
    bench.put("a", "1").await;
    die_at_work(&bench).await;
    bench = bench.reopen();
    bench.pass(59);
    assert_eq!(bench.tick().await, 0, "it may still be alive");
    assert_eq!(bench.job("a").await.unwrap().tries, 1);
    bench.pass(1);
    assert_eq!(bench.tick().await, 1);
    assert_eq!(bench.begun(), ["a 1", "a 1"]);
    assert!(bench.job("a").await.is_none());
}

#[tokio::test]
async fn what_was_put_for_a_dead_worker_is_done_too() {
    let bench = Bench::new();
    bench.put("a", "1").await;
    die_at_work(&bench).await;
    bench.put_at("a", "2", bench.now() + jiff::SignedDuration::from_secs(100)).await;
    bench.pass(60);
    assert_eq!(bench.tick().await, 0, "it is due later");
    bench.pass(40);
    assert_eq!(bench.tick().await, 1);
    assert_eq!(bench.begun(), ["a 1", "a 2"]);
}

#[tokio::test]
async fn who_comes_back_after_its_claim_has_lapsed_changes_nothing() {
    let bench = Bench::new();
    bench.put("a", "1").await;
    bench.shut_gate();
    let (slow, quick) = (bench.worker(), bench.worker());
    let late = async {
        bench.until_begun(1).await;
        bench.pass(60);
        quick.tick(1).await
    };
    let gate = async {
        bench.until_begun(2).await;
        // Who came first ends first, and may not note what came of it.
        bench.open_gate();
    };
    let (slow, quick, ()) = tokio::join!(slow.tick(1), late, gate);
    assert!(slow.unwrap().done.is_empty());
    assert_eq!(quick.unwrap().done["jobs"], 1);
    assert!(bench.job("a").await.is_none());
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8),
    Tick,
    Die,
    Pass(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0_u8..3).prop_map(Step::Put),
        Just(Step::Tick),
        Just(Step::Die),
        (1_i64..90).prop_map(Step::Pass),
    ];
    proptest::collection::vec(step, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever dies, the last payload of every job is worked on after it was put.
    #[test]
    fn the_last_word_about_a_job_is_worked_on(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut bench = Bench::new();
            let mut last = std::collections::BTreeMap::new();
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Put(id) => {
                        bench.put(&id.to_string(), &number.to_string()).await;
                        last.insert(id, number);
                    }
                    Step::Tick => { bench.tick().await; }
                    Step::Pass(seconds) => bench.pass(seconds),
                    Step::Die => {
                        let due = bench.now();
                        let mut is_due = false;
                        for id in last.keys() {
                            let job = bench.job(&id.to_string()).await;
                            is_due |= job.is_some_and(|job| {
                                job.state == State::Waiting && job.due_at <= due && job.again.is_none()
                            });
                        }
                        if is_due {
                            die_at_work(&bench).await;
                            bench = bench.reopen();
                        }
                    }
                }
            }
            bench.pass(60);
            bench.tick().await;
            bench.tick().await;
            let begun = bench.begun();
            for (id, number) in last {
                assert!(begun.contains(&format!("{id} {number}")), "{id} {number} of {begun:?}");
                assert!(bench.job(&id.to_string()).await.is_none());
            }
        });
    }
}
