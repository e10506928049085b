//! Backups while events come in, and restores that are interrupted.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
};

use chassis::Link;
use proto::{
    common::v1::{Document, ImportRequest, backup_service_client::BackupServiceClient},
    sheets::v1::Tab,
};
use serde_json::{Value, json};

use super::{Ground, ask, backup, restore};
use crate::world::World;

fn event(number: usize) -> Value {
    json!({
        "type": "chat.turn", "id": format!("evt_{number}"), "session_id": format!("ck_{}", number % 7),
        "contact_id": format!("c_{}", number % 7), "score": 0.1, "message": format!("turn {number}"),
        "occurred_at": format!("2025-10-28T{:02}:{:02}:00Z", number / 60 % 24, number % 60),
    })
}

fn documents(file: &str, service: &str) -> Vec<Value> {
    let lines = file.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["service"] == service).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_is_of_one_moment_and_holds_all_that_was_answered_before() {
    let ground = Ground::new().await;
    let world = ground.world().await;
    let before: Vec<Value> = (0..40).map(event).collect();
    world.deliver(&json!(before)).await;
    let done = AtomicBool::new(false);
    let sending = async {
        let mut sent = 40;
        while !done.load(Ordering::Relaxed) && sent < 3_000 {
            world.deliver(&event(sent)).await;
            sent += 1;
        }
        sent
    };
    let taking = async {
        let taken = backup(&world, &ground, "load.jsonl").await;
        done.store(true, Ordering::Relaxed);
        taken
    };
    let (sent, taken) = tokio::join!(sending, taking);
    assert!(sent > 41, "nothing came in meanwhile");
    let file = fs::read_to_string(ground.file("load.jsonl")).unwrap();
    let kept = documents(&file, "sheets-writer");
    assert_eq!(taken["documents"]["sheets-writer"], kept.len());
    let of = |collection: &str, tab: &str| {
        let of = |line: &&Value| {
            line["collection"] == collection && (tab.is_empty() || line["body"]["tab"] == tab)
        };
        kept.iter().filter(of).count()
    };
    let events = of("events", "");
    assert!((40..=sent).contains(&events), "{events} of {sent}");
    // An event and its rows are one commit.
    assert_eq!((of("rows", "chat_events"), of("rows", "engagements")), (events, events));

    world.all_written().await;
    let whole = ground.sheet();
    world.stop().await;
    let world = ground.world().await;
    restore(&world, &ground, "load.jsonl").await.json(0);
    for numbers in (0..sent).collect::<Vec<_>>().chunks(100) {
        world.deliver(&json!(numbers.iter().map(|number| event(*number)).collect::<Vec<_>>())).await;
    }
    world.all_written().await;
    assert_eq!(ground.sheet(), whole);
    world.stop().await;
}

/// Puts some documents as a restore does that is interrupted.
async fn begin(world: &World, file: &str, backup_id: &str, count: usize) {
    let link = Link::new(&world.service("sheets-writer").parse().unwrap()).unwrap();
    let documents = documents(file, "sheets-writer").into_iter().take(count);
    let documents = documents.map(|line| Document {
        collection: line["collection"].as_str().unwrap().to_owned(),
        document_id: line["id"].as_str().unwrap().to_owned(),
        expire_time: None,
        body: line["body"].to_string(),
    });
    let request = ImportRequest {
        backup_id: backup_id.to_owned(),
        schema_version: 1,
        documents: documents.filter(|document| document.collection != "deliveries").collect(),
        ..Default::default()
    };
    let answer = BackupServiceClient::new(link).import(tokio_stream::iter([request])).await.unwrap();
    assert!(answer.get_ref().written > 10 && !answer.get_ref().done, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_restore_keeps_the_ledger_still_and_is_resumed() {
    let ground = Ground::new().await;
    let world = ground.world().await;
    world.deliver(&json!((0..60).map(event).collect::<Vec<_>>())).await;
    let taken = backup(&world, &ground, "a.jsonl").await;
    world.all_written().await;
    world.deliver(&event(60)).await;
    world.all_written().await;
    backup(&world, &ground, "b.jsonl").await;
    let whole = ground.sheet();
    world.stop().await;

    let file = fs::read_to_string(ground.file("a.jsonl")).unwrap();
    let world = ground.world().await;
    begin(&world, &file, taken["sha256"].as_str().unwrap(), 150).await;
    let status =
        world.status_when("the ledger waits", |status| status.blocked.contains("being restored")).await;
    let other = restore(&world, &ground, "b.jsonl").await;
    let later = world.status_when("it still waits", |status| !status.blocked.is_empty()).await;
    // A batch may have been open when the backup was taken; nothing moves it until the restore is done.
    assert_eq!((later.next_batch, later.batch_open), (status.next_batch, status.batch_open), "{later:?}");
    let said = other.err.clone();
    assert!(
        other.code == 1 && said.contains("sheets-writer: a restore of another backup was begun"),
        "{said}"
    );
    let resumed = restore(&world, &ground, "a.jsonl").await.json(0);
    assert!(resumed["known"].as_i64().unwrap() > 10, "{resumed}");
    assert!(resumed["written"].as_i64().unwrap() > 10, "{resumed}");
    world.status_when("the ledger goes on", |status| status.blocked.is_empty()).await;
    world.deliver(&event(60)).await;
    world.all_written().await;
    assert_eq!(world.rows(Tab::ChatEvents).await.len(), 61);
    assert_eq!(ground.sheet(), whole);
    let late = ask(&world, &["restore", &ground.file("b.jsonl").display().to_string()]).await;
    assert!(late.failure(1).contains("sheets-writer: the store is not empty"), "{}", late.err);
    world.stop().await;
}
