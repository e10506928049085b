//! The ledger against a Google that fails in every way: no row is lost, none stands twice.

mod cells;
mod failures;
mod refusals;
mod storm;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{World, booked, ledger::prepare, turn};

/// An event that becomes one row, of `chat_events`.
fn note(id: &str) -> Value {
    json!({"type": "note", "id": id, "occurred_at": "2025-10-28T16:20:00Z"})
}

/// The ids in a tab of the spreadsheet, sorted; asserts that none stands twice.
fn ids(world: &World, tab: &str) -> Vec<String> {
    let ids: Vec<String> =
        world.lines(tab).iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect();
    let once: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(once.len(), ids.len(), "rows of {tab} stand twice: {ids:?}");
    once.into_iter().cloned().collect()
}

#[tokio::test]
async fn a_batch_has_a_number_and_carries_all_tabs_at_once() {
    let world = World::set_up().await;
    world.deliver(&turn()).await;
    world.all_written().await;
    world.deliver(&booked()).await;
    let status = world.all_written().await;

    let batches = world.batches();
    let numbers: Vec<i64> = batches.iter().map(|batch| batch.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert_eq!(status.next_batch, 4);
    for batch in &batches {
        assert_eq!((batch.mark.as_str(), batch.asked.status), ("rows", Some(200)));
        assert!(batch.requests.iter().all(|request| request["createDeveloperMetadata"].is_null()));
        let body = batch.asked.body.to_string();
        assert!(body.contains(&format!(r#""metadataValue":"{}:rows""#, status.ledger_id)), "{body}");
    }
    let tabs: BTreeSet<i64> =
        batches[1].requests.iter().filter_map(|request| request["appendCells"]["sheetId"].as_i64()).collect();
    assert_eq!(tabs.len(), 4, "contacts, leads, engagements, chat_events");
    assert_eq!(batches[2].appended(), 3, "a contact, a booking, an event");
}

#[tokio::test]
async fn events_that_come_together_go_together() {
    let world = World::set_up().await;
    let events: Vec<_> = (0..300)
        .map(|n| {
            let (http, url) = (world.http.clone(), world.url("/webhooks/ajd/chat-events"));
            tokio::spawn(async move {
                let answer = http.post(url).json(&note(&format!("n-{n:03}"))).send().await.unwrap();
                assert_eq!(answer.status(), 202);
            })
        })
        .collect();
    for event in events {
        event.await.unwrap();
    }
    world.all_written().await;
    assert_eq!(ids(&world, "chat_events"), (0..300).map(|n| format!("n-{n:03}")).collect::<Vec<_>>());
    let batches = world.batches();
    assert!(batches.len() < 10, "{} batches", batches.len());
    assert_eq!(batches.iter().map(super::world::ledger::Batch::appended).sum::<usize>(), 300);
}

#[tokio::test]
async fn a_batch_has_at_most_400_rows() {
    let world = World::set_up().await;
    // Nothing goes before all of them wait.
    world.writes_meet([Some(sandbox::FaultKind::RateLimited { retry_after_s: Some(2) })]);
    world.deliver(&note("first")).await;
    world.faults_met().await;
    for hundred in 0..5 {
        let events: Vec<Value> = (0..100).map(|n| note(&format!("n-{hundred}{n:02}"))).collect();
        world.deliver(&json!(events)).await;
    }
    world.all_written().await;
    assert_eq!(ids(&world, "chat_events").len(), 501);
    let appended: Vec<usize> =
        world.batches()[2..].iter().map(super::world::ledger::Batch::appended).collect();
    assert_eq!(appended.iter().sum::<usize>(), 501);
    assert!(appended.iter().all(|rows| *rows <= 400), "{appended:?}");
    assert!(appended.contains(&400), "{appended:?}");
}

#[tokio::test]
async fn a_spreadsheet_of_another_ledger_is_left_alone() {
    let dir = TempDir::new().unwrap();
    let mark = json!([{"createDeveloperMetadata": {"developerMetadata": {
        "metadataId": 7, "metadataKey": "fd", "metadataValue": "ldg_other:rows",
        "location": {"spreadsheet": true}, "visibility": "DOCUMENT"
    }}}]);
    prepare(dir.path(), &mark).await;
    let world = World::open(dir, &[]).await;
    world.deliver(&turn()).await;
    let status = world.status_when("it is blocked", |status| !status.blocked.is_empty()).await;
    assert_eq!(
        status.blocked,
        "the spreadsheet belongs to ledger ldg_other; use an empty spreadsheet, or the store that filled this one"
    );
    assert_eq!((status.pending, status.batch_open), (4, false));
    assert!(world.batches().is_empty(), "nothing is written to it");
    assert_eq!(world.sandbox().tabs(), ["Sheet1"]);
}

#[tokio::test]
async fn a_store_that_is_older_than_its_spreadsheet_writes_nothing() {
    let world = World::set_up().await;
    let dir = world.stop().await;
    let books = dir.path().join("sandbox-ledger");
    let backup = std::fs::read(books.join("sheets-writer.db")).unwrap();
    let world = World::open(dir, &[]).await;
    world.deliver(&note("after-the-backup")).await;
    world.all_written().await;
    let dir = world.stop().await;
    for file in ["sheets-writer.db-wal", "sheets-writer.db-shm"] {
        let _ = std::fs::remove_file(books.join(file));
    }
    std::fs::write(books.join("sheets-writer.db"), backup).unwrap();

    let world = World::open(dir, &[]).await;
    world.deliver(&note("into-the-restored")).await;
    let status = world.status_when("it is blocked", |status| !status.blocked.is_empty()).await;
    assert!(status.blocked.starts_with("this store is older than the spreadsheet"), "{}", status.blocked);
    assert_eq!((status.pending, world.batches().len()), (1, 0));
}
