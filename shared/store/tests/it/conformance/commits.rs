//! Preconditions, and all or nothing.

use serde_json::{Value, json};
use store::{Commit, Precondition};

use super::{Stage, assert_invalid, delete, done, put};

pub(crate) async fn a_document_is_created_once(stage: Stage) {
    done(stage.commit([put("ada", Precondition::Absent, json!({ "n": 1 }))]).await);
    let again = stage.commit([put("ada", Precondition::Absent, json!({ "n": 2 }))]).await;
    assert_eq!(again, Commit::Conflict);
    assert_eq!(stage.body("ada").await["n"], 1);
}

pub(crate) async fn any_overwrites(stage: Stage) {
    stage.put("ada", json!({ "n": 1, "old": true })).await;
    let version = stage.put("ada", json!({ "n": 2 })).await;
    let found = stage.get("ada").await.unwrap();
    assert_eq!((found.version, found.body), (version, json!({ "n": 2 })));
}

pub(crate) async fn exists_wants_a_document(stage: Stage) {
    let write = put("ada", Precondition::Exists, json!({ "n": 2 }));
    assert_eq!(stage.commit([write.clone()]).await, Commit::Conflict);
    assert_eq!(stage.get("ada").await, None);
    stage.put("ada", json!({ "n": 1 })).await;
    done(stage.commit([write]).await);
    assert_eq!(stage.body("ada").await["n"], 2);
}

pub(crate) async fn a_version_is_good_for_one_change(stage: Stage) {
    let first = stage.put("ada", json!({ "n": 1 })).await;
    let second = done(stage.commit([put("ada", Precondition::Version(first), json!({ "n": 2 }))]).await);
    assert_ne!(first, second);
    let stale = stage.commit([put("ada", Precondition::Version(first), json!({ "n": 3 }))]).await;
    assert_eq!(stale, Commit::Conflict);
    assert_eq!(stage.commit([delete("ada", Precondition::Version(first))]).await, Commit::Conflict);
    assert_eq!(stage.body("ada").await["n"], 2);
    done(stage.commit([delete("ada", Precondition::Version(second))]).await);
    let gone = stage.commit([put("ada", Precondition::Version(second), json!({ "n": 4 }))]).await;
    assert_eq!(gone, Commit::Conflict);
}

pub(crate) async fn a_version_does_not_outlive_its_document(stage: Stage) {
    let old = stage.put("ada", json!({ "n": 1 })).await;
    stage.remove("ada").await;
    let new = stage.put("ada", json!({ "n": 1 })).await;
    assert_ne!(old, new);
    let stale = stage.commit([put("ada", Precondition::Version(old), json!({ "n": 2 }))]).await;
    assert_eq!(stale, Commit::Conflict);
    assert_eq!(stage.body("ada").await["n"], 1);
}

pub(crate) async fn every_commit_has_a_version_of_its_own(stage: Stage) {
    let body = json!({ "n": 1 });
    let write = |id| put(id, Precondition::Any, body.clone());
    let both = done(stage.commit([write("ada"), write("bob")]).await);
    assert_eq!(stage.get("ada").await.unwrap().version, both);
    assert_eq!(stage.get("bob").await.unwrap().version, both);
    let again = done(stage.commit([write("bob")]).await);
    assert_ne!(again, both);
    assert_eq!(stage.get("ada").await.unwrap().version, both);
    assert_eq!(stage.get("bob").await.unwrap().version, again);
}

pub(crate) async fn one_conflict_stops_every_write(stage: Stage) {
    stage.put("ada", json!({ "n": 1 })).await;
    stage.put("bob", json!({ "n": 1 })).await;
    let commit = stage.commit([
        put("ada", Precondition::Exists, json!({ "n": 2 })),
        delete("bob", Precondition::Any),
        put("eve", Precondition::Any, json!({ "n": 2 })),
        put("bob_two", Precondition::Exists, json!({ "n": 2 })),
    ]);
    assert_eq!(commit.await, Commit::Conflict);
    assert_eq!(stage.body("ada").await["n"], 1);
    assert_eq!(stage.body("bob").await["n"], 1);
    assert_eq!(stage.get("eve").await, None);
}

pub(crate) async fn a_document_is_deleted(stage: Stage) {
    stage.put("ada", json!({})).await;
    stage.put("bob", json!({})).await;
    done(stage.commit([delete("ada", Precondition::Exists)]).await);
    assert_eq!(stage.get("ada").await, None);
    assert_eq!(stage.body("bob").await, json!({}));
}

pub(crate) async fn deleting_what_is_absent(stage: Stage) {
    done(stage.commit([delete("ada", Precondition::Any)]).await);
    done(stage.commit([delete("ada", Precondition::Absent)]).await);
    assert_eq!(stage.commit([delete("ada", Precondition::Exists)]).await, Commit::Conflict);
    assert_eq!(stage.get("ada").await, None);
}

pub(crate) async fn a_key_that_stands_twice_is_invalid(stage: Stage) {
    let writes = vec![put("ada", Precondition::Any, json!({})), delete("ada", Precondition::Any)];
    assert_invalid(stage.store.commit(writes).await);
    assert_eq!(stage.get("ada").await, None);
}

pub(crate) async fn a_body_that_is_no_object_is_invalid(stage: Stage) {
    for body in [Value::Null, json!([]), json!("text"), json!(1), json!(true)] {
        let writes = vec![put("bob", Precondition::Any, json!({})), put("ada", Precondition::Any, body)];
        assert_invalid(stage.store.commit(writes).await);
        assert_eq!(stage.get("bob").await, None);
    }
}

pub(crate) async fn a_body_that_is_too_big_is_invalid(stage: Stage) {
    let body = json!({ "text": "x".repeat(900_000) });
    assert_invalid(stage.store.commit(vec![put("ada", Precondition::Any, body)]).await);
    assert_eq!(stage.get("ada").await, None);
}

pub(crate) async fn a_body_that_is_too_deep_is_invalid(stage: Stage) {
    let nested = |depth| (1..depth).fold(json!({}), |inner, _| json!({ "in": inner }));
    stage.put("ada", nested(100)).await;
    assert_eq!(stage.body("ada").await, nested(100));
    assert_invalid(stage.store.commit(vec![put("ada", Precondition::Any, nested(101))]).await);
}
