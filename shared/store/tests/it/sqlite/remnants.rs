//! What is deleted or overwritten is gone from the disk, not only from the documents.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::json;
use store::{Document, Error, Key, Op, Precondition, Store, Write, sqlite::Sqlite, system_clock};
use tempfile::TempDir;

use crate::conformance::{SCHEMA, done, person, put};

const CANARY: &str = "ann@canary.example";

/// How often bytes stand in the files of a store, its log included.
fn found(directory: &Path, what: &str) -> usize {
    let files = fs::read_dir(directory).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    files.map(|bytes| bytes.windows(what.len()).filter(|window| *window == what.as_bytes()).count()).sum()
}

fn name(n: usize) -> String {
    format!("{:032x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Documents of all sizes, some over several pages, amid others that stay, in an order that splits pages and joins
/// them again.
async fn fill(store: &Sqlite, round: usize) {
    for chunk in 0..20 {
        let writes = (0..50).map(|n| {
            let n = chunk * 50 + n;
            let body = match (n + round) % 3 {
                0 => json!({"age": n, "text": format!("{CANARY} {}", "x".repeat(n * 7))}),
                1 => json!({"age": n, "text": "y".repeat(n * 5), "town": CANARY}),
                _ => json!({"age": n, "text": "z"}),
            };
            put(&name(n), Precondition::Any, body)
        });
        done(store.commit(writes.collect()).await.unwrap());
    }
}

async fn blank(store: &Sqlite) {
    for n in 0..1_000 {
        let key = person(&name(n));
        let Some(Document { body, version, .. }) = store.get(&key).await.unwrap() else { continue };
        if !body.to_string().contains(CANARY) {
            continue;
        }
        let blanked = if n % 2 == 0 { None } else { Some(json!({"age": n})) };
        let op = blanked.map_or(Op::Delete, |body| Op::Put { body, expires_at: None });
        let write = Write { key: Key { ..key }, precondition: Precondition::Version(version), op };
        done(store.commit(vec![write]).await.unwrap());
    }
}

#[tokio::test]
async fn nothing_is_left_of_what_was_deleted_or_overwritten() {
    let directory = TempDir::new().unwrap();
    let store = Sqlite::open(&directory.path().join("it.db"), SCHEMA, system_clock()).unwrap();
    for round in 0..3 {
        fill(&store, round).await;
    }
    assert!(found(directory.path(), CANARY) > 500, "the test looks in the wrong place");
    blank(&store).await;
    store.scrub().await.unwrap();
    assert_eq!(found(directory.path(), CANARY), 0);
}

#[tokio::test]
async fn a_walk_keeps_nobody_from_committing_and_scrubbing_from_nothing_but_its_end() {
    let directory = TempDir::new().unwrap();
    let store = Sqlite::open(&directory.path().join("it.db"), SCHEMA, system_clock()).unwrap();
    fill(&store, 0).await;
    let mut walk = store.scan().await.unwrap();
    blank(&store).await;
    let log = directory.path().join("it.db-wal");
    let (before, began) = (fs::metadata(&log).unwrap().len(), Instant::now());
    for n in 0..3 {
        let key = format!("during{n}");
        let commit = store.commit(vec![put(&key, Precondition::Absent, json!({"age": n}))]);
        let (scrubbed, outcome) = tokio::join!(store.scrub(), commit);
        assert!(matches!(scrubbed, Err(Error::Busy)), "{scrubbed:?}");
        done(outcome.unwrap());
    }
    assert!(began.elapsed() < Duration::from_secs(3), "{:?} of commits that wait", began.elapsed());
    let grown = fs::metadata(&log).unwrap().len() - before;
    assert!(grown < 200_000, "the file was written anew for nothing: {grown} bytes");
    // What it walks through is as it was.
    let mut canaries = 0;
    loop {
        let records = walk.next().await.unwrap();
        if records.is_empty() {
            break;
        }
        canaries += records.iter().filter(|record| record.body.contains(CANARY)).count();
    }
    assert!(canaries > 500, "{canaries}");
    drop(walk);
    store.scrub().await.unwrap();
    assert_eq!(found(directory.path(), CANARY), 0);
}
