//! A store that is being restored, and one that was.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use store::{
    Record,
    backup::{Backup, Put},
};
use tokio_util::sync::CancellationToken;

use super::{
    bench::{Bench, destination},
    receiver::Receiver,
};
use crate::deliveries::record::State;

const PATIENCE: Duration = Duration::from_secs(20);

fn backup(bench: &Bench) -> Backup {
    let now = bench.now();
    Backup::new(bench.store.clone(), std::sync::Arc::new(move || now), crate::SCHEMA.version, &[])
}

async fn everything(bench: &Bench) -> Vec<Record> {
    let (mut export, mut all) = (backup(bench).export().await.unwrap(), Vec::new());
    loop {
        let records = export.next().await.unwrap();
        if records.is_empty() {
            return all;
        }
        all.extend(records);
    }
}

/// Books with two people, and deliveries that wait.
async fn taken(receiver: &Receiver) -> Vec<Record> {
    let bench = Bench::new(vec![destination("one", &receiver.url)]);
    let turn = |session: &str| json!({"type": "chat.turn", "session_id": session, "score": 0.9});
    bench.take(json!([turn("s1"), turn("s2")])).await;
    everything(&bench).await
}

#[tokio::test]
async fn nothing_is_sent_or_changed_before_a_restore_has_ended() {
    let receiver = Receiver::start().await;
    let records = taken(&receiver).await;
    let count = records.len() as u64;
    let mut bench = Bench::new(vec![destination("one", &receiver.url)]);
    backup(&bench).begin("b1", crate::SCHEMA.version).await.unwrap();
    backup(&bench).put("b1", records.clone()).await.unwrap();
    let next = bench.settle().await.expect("it is looked again");
    assert!(next > bench.now() && receiver.received().is_empty());
    // Nor where the destination is not set any more.
    let gone = bench.process(bench.store.clone(), Vec::new());
    gone.park_removed().await.unwrap();
    // It was interrupted, and begins again.
    let again = backup(&bench).put("b1", records).await.unwrap();
    assert_eq!(again, Put { written: 0, known: count, expired: 0 });
    backup(&bench).finish("b1").await.unwrap();
    bench.settle_all().await;
    assert_eq!(receiver.received().len(), 6);
}

#[tokio::test]
async fn what_a_restore_brings_for_removed_destinations_is_parked() {
    let receiver = Receiver::start().await;
    let records = taken(&receiver).await;
    let bench = Bench::new(Vec::new());
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(bench.deliveries.clone().run(shutdown.clone()));
    backup(&bench).begin("b1", crate::SCHEMA.version).await.unwrap();
    backup(&bench).put("b1", records).await.unwrap();
    bench.deliveries.look_again();
    backup(&bench).finish("b1").await.unwrap();
    bench.deliveries.look_again();
    let began = Instant::now();
    while bench.in_state(State::Parked).await.len() < 6 {
        assert!(began.elapsed() < PATIENCE, "they wait for nobody");
        tokio::task::yield_now().await;
    }
    shutdown.cancel();
    running.await.unwrap();
}

/// What was told of the third state of a lead.
async fn third(bench: &Bench) -> Value {
    let waiting = bench.in_state(State::Waiting).await;
    let mut bodies = waiting.into_iter().map(|record| serde_json::from_str::<Value>(&record.body).unwrap());
    bodies.find(|body| body["type"] == "lead.updated" && body["data"]["revision"] == 3).unwrap()
}

#[tokio::test]
async fn an_id_that_was_told_before_a_restore_is_not_told_again() {
    let receiver = Receiver::start().await;
    let to = || vec![destination("one", &receiver.url)];
    let turn = |score: f64| json!({"type": "chat.turn", "session_id": "s1", "score": score});
    let first = Bench::new(to());
    for score in [0.7, 0.8] {
        first.take(turn(score)).await;
    }
    let records = everything(&first).await;
    first.take(turn(0.9)).await;
    let mut told = vec![third(&first).await];
    // The same backup, twice.
    for score in [0.91, 0.92] {
        let bench = Bench::new(to());
        bench.pass(jiff::SignedDuration::from_secs(told.len() as i64));
        backup(&bench).begin("b1", crate::SCHEMA.version).await.unwrap();
        backup(&bench).put("b1", records.clone()).await.unwrap();
        backup(&bench).finish("b1").await.unwrap();
        bench.take(turn(score)).await;
        told.push(third(&bench).await);
    }
    let different = |field: &str| {
        let of = |body: &Value| if field == "id" { &body["id"] } else { &body["data"][field] }.to_string();
        told.iter().map(of).collect::<BTreeSet<String>>().len()
    };
    assert_eq!((different("revision"), different("score"), different("id")), (1, 3, 3), "{told:#?}");
}
