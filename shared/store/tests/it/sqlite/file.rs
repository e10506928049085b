//! One file: its lock, its schema, what it keeps, and its groups.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use store::{Commit, Error, Index, Precondition, Query, Schema, Store, sqlite::Sqlite, system_clock};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::conformance::{
    BY_AGE, BY_TOWN_AGE, SCHEMA, assert_invalid, clock, delete, done, ids, person, put, put_until,
};

struct Place {
    _directory: TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("made/on/the/way/it.db");
        Self { _directory: directory, path }
    }

    fn open(&self) -> Sqlite {
        open(&self.path, SCHEMA).unwrap()
    }

    /// Looks into the file from beside.
    fn count(&self, sql: &str) -> i64 {
        let beside = Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        beside.query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

fn open(path: &Path, schema: Schema) -> Result<Sqlite, Error> {
    Sqlite::open(path, schema, system_clock())
}

#[tokio::test]
async fn a_file_has_one_engine_at_a_time() {
    let place = Place::new();
    let first = place.open();
    match open(&place.path, SCHEMA) {
        Err(Error::Locked(path)) => assert!(path.ends_with("it.db")),
        other => panic!("{:?}", other.err()),
    }
    done(first.commit(vec![put("ada", Precondition::Absent, json!({}))]).await.unwrap());
    drop(first);
    let second = place.open();
    assert!(second.get(&person("ada")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_file_keeps_everything() {
    let place = Place::new();
    let now = Arc::new(AtomicI64::new(1_000));
    let again = || Sqlite::open(&place.path, SCHEMA, clock(&now)).unwrap();
    let body = json!({ "age": 1, "text": "☃" });
    let mut seen = Vec::new();
    for id in ["a", "b", "c"] {
        let store = again();
        let until = jiff::Timestamp::from_millisecond(2_000).unwrap();
        seen.push(done(store.commit(vec![put(id, Precondition::Absent, body.clone())]).await.unwrap()));
        let short = put_until("short", Precondition::Any, body.clone(), until);
        seen.push(done(store.commit(vec![short]).await.unwrap()));
    }
    let store = again();
    for (id, version) in [("a", seen[0]), ("b", seen[2]), ("c", seen[4]), ("short", seen[5])] {
        let found = store.get(&person(id)).await.unwrap().unwrap();
        assert_eq!((found.version, found.body), (version, body.clone()));
    }
    assert!(seen.iter().enumerate().all(|(at, version)| !seen[..at].contains(version)));
    assert_eq!(ids(&store.query(Query::new(&BY_AGE, [])).await.unwrap()), ["a", "b", "c", "short"]);
    now.store(2_000, Ordering::SeqCst);
    assert!(store.get(&person("short")).await.unwrap().is_none());
}

#[tokio::test]
async fn a_newer_file_is_refused_and_an_older_one_taken_over() {
    let place = Place::new();
    let schema = |version| Schema { version, ..SCHEMA };
    let store = open(&place.path, schema(2)).unwrap();
    done(store.commit(vec![put("ada", Precondition::Absent, json!({}))]).await.unwrap());
    drop(store);
    match open(&place.path, schema(1)) {
        Err(Error::TooNew { found: 2, known: 1 }) => {}
        other => panic!("{:?}", other.err()),
    }
    let store = open(&place.path, schema(3)).unwrap();
    assert!(store.get(&person("ada")).await.unwrap().is_some());
    drop(store);
    assert!(matches!(open(&place.path, schema(2)), Err(Error::TooNew { found: 3, known: 2 })));
}

#[tokio::test]
async fn indexes_come_and_go_with_their_declaration() {
    static BY_TOWN: Index =
        Index { collection: "people", name: "by_age", fields: &["town"], orders: store::BOTH };
    const FEWER: Schema = Schema { version: 1, indexes: &[&BY_TOWN_AGE], expiring: &["people"] };
    const OTHER: Schema = Schema { version: 1, indexes: &[&BY_TOWN], expiring: &["people"] };
    let place = Place::new();
    let find = async |schema, index| {
        let store = open(&place.path, schema).unwrap();
        store.query(Query::new(index, [])).await.map(|page| ids(&page))
    };
    let store = place.open();
    let body = json!({ "age": 1, "town": "Rome" });
    done(store.commit(vec![put("ada", Precondition::Absent, body)]).await.unwrap());
    done(store.commit(vec![put("bob", Precondition::Absent, json!({ "town": "Oslo" }))]).await.unwrap());
    drop(store);
    assert_eq!(find(SCHEMA, &BY_AGE).await.unwrap(), ["ada"]);

    let count = "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND name GLOB 'index:*'";
    assert_invalid(find(FEWER, &BY_AGE).await);
    assert_eq!(place.count(count), 1);
    assert_eq!(find(OTHER, &BY_TOWN).await.unwrap(), ["bob", "ada"]);
    assert_eq!(place.count(count), 1);
    assert_eq!(find(SCHEMA, &BY_AGE).await.unwrap(), ["ada"]);
    assert_eq!(find(SCHEMA, &BY_TOWN_AGE).await.unwrap(), ["ada"]);
    assert_eq!(place.count(count), SCHEMA.indexes.len() as i64);
}

#[tokio::test]
async fn a_file_of_the_same_shape_is_left_as_it_is() {
    let place = Place::new();
    drop(place.open());
    let before = place.count("PRAGMA schema_version");
    drop(place.open());
    assert_eq!(place.count("PRAGMA schema_version"), before);
}

#[tokio::test]
async fn what_cannot_be_a_store_is_refused() {
    static BAD_NAME: Index =
        Index { collection: "people", name: "x\"; DROP", fields: &["age"], orders: store::BOTH };
    static BAD_FIELD: Index =
        Index { collection: "people", name: "x", fields: &["a'b"], orders: store::BOTH };
    let place = Place::new();
    for schema in [
        const { Schema { version: 1, indexes: &[&BY_AGE, &BY_AGE], expiring: &["people"] } },
        const { Schema { version: 1, indexes: &[&BAD_NAME], expiring: &["people"] } },
        const { Schema { version: 1, indexes: &[&BAD_FIELD], expiring: &["people"] } },
        Schema { version: 0, indexes: &[], expiring: &["people"] },
    ] {
        assert_invalid(open(&place.path, schema).map(|_| ()));
    }
    std::fs::create_dir_all(place.path.parent().unwrap()).unwrap();
    std::fs::write(&place.path, "this is no database, whatever its name says".repeat(100)).unwrap();
    assert!(matches!(open(&place.path, SCHEMA), Err(Error::Unavailable(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conflict_does_not_touch_the_others_of_its_group() {
    let place = Place::new();
    let store = Arc::new(place.open());
    done(store.commit(vec![put("taken", Precondition::Absent, json!({ "n": -1 }))]).await.unwrap());
    let mut tasks = JoinSet::new();
    for n in 0..600 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut writes = vec![put(&format!("p{n}"), Precondition::Absent, json!({ "n": n }))];
            match n % 3 {
                0 => writes.push(put("taken", Precondition::Absent, json!({ "n": n }))),
                1 => writes.push(delete("nobody", Precondition::Exists)),
                _ => {}
            }
            (n, store.commit(writes).await.unwrap())
        });
    }
    for (n, commit) in tasks.join_all().await {
        let found = store.get(&person(&format!("p{n}"))).await.unwrap();
        if n % 3 == 2 {
            let found = found.unwrap();
            assert_eq!((found.version, found.body), (done(commit), json!({ "n": n })));
        } else {
            assert_eq!((commit, found), (Commit::Conflict, None));
        }
    }
    assert_eq!(store.get(&person("taken")).await.unwrap().unwrap().body["n"], -1);
}

#[tokio::test]
async fn what_was_sent_is_committed_before_the_file_is_let_go() {
    let place = Place::new();
    let store = place.open();
    for n in 0..50 {
        let mut commit = store.commit(vec![put(&format!("p{n}"), Precondition::Absent, json!({ "n": n }))]);
        // Sent by the first poll; nobody waits for the answer.
        let polled = commit.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(!matches!(polled, Poll::Ready(Err(_))));
    }
    drop(store);
    assert_eq!(place.count("SELECT count(*) FROM doc_people"), 50);
}

#[tokio::test]
async fn what_has_expired_is_collected() {
    let place = Place::new();
    let now = Arc::new(AtomicI64::new(1_000));
    let store = Sqlite::open(&place.path, SCHEMA, clock(&now)).unwrap();
    let until = jiff::Timestamp::from_millisecond(2_000).unwrap();
    let writes =
        (0..1_000).map(|n| put_until(&format!("p{n}"), Precondition::Any, json!({ "age": n }), until));
    done(store.commit(writes.collect()).await.unwrap());
    done(store.commit(vec![put("stays", Precondition::Any, json!({ "age": 1 }))]).await.unwrap());
    drop(store);
    assert_eq!(place.count("SELECT count(*) FROM doc_people"), 1_001);
    now.store(2_000, Ordering::SeqCst);
    let store = Sqlite::open(&place.path, SCHEMA, clock(&now)).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while place.count("SELECT count(*) FROM doc_people") > 1 {
        assert!(Instant::now() < deadline, "expired documents stay");
        tokio::task::yield_now().await;
    }
    assert!(store.get(&person("stays")).await.unwrap().is_some());
}
