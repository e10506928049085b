//! What an index finds, and in which order.

use std::ops::Bound::{self, Excluded, Included, Unbounded};

use serde_json::{Value, json};
use store::{Index, Order, Query, Range};

use super::{ALL, BY_AGE, BY_TOWN_AGE, Stage, assert_invalid};

fn range(from: Bound<i64>, to: Bound<i64>) -> Option<Range> {
    Some(Range { from: from.map(Value::from), to: to.map(Value::from) })
}

async fn settle(stage: &Stage) {
    for (id, town, age) in [
        ("ada", "Rome", 30),
        ("bob", "Oslo", 40),
        ("cat", "Rome", 20),
        ("dan", "Rome", 40),
        ("eve", "Oslo", 20),
        ("fay", "Rome", 30),
    ] {
        stage.put(id, json!({ "town": town, "age": age })).await;
    }
}

pub(crate) async fn one_field_equals(stage: Stage) {
    settle(&stage).await;
    assert_eq!(stage.find(Query::new(&BY_AGE, [json!(30)])).await, ["ada", "fay"]);
    assert_eq!(stage.find(Query::new(&BY_AGE, [json!(31)])).await, [""; 0]);
    // The rest of the index is the order.
    assert_eq!(stage.find(Query::new(&BY_TOWN_AGE, [json!("Rome")])).await, ["cat", "ada", "fay", "dan"]);
    let everyone = ["eve", "bob", "cat", "ada", "fay", "dan"];
    assert_eq!(stage.find(Query::new(&BY_TOWN_AGE, [])).await, everyone);
}

pub(crate) async fn two_fields_equal(stage: Stage) {
    settle(&stage).await;
    let find = |town, age| stage.find(Query::new(&BY_TOWN_AGE, [json!(town), json!(age)]));
    assert_eq!(find("Rome", 30).await, ["ada", "fay"]);
    assert_eq!(find("Oslo", 20).await, ["eve"]);
    assert_eq!(find("Oslo", 30).await, [""; 0]);
}

pub(crate) async fn ranges_of_every_kind(stage: Stage) {
    for age in 1..=9 {
        stage.put(&format!("p{age}"), json!({ "age": age, "town": "Rome" })).await;
    }
    // Larger ones of another type, which no range of integers holds.
    stage.put("text", json!({ "age": "5", "town": "Rome" })).await;
    for (from, to, first, last) in [
        (Included(3), Included(6), 3, 6),
        (Included(3), Excluded(6), 3, 5),
        (Excluded(3), Included(6), 4, 6),
        (Excluded(3), Excluded(6), 4, 5),
        (Included(7), Unbounded, 7, 9),
        (Excluded(7), Unbounded, 8, 9),
        (Unbounded, Included(2), 1, 2),
        (Unbounded, Excluded(2), 1, 1),
        (Included(6), Excluded(6), 1, 0),
        (Included(7), Included(3), 1, 0),
    ] {
        let wanted: Vec<_> = (first..=last).map(|age| format!("p{age}")).collect();
        let range = range(from, to);
        let alone = Query { range: range.clone(), ..Query::new(&BY_AGE, []) };
        assert_eq!(stage.find(alone).await, wanted, "{from:?} {to:?}");
        let behind = Query { range, ..Query::new(&BY_TOWN_AGE, [json!("Rome")]) };
        assert_eq!(stage.find(behind).await, wanted, "{from:?} {to:?}");
    }
    let open = Query { range: range(Unbounded, Unbounded), ..Query::new(&BY_AGE, []) };
    assert_eq!(stage.find(open).await.len(), 10);
}

pub(crate) async fn descending_is_the_reverse(stage: Stage) {
    settle(&stage).await;
    for query in [
        Query::new(&BY_AGE, []),
        Query::new(&BY_AGE, [json!(30)]),
        Query::new(&BY_TOWN_AGE, [json!("Rome")]),
        Query { range: range(Included(30), Unbounded), ..Query::new(&BY_TOWN_AGE, [json!("Rome")]) },
        Query::new(&ALL, []),
    ] {
        let mut ascending = stage.find(query.clone()).await;
        ascending.reverse();
        assert!(ascending.len() > 1);
        assert_eq!(stage.find(Query { order: Order::Descending, ..query }).await, ascending);
    }
}

pub(crate) async fn types_never_mix(stage: Stage) {
    let ages = [json!(1), json!("1"), json!(true), json!(0), json!(""), json!(false), json!("true")];
    for age in &ages {
        stage.put(&age.to_string(), json!({ "age": age })).await;
    }
    for age in &ages {
        assert_eq!(stage.find(Query::new(&BY_AGE, [age.clone()])).await, [age.to_string()]);
    }
    let find = |from, to| stage.find(Query { range: Some(Range { from, to }), ..Query::new(&BY_AGE, []) });
    assert_eq!(find(Included(json!(0)), Unbounded).await, ["0", "1"]);
    assert_eq!(find(Unbounded, Included(json!(1))).await, ["0", "1"]);
    assert_eq!(find(Included(json!("")), Unbounded).await, ["\"\"", "\"1\"", "\"true\""]);
    assert_eq!(find(Unbounded, Excluded(json!("true"))).await, ["\"\"", "\"1\""]);
    assert_eq!(find(Unbounded, Included(json!(true))).await, ["false", "true"]);
    assert_eq!(find(Excluded(json!(false)), Unbounded).await, ["true"]);
}

