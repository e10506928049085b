//! A person is forgotten in what waits.

use std::sync::Arc;

use super::bench::{Bench, KEPT};
use crate::{
    Clock,
    erasing::Erasures,
    queue::{Next, Purge, State, Trouble},
};

const ANN: &str = "ann@canary.example";

impl Bench {
    /// Purges what names Ann; whether all of it is gone, and how much was counted.
    async fn purge(&self) -> (bool, i64) {
        let now = self.now();
        let clock: Clock = Arc::new(move || now);
        let erasures = Erasures::new(self.store.clone(), clock.clone());
        let names = |text: &serde_json::Value| text.to_string().contains(ANN);
        let purge = Purge { names: &names, erasures: &erasures, erasure: "era_1" };
        let is_all = self.queue.purge(&*self.store, &clock, &purge).await.unwrap();
        let erased = erasures.get("era_1").await.unwrap().erased;
        (is_all, erased.get(self.queue.collection()).copied().unwrap_or_default())
    }
}

#[tokio::test]
async fn what_names_a_person_goes_in_whatever_state_and_the_rest_stays() {
    let bench = Bench::of(&KEPT);
    for id in ["done", "parked", "failed", "fresh", "bob"] {
        let who = if id == "bob" { "bob@canary.example" } else { ANN };
        let outcome = match id {
            "done" => Ok(Next::Done),
            "parked" => Err(Trouble::hopeless("no")),
            _ => Err(Trouble::new("away")),
        };
        *bench.hand.outcome.lock().unwrap() = outcome;
        bench.put(id, who).await;
        if id != "fresh" {
            bench.worker().work_on(id).await.unwrap();
        }
    }
    let begun = bench.begun().len();
    assert_eq!(bench.purge().await, (true, 4));
    for id in ["done", "parked", "failed", "fresh"] {
        assert!(bench.job(id).await.is_none(), "{id}");
    }
    assert_eq!(bench.job("bob").await.unwrap().state, State::Waiting);
    assert_eq!(bench.purge().await, (true, 4), "it counts once");
    assert_eq!(bench.begun().len(), begun, "nothing was done for it");
}

#[tokio::test]
async fn more_than_a_page_goes_too() {
    let bench = Bench::new();
    for id in 0..230 {
        bench.put(&id.to_string(), if id % 10 == 0 { "bob" } else { ANN }).await;
    }
    assert_eq!(bench.purge().await, (true, 207));
    assert_eq!(bench.tick().await, 23);
}

#[tokio::test]
async fn what_is_being_worked_on_is_waited_for() {
    let bench = Bench::new();
    bench.put("a", ANN).await;
    bench.fails_with(Trouble::new("away"));
    bench.shut_gate();
    let worker = bench.worker();
    let during = async {
        bench.until_begun(1).await;
        assert_eq!(bench.purge().await, (false, 0));
        bench.open_gate();
    };
    let (ticked, ()) = tokio::join!(worker.tick(1), during);
    ticked.unwrap();
    assert_eq!(bench.job("a").await.unwrap().state, State::Waiting);
    assert_eq!(bench.purge().await, (true, 1));
    assert!(bench.job("a").await.is_none());
}
