//! Walking through everything, and backups on top of it.

use serde_json::{Value, json};
use store::{
    Key, Op, Precondition, Record, Write,
    backup::{Backup, Begun, Own, Put, Refusal, is_under_way, last},
};

use super::{SCHEMA, Stage, done, put, put_until};

const OWN: &[Own] = &[Own { collection: "desk", id: "head", prepare: mark }];

fn mark(body: &mut Value) {
    body["restored"] = true.into();
}

fn backup(stage: &Stage) -> Backup {
    Backup::new(stage.store.clone(), stage.clock(), SCHEMA.version, OWN)
}

fn elsewhere(collection: &'static str, id: &str, body: Value) -> Write {
    let key = Key { collection, id: id.into() };
    Write { key, precondition: Precondition::Any, op: Op::Put { body, expires_at: None } }
}

/// All pages of a walk.
async fn walk(stage: &Stage) -> Vec<Vec<Record>> {
    let mut scan = stage.store.scan().await.unwrap();
    let mut pages = Vec::new();
    loop {
        let page = scan.next().await.unwrap();
        if page.is_empty() {
            // The end stays the end.
            assert_eq!(scan.next().await.unwrap(), []);
            return pages;
        }
        pages.push(page);
    }
}

fn names(records: &[Record]) -> Vec<(&str, &str)> {
    records.iter().map(|record| (record.collection.as_str(), record.id.as_str())).collect()
}

fn record(collection: &str, id: &str, body: Value) -> Record {
    Record { collection: collection.into(), id: id.into(), expires_at: None, body: body.to_string() }
}

pub(crate) async fn a_scan_of_nothing_is_empty(stage: Stage) {
    assert_eq!(walk(&stage).await, Vec::<Vec<Record>>::new());
}

pub(crate) async fn a_scan_shows_everything_once_as_it_was_written(stage: Stage) {
    let body = json!({
        "": "snow ☃, 𝄞, \"quotes\", \\, \n, \u{0}", "n": [i64::MIN, u64::MAX], "x": [0.1, -0.0, 1e300, 5e-324],
    });
    let at = stage.in_seconds(60);
    for id in ["ada", "Ünï ☃", "\u{0}"] {
        done(stage.commit([put_until(id, Precondition::Any, body.clone(), at)]).await);
    }
    done(stage.commit([elsewhere("rooms", "ada", json!({})), elsewhere("a", "z", json!({"n": 1}))]).await);
    stage.remove("\u{0}").await;
    let found = walk(&stage).await.concat();
    let mut seen = names(&found);
    // Within a collection the order is the engine's own.
    seen[1..3].sort_unstable();
    assert_eq!(seen, [("a", "z"), ("people", "ada"), ("people", "Ünï ☃"), ("rooms", "ada")]);
    let people: Vec<&Record> = found.iter().filter(|record| record.collection == "people").collect();
    let text = body.to_string();
    assert!(people.iter().all(|record| record.body == text), "{people:?}");
    assert!(people.iter().all(|record| record.expires_at == Some(at)), "{people:?}");
    assert_eq!((found[0].expires_at, found[0].body.as_str()), (None, "{\"n\":1}"));
}

pub(crate) async fn a_scan_leaves_out_what_has_expired(stage: Stage) {
    let body = json!({});
    for (id, seconds) in [("ada", 10), ("bob", 11)] {
        done(stage.commit([put_until(id, Precondition::Any, body.clone(), stage.in_seconds(seconds))]).await);
    }
    stage.pass_seconds(10);
    assert_eq!(names(&walk(&stage).await.concat()), [("people", "bob")]);
}

