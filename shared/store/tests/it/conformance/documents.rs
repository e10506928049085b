//! Reading what was written.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Collection, Error, Key, Op, Precondition, Write};

use super::{Stage, assert_invalid, done, person, put};

pub(crate) async fn what_was_never_written_is_absent(stage: Stage) {
    assert_eq!(stage.get("ada").await, None);
    let elsewhere = Key { collection: "never_written", id: "ada".into() };
    assert_eq!(stage.store.get(&elsewhere).await.unwrap(), None);
}

pub(crate) async fn a_document_is_read_as_it_was_written(stage: Stage) {
    let body = json!({
        "": "empty name",
        "text": "snow ☃, 𝄞, \"quotes\", \\, \n, \u{0} and \u{7f}",
        "größe": [i64::MIN, -1, 0, i64::MAX, u64::MAX],
        "floats": [0.1, -0.0, 1e300, 5e-324, 1.0, 123_456_789.123_456_78, 2.225_073_858_507_201e-308],
        "nested": { "a": [{ "b": [[], {}, null, true, false] }] },
    });
    for id in ["ada", "Ünï ☃", "a.b:c|d'e\"f", "\u{0}", &"x".repeat(256)] {
        let version = stage.put(id, body.clone()).await;
        let found = stage.get(id).await.unwrap();
        assert_eq!((found.id.as_str(), found.version), (id, version));
        assert_eq!(found.body, body);
        assert_eq!(found.body.to_string(), body.to_string());
    }
}

pub(crate) async fn a_big_document_is_kept(stage: Stage) {
    let body = json!({ "text": "ü".repeat(449_990), "age": 7 });
    assert!(body.to_string().len() > 899_980);
    stage.put("ada", body.clone()).await;
    assert_eq!(stage.body("ada").await, body);
}

pub(crate) async fn collections_do_not_share(stage: Stage) {
    let elsewhere = Key { collection: "pets", id: "ada".into() };
    let body = json!({ "legs": 4 });
    let write = Write {
        key: elsewhere.clone(),
        precondition: Precondition::Absent,
        op: Op::Put { body: body.clone(), expires_at: None },
    };
    stage.put("ada", json!({ "legs": 2 })).await;
    done(stage.commit([write]).await);
    assert_eq!(stage.body("ada").await["legs"], 2);
    assert_eq!(stage.store.get(&elsewhere).await.unwrap().unwrap().body, body);
}

pub(crate) async fn get_many_answers_in_the_order_of_its_keys(stage: Stage) {
    for id in ["a", "b", "c"] {
        stage.put(id, json!({ "name": id })).await;
    }
    let asked = ["c", "nobody", "a", "c", "b"];
    let found = stage.store.get_many(&asked.map(person)).await.unwrap();
    let names: Vec<_> = found.iter().map(|found| found.as_ref().map(|found| found.id.as_str())).collect();
    assert_eq!(names, [Some("c"), None, Some("a"), Some("c"), Some("b")]);
    assert_eq!(stage.store.get_many(&[]).await.unwrap(), []);
}

pub(crate) async fn get_many_sees_one_moment(stage: Stage) {
    // The second collection comes into being meanwhile, too.
    let keys = [Key { collection: "left", id: "n".into() }, Key { collection: "right", id: "n".into() }];
    let writing = {
        let (store, keys) = (stage.store.clone(), keys.clone());
        tokio::spawn(async move {
            for n in 1..=200 {
                let write = |key: &Key| Write {
                    key: key.clone(),
                    precondition: Precondition::Any,
                    op: Op::Put { body: json!({ "n": n }), expires_at: None },
                };
                done(store.commit(keys.iter().map(write).collect()).await.unwrap());
            }
        })
    };
    let mut seen = Value::Null;
    while seen != 200 {
        let found = stage.store.get_many(&keys).await.unwrap();
        let [left, right] = [0, 1].map(|at| found[at].as_ref().map(|found| found.body["n"].clone()));
        assert_eq!(left, right);
        seen = left.unwrap_or_default();
    }
    writing.await.unwrap();
}

pub(crate) async fn a_key_that_is_none_is_refused(stage: Stage) {
    let long = "x".repeat(257);
    for (collection, id) in
        [("people", ""), ("people", "a/b"), ("people", &*long), ("", "a"), ("People", "a"), ("x;--", "a")]
    {
        let key = Key { collection, id: id.into() };
        assert_invalid(stage.store.get(&key).await);
        assert_invalid(stage.store.get_many(std::slice::from_ref(&key)).await);
        let write = Write { key, precondition: Precondition::Any, op: Op::Delete };
        assert_invalid(stage.store.commit(vec![write]).await);
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Person {
    age: u8,
}

pub(crate) async fn a_body_that_is_no_document_of_the_collection_is_corrupt(stage: Stage) {
    let people = Collection::<Person>::new("people");
    done(stage.commit([people.put("ada", &Person { age: 36 }, Precondition::Absent)]).await);
    done(stage.commit([put("bob", Precondition::Absent, json!({ "age": "old" }))]).await);
    let ada = people.get(&*stage.store, "ada").await.unwrap().unwrap();
    assert_eq!((ada.id.as_str(), ada.value), ("ada", Person { age: 36 }));
    match people.get(&*stage.store, "bob").await {
        Err(Error::Corrupt { key, .. }) => assert_eq!(key, "people/bob"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(people.read(stage.get("bob").await.unwrap()), Err(Error::Corrupt { .. })));
}
