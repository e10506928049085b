//! Many at once.

use serde_json::json;
use store::{Commit, Precondition};
use tokio::task::JoinSet;

use super::{Stage, person, put};

pub(crate) async fn increments_are_never_lost(stage: Stage) {
    stage.put("counter", json!({ "n": 0 })).await;
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let store = stage.store.clone();
        tasks.spawn(async move {
            for _ in 0..25 {
                loop {
                    let found = store.get(&person("counter")).await.unwrap().unwrap();
                    let body = json!({ "n": found.body["n"].as_i64().unwrap() + 1 });
                    let write = put("counter", Precondition::Version(found.version), body);
                    if let Commit::Done(_) = store.commit(vec![write]).await.unwrap() {
                        break;
                    }
                }
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    assert_eq!(stage.body("counter").await, json!({ "n": 200 }));
}

pub(crate) async fn one_of_many_creates(stage: Stage) {
    let mut tasks = JoinSet::new();
    for n in 0..16 {
        let store = stage.store.clone();
        let write = put("ada", Precondition::Absent, json!({ "n": n }));
        tasks.spawn(async move { (n, store.commit(vec![write]).await.unwrap()) });
    }
    let ended = tasks.join_all().await;
    let done: Vec<_> = ended.iter().filter(|(_, commit)| matches!(commit, Commit::Done(_))).collect();
    let [(n, Commit::Done(version))] = done[..] else { panic!("{ended:?}") };
    assert!(ended.iter().all(|(other, commit)| other == n || *commit == Commit::Conflict));
    let found = stage.get("ada").await.unwrap();
    assert_eq!((found.version, found.body), (*version, json!({ "n": n })));
}