pub(crate) async fn a_long_scan_comes_in_pages(stage: Stage) {
    for group in 0..12 {
        let writes = (0..100).map(|n| put(&format!("p{group}_{n}"), Precondition::Absent, json!({"n": n})));
        done(stage.commit(writes).await);
    }
    for n in 0..7 {
        stage.put(&format!("big_{n}"), json!({"text": "x".repeat(800_000)})).await;
    }
    let pages = walk(&stage).await;
    let bytes = |page: &Vec<Record>| page.iter().map(|record| record.body.len()).sum::<usize>();
    assert!(pages.len() >= 4 && pages.iter().all(|page| page.len() <= 500), "{} pages", pages.len());
    // Those of the first read of long documents are not yet measured.
    assert!(
        pages.iter().all(|page| bytes(page) < 8 << 20),
        "{:?}",
        pages.iter().map(bytes).collect::<Vec<_>>()
    );
    let mut ids: Vec<String> = pages.concat().into_iter().map(|record| record.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), pages.concat().len()), (1_207, 1_207));
}

pub(crate) async fn a_scan_is_of_one_moment(stage: Stage) {
    for n in 0..600 {
        stage.put(&format!("p{n}"), json!({"at": "first"})).await;
    }
    let mut scan = stage.store.scan().await.unwrap();
    let mut found = scan.next().await.unwrap();
    for n in 0..600 {
        match n % 3 {
            0 => drop(stage.put(&format!("p{n}"), json!({"at": "second"})).await),
            1 => stage.remove(&format!("p{n}")).await,
            _ => drop(stage.put(&format!("new{n}"), json!({"at": "second"})).await),
        }
    }
    loop {
        let page = scan.next().await.unwrap();
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    assert_eq!(found.len(), 600);
    assert!(found.iter().all(|record| record.body == "{\"at\":\"first\"}"));
}

pub(crate) async fn a_backup_is_put_into_an_empty_store(stage: Stage) {
    let backup = backup(&stage);
    done(stage.commit([elsewhere("desk", "head", json!({"mine": true}))]).await);
    assert_eq!(backup.begin("b1", 1).await.unwrap(), Begun::Open);
    assert!(is_under_way(&*stage.store).await.unwrap());
    let head = Key { collection: "desk", id: "head".into() };
    assert_eq!(stage.store.get(&head).await.unwrap(), None, "who held it finds out");
    let (soon, late) = (Some(stage.in_seconds(5)), Some(stage.in_seconds(50)));
    let mut records = vec![record("desk", "head", json!({"mine": false}))];
    for n in 0..250 {
        let expires_at = [None, soon, late][n % 3];
        records.push(Record { expires_at, ..record("people", &format!("p{n}"), json!({"n": n})) });
    }
    stage.pass_seconds(5);
    let written = backup.put("b1", records.clone()).await.unwrap();
    assert_eq!(written, Put { written: 168, known: 0, expired: 83 });
    backup.finish("b1").await.unwrap();
    assert!(!is_under_way(&*stage.store).await.unwrap());
    assert_eq!(stage.body("p249").await, json!({"n": 249}));
    assert_eq!(stage.get("p1").await, None);
    let head = stage.store.get(&head).await.unwrap().unwrap().body;
    assert_eq!(head, json!({"mine": false, "restored": true}));
    // What it took is what it gives, but for the note of the restore.
    let mut export = backup.export().await.unwrap();
    let mut given = Vec::new();
    loop {
        let page = export.next().await.unwrap();
        if page.is_empty() {
            break;
        }
        given.extend(page);
    }
    let mut wanted: Vec<Record> = records.into_iter().filter(|record| record.expires_at != soon).collect();
    wanted[0].body = head.to_string();
    let order = |records: &mut Vec<Record>| records.sort_by(|a, b| a.id.cmp(&b.id));
    order(&mut given);
    order(&mut wanted);
    assert_eq!(given, wanted);
}

pub(crate) async fn each_restore_has_a_name_of_its_own(stage: Stage) {
    let backup = backup(&stage);
    assert_eq!(last(&*stage.store).await.unwrap(), None);
    assert_eq!(backup.begin("b1", 1).await.unwrap(), Begun::Open);
    let first = last(&*stage.store).await.unwrap().unwrap();
    stage.pass_seconds(1);
    assert_eq!(backup.begin("b1", 1).await.unwrap(), Begun::Open);
    backup.finish("b1").await.unwrap();
    assert_eq!(last(&*stage.store).await.unwrap().unwrap(), first, "it is the same restore");
    // Somebody empties the store and restores the same backup again.
    let note = Key { collection: "restores", id: "last".into() };
    done(stage.commit([Write { key: note, precondition: Precondition::Exists, op: Op::Delete }]).await);
    assert_eq!(backup.begin("b1", 1).await.unwrap(), Begun::Open);
    assert_ne!(last(&*stage.store).await.unwrap().unwrap(), first);
}

pub(crate) async fn a_restore_goes_on_where_it_was_interrupted(stage: Stage) {
    let backup = backup(&stage);
    let records: Vec<Record> =
        (0..230).map(|n| record("people", &format!("p{n}"), json!({"n": n}))).collect();
    assert_eq!(backup.begin("b1", 1).await.unwrap(), Begun::Open);
    backup.put("b1", records[..130].to_vec()).await.unwrap();
    // It ends here, and begins again with everything.
    assert!(matches!(backup.begin("b2", 1).await, Err(Refusal::Other)));
    assert_eq!(backup.begin("b1", 1).await.unwrap(), Begun::Open);
    let again = backup.put("b1", records.clone()).await.unwrap();
    assert_eq!(again, Put { written: 100, known: 130, expired: 0 });
    backup.finish("b1").await.unwrap();
    backup.finish("b1").await.unwrap();
    assert_eq!(walk(&stage).await.concat().len(), 231);
    // Done is done, whatever has become of the documents since.
    stage.put("p1", json!({"n": "changed"})).await;
    assert_eq!(backup.begin("b1", 1).await.unwrap(), Begun::Done);
    assert!(matches!(backup.put("b1", records).await, Err(Refusal::Closed)));
    assert!(matches!(backup.begin("b2", 1).await, Err(Refusal::NotEmpty(_))));
    assert_eq!(stage.body("p1").await["n"], "changed");
}

pub(crate) async fn a_restore_changes_nothing_of_others(stage: Stage) {
    let backup = backup(&stage);
    for schema in [0, 2] {
        assert!(matches!(backup.begin("b1", schema).await, Err(Refusal::Schema { known: 1, .. })));
    }
    assert!(matches!(backup.put("b1", Vec::new()).await, Err(Refusal::Closed)));
    assert!(matches!(backup.finish("b1").await, Err(Refusal::Closed)));
    stage.put("ada", json!({"n": 1})).await;
    match backup.begin("b1", 1).await {
        Err(Refusal::NotEmpty(found)) => assert_eq!(found, "people"),
        other => panic!("{other:?}"),
    }
    stage.remove("ada").await;
    assert_eq!(backup.check("b1", 1).await.unwrap(), None);
    assert!(!is_under_way(&*stage.store).await.unwrap(), "a look begins nothing");
    assert_eq!(backup.begin("b1", 1).await.unwrap(), Begun::Open);
    stage.put("ada", json!({"n": 1})).await;
    let records = vec![record("people", "ada", json!({"n": 2})), record("people", "bob", json!({}))];
    assert!(matches!(backup.put("b1", records).await, Err(Refusal::Changed(found)) if found == "people"));
    assert_eq!(stage.body("ada").await["n"], 1);
    for malformed in [
        Record { body: "[]".into(), ..record("people", "eve", json!({})) },
        Record { body: "{".into(), ..record("people", "eve", json!({})) },
        record("People", "eve", json!({})),
        record("people", "a/b", json!({})),
        Record { expires_at: Some(stage.in_seconds(9)), ..record("rooms", "eve", json!({})) },
    ] {
        let refused = backup.put("b1", vec![malformed]).await;
        assert!(matches!(refused, Err(Refusal::Malformed(_))), "{refused:?}");
    }
}
