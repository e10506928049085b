//! What has expired counts as absent, collected or not.

use serde_json::json;
use store::{Commit, Precondition, Query};

use super::{ALL, BY_AGE, Stage, delete, done, person, put, put_until};

pub(crate) async fn what_has_expired_is_not_read(stage: Stage) {
    let at = stage.in_seconds(10);
    done(stage.commit([put_until("ada", Precondition::Absent, json!({ "age": 1 }), at)]).await);
    stage.put("bob", json!({ "age": 1 })).await;
    stage.pass_seconds(9);
    assert_eq!(stage.body("ada").await["age"], 1);
    stage.pass_seconds(1);
    assert_eq!(stage.get("ada").await, None);
    let both = stage.store.get_many(&[person("ada"), person("bob")]).await.unwrap();
    assert_eq!(both.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true]);
}

pub(crate) async fn what_has_expired_is_not_found(stage: Stage) {
    for (id, seconds) in [("a", 10), ("b", 30), ("c", 20)] {
        let body = json!({ "age": 1 });
        done(stage.commit([put_until(id, Precondition::Any, body, stage.in_seconds(seconds))]).await);
    }
    let query = || Query::new(&BY_AGE, [json!(1)]);
    assert_eq!(stage.find(query()).await, ["a", "b", "c"]);
    stage.pass_seconds(10);
    assert_eq!(stage.find(query()).await, ["b", "c"]);
    // The page is full although what lies before has expired, and nothing follows though something expired lies there.
    let page = stage.store.query(query().limit(1)).await.unwrap();
    assert_eq!(super::ids(&page), ["b"]);
    stage.pass_seconds(10);
    let page = stage.store.query(query().limit(1)).await.unwrap();
    assert_eq!((super::ids(&page), page.next), (vec!["b".to_owned()], None));
    assert_eq!(stage.find(Query::new(&ALL, [])).await, ["b"]);
}

pub(crate) async fn what_has_expired_is_absent_for_a_commit(stage: Stage) {
    let until = put_until("ada", Precondition::Any, json!({ "n": 1 }), stage.in_seconds(10));
    let old = done(stage.commit([until]).await);
    let create = put("ada", Precondition::Absent, json!({ "n": 2 }));
    assert_eq!(stage.commit([create.clone()]).await, Commit::Conflict);
    stage.pass_seconds(10);
    for precondition in [Precondition::Exists, Precondition::Version(old)] {
        assert_eq!(stage.commit([delete("ada", precondition)]).await, Commit::Conflict);
        assert_eq!(stage.commit([put("ada", precondition, json!({ "n": 3 }))]).await, Commit::Conflict);
    }
    let new = done(stage.commit([create]).await);
    assert_ne!(old, new);
    let found = stage.get("ada").await.unwrap();
    assert_eq!((found.version, found.body), (new, json!({ "n": 2 })));
}

pub(crate) async fn a_new_body_has_a_new_expiry(stage: Stage) {
    for id in ["ada", "bob"] {
        let until = put_until(id, Precondition::Any, json!({ "n": 1 }), stage.in_seconds(10));
        done(stage.commit([until]).await);
    }
    stage.put("ada", json!({ "n": 2 })).await;
    let longer = put_until("bob", Precondition::Exists, json!({ "n": 2 }), stage.in_seconds(20));
    done(stage.commit([longer]).await);
    stage.pass_seconds(10);
    assert!(stage.get("ada").await.is_some());
    assert!(stage.get("bob").await.is_some());
    stage.pass_seconds(10);
    assert!(stage.get("ada").await.is_some());
    assert_eq!(stage.get("bob").await, None);
}
