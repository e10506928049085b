//! Dying between any two steps, and two processes over one store.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::json;
use store::{Commit, Document, Error, Key, Page, Query, Store, Write};

use super::{
    bench::{Bench, destination, verify},
    receiver::Receiver,
};
use crate::deliveries::record::State;

/// A store whose process dies at a step: nothing it does after is done. What it was doing then is done or not.
struct Mortal {
    inner: Arc<dyn Store>,
    left: AtomicUsize,
    /// The last step is done, and not answered.
    done: bool,
    shared: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("dead")]
struct Dead;

impl Mortal {
    fn step(&self) -> Result<bool, Error> {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match left {
            Ok(1) if self.done => Ok(true),
            Ok(2..) => Ok(false),
            _ => Err(Error::Unavailable(Box::new(Dead))),
        }
    }
}

#[async_trait::async_trait]
impl Store for Mortal {
    async fn get(&self, key: &Key) -> Result<Option<Document>, Error> {
        self.step()?;
        self.inner.get(key).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, Error> {
        self.step()?;
        self.inner.get_many(keys).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Commit, Error> {
        let last = self.step()?;
        let outcome = self.inner.commit(writes).await?;
        if last { Err(Error::Unavailable(Box::new(Dead))) } else { Ok(outcome) }
    }

    async fn query(&self, query: Query) -> Result<Page, Error> {
        self.step()?;
        self.inner.query(query).await
    }

    fn is_shared(&self) -> bool {
        self.shared
    }
}

fn mortal(bench: &Bench, steps: usize, done: bool, shared: bool) -> Arc<Mortal> {
    Arc::new(Mortal { inner: bench.store.clone(), left: steps.into(), done, shared })
}

/// Takes a turn, sends what it causes, and dies at a step; then another process goes on. Whether it died at all.
async fn live_and_die(steps: usize, done: bool, shared: bool) -> bool {
    let receiver = Receiver::start().await;
    let to = || vec![destination("one", &receiver.url), destination("two", &format!("{}/two", receiver.url))];
    let mut bench = Bench::new(to());
    let store = mortal(&bench, steps, done, shared);
    let first = bench.process(store.clone(), to());
    let turn = json!({"type": "chat.turn", "id": "evt_1", "session_id": "s1", "score": 0.9}).to_string();
    let delivery =
        crate::ingest::Delivery { body: turn.as_bytes(), secret: "", from_loopback: true, hop: "" };
    let acknowledged =
        crate::ingest::take(&*first.outbox(), &bench.rules, delivery, bench.now()).await.is_ok();
    for mut lane in bench.lanes_of(&first) {
        // three subjects, so nothing takes more than three rounds
        for _ in 0..4 {
            if lane.fill(bench.now()).await.is_ok() {
                lane.drain().await;
            }
        }
    }
    let died = store.left.load(Ordering::SeqCst) == 0;
    bench.settle_all().await;

    let events = bench.chat_events().await;
    let committed = events > 0;
    assert!(committed || !acknowledged, "what was acknowledged is there");
    let received = receiver.received();
    received.iter().for_each(verify);
    let expected = if committed { 6 } else { 0 };
    let distinct: std::collections::BTreeSet<_> =
        received.iter().map(|one| (one.path.clone(), one.body["id"].to_string())).collect();
    assert_eq!(distinct.len(), expected, "died after {steps} steps");
    // only what was under way when it died is sent twice
    assert!(received.len() <= expected + 3, "{} requests", received.len());
    assert_eq!(bench.in_state(State::Done).await.len(), expected);
    died
}

#[tokio::test]
async fn dying_between_any_two_steps_loses_nothing_and_invents_nothing() {
    for (shared, done) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut steps = 1;
        while live_and_die(steps, done, shared).await {
            steps += 1;
            assert!(steps < 200, "it never lives to the end");
        }
        assert!(steps > 20, "{steps} steps are not a life");
    }
}

#[tokio::test]
async fn of_several_processes_only_one_sends_each() {
    let receiver = Receiver::start().await;
    let to = || vec![destination("one", &receiver.url)];
    let bench = Bench::new(to());
    let turns: Vec<_> =
        (0..60).map(|n| json!({"type": "chat.turn", "session_id": format!("s{n}")})).collect();
    bench.take(json!(turns)).await;
    let process = || bench.process(mortal(&bench, usize::MAX, false, true), to());
    let work = |deliveries: Arc<_>| {
        let mut lanes = bench.lanes_of(&deliveries);
        let (store, now) = (bench.store.clone(), bench.now());
        async move {
            while !crate::deliveries::record::waiting(&*store, "one", 1)
                .await
                .unwrap()
                .iter()
                .all(|found| found.value.due_at > now)
            {
                lanes[0].fill(now).await.unwrap();
                lanes[0].drain().await;
            }
        }
    };
    tokio::join!(work(process()), work(process()), work(process()));
    assert_eq!(receiver.received().len(), 60);
    assert_eq!(bench.in_state(State::Done).await.len(), 60);
}