pub(crate) async fn strings_compare_by_bytes(stage: Stage) {
    let texts = ["Z", "a", "a\u{0}", "a\u{0}b", "a b", "aa", "é", "\u{ffff}", "😀"];
    for text in texts.iter().rev() {
        stage.put(text, json!({ "age": text })).await;
    }
    assert_eq!(stage.find(Query::new(&BY_AGE, [])).await, texts);
    for text in texts {
        assert_eq!(stage.find(Query::new(&BY_AGE, [json!(text)])).await, [text]);
    }
    assert_eq!(stage.find(Query::new(&BY_AGE, [json!("A")])).await, [""; 0]);
}

pub(crate) async fn a_document_without_the_field_is_left_out(stage: Stage) {
    stage.put("ada", json!({ "town": "Rome", "age": 30 })).await;
    stage.put("bob", json!({ "town": "Rome" })).await;
    for (id, age) in [
        ("null", Value::Null),
        ("float", json!(30.0)),
        ("array", json!([30])),
        ("object", json!({ "age": 30 })),
        ("huge", json!(u64::MAX)),
    ] {
        stage.put(id, json!({ "town": "Rome", "age": age })).await;
    }
    assert_eq!(stage.find(Query::new(&BY_AGE, [])).await, ["ada"]);
    assert_eq!(stage.find(Query::new(&BY_TOWN_AGE, [json!("Rome")])).await, ["ada"]);
    let range = Query { range: range(Unbounded, Included(i64::MAX)), ..Query::new(&BY_AGE, []) };
    assert_eq!(stage.find(range).await, ["ada"]);
    assert_eq!(stage.find(Query::new(&ALL, [])).await.len(), 7);
}

pub(crate) async fn an_index_follows_its_documents(stage: Stage) {
    let at = |age: i64| stage.find(Query::new(&BY_AGE, [json!(age)]));
    stage.put("ada", json!({ "age": 30 })).await;
    stage.put("bob", json!({ "age": 30 })).await;
    assert_eq!(at(30).await, ["ada", "bob"]);
    stage.put("ada", json!({ "age": 31 })).await;
    assert_eq!((at(30).await, at(31).await), (vec!["bob".into()], vec!["ada".into()]));
    stage.remove("ada").await;
    stage.put("bob", json!({})).await;
    assert_eq!((at(30).await, at(31).await), (vec![], vec![]));
    let found = {
        stage.put("eve", json!({ "age": 30, "more": "text" })).await;
        stage.store.query(Query::new(&BY_AGE, [json!(30)])).await.unwrap().documents
    };
    assert_eq!(found, [stage.get("eve").await.unwrap()]);
}

pub(crate) async fn an_empty_collection_finds_nothing(stage: Stage) {
    let page = stage.store.query(Query::new(&BY_AGE, [])).await.unwrap();
    assert_eq!((page.documents, page.next), (vec![], None));
}

pub(crate) async fn an_index_without_fields_finds_everything(stage: Stage) {
    settle(&stage).await;
    stage.put("bare", json!({})).await;
    let everyone = ["ada", "bare", "bob", "cat", "dan", "eve", "fay"];
    assert_eq!(stage.find(Query::new(&ALL, [])).await, everyone);
}

pub(crate) async fn an_undeclared_index_is_invalid(stage: Stage) {
    static OTHER_NAME: Index =
        Index { collection: "people", name: "other", fields: &["age"], orders: store::BOTH };
    static OTHER_FIELDS: Index =
        Index { collection: "people", name: "by_age", fields: &["town"], orders: store::BOTH };
    static OTHER_COLLECTION: Index =
        Index { collection: "pets", name: "by_age", fields: &["age"], orders: store::BOTH };
    for index in [&OTHER_NAME, &OTHER_FIELDS, &OTHER_COLLECTION] {
        assert_invalid(stage.store.query(Query::new(index, [])).await);
    }
}

pub(crate) async fn a_query_that_breaks_a_rule_is_invalid(stage: Stage) {
    let none = || Query::new(&BY_AGE, []);
    let mixed = Range { from: Included(json!(1)), to: Included(json!("1")) };
    let unordered = Range { from: Included(json!(1.5)), to: Unbounded };
    for query in [
        none().limit(0),
        none().limit(1_001),
        Query::new(&BY_AGE, [json!(1), json!(2)]),
        Query::new(&ALL, [json!(1)]),
        Query::new(&BY_AGE, [Value::Null]),
        Query::new(&BY_AGE, [json!(1.5)]),
        Query::new(&BY_AGE, [json!(u64::MAX)]),
        Query::new(&BY_AGE, [json!([1])]),
        Query { range: range(Included(1), Unbounded), ..Query::new(&BY_AGE, [json!(1)]) },
        Query { range: Some(mixed), ..none() },
        Query { range: Some(unordered), ..none() },
    ] {
        assert_invalid(stage.store.query(query).await);
    }
    assert_eq!(stage.find(none().limit(1_000)).await, [""; 0]);
}
