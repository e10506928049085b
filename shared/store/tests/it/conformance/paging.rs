//! Cursors: every document that stays is seen once.

use serde_json::json;
use store::{Order, Query, Range};

use super::{ALL, BY_AGE, BY_TOWN_AGE, Stage, assert_invalid, ids};

/// All ids, page by page.
async fn walk(stage: &Stage, query: &Query) -> Vec<Vec<String>> {
    let (mut pages, mut next) = (Vec::new(), None);
    loop {
        let page = stage.store.query(query.clone().after(next)).await.unwrap();
        pages.push(ids(&page));
        next = page.next;
        if next.is_none() {
            return pages;
        }
    }
}

pub(crate) async fn pages_visit_everything_once(stage: Stage) {
    for n in 0..25 {
        // Ages of three types, some shared, in another order than the ids.
        let age = [json!(n / 2), json!((n / 2).to_string()), json!(n % 2 == 0)][n % 3].clone();
        stage.put(&format!("p{:02}", 7 * n % 25), json!({ "town": "Rome", "age": age })).await;
    }
    for order in [Order::Ascending, Order::Descending] {
        for query in [
            Query::new(&BY_AGE, []),
            Query::new(&BY_TOWN_AGE, [json!("Rome")]),
            Query::new(&BY_TOWN_AGE, []),
            Query::new(&ALL, []),
        ] {
            let query = Query { order, ..query };
            let whole = stage.find(query.clone()).await;
            assert_eq!(whole.len(), 25);
            for limit in [1, 2, 7, 24] {
                let pages = walk(&stage, &query.clone().limit(limit)).await;
                assert!(pages.iter().all(|page| (1..=limit as usize).contains(&page.len())));
                assert_eq!(pages.concat(), whole, "{limit}");
            }
        }
    }
}

pub(crate) async fn pages_of_equal_values_go_by_id(stage: Stage) {
    for n in 0..10 {
        stage.put(&format!("p{n}"), json!({ "age": 30 })).await;
    }
    let query = Query::new(&BY_AGE, [json!(30)]).limit(4);
    let pages = walk(&stage, &query).await;
    assert_eq!(pages, [&["p0", "p1", "p2", "p3"][..], &["p4", "p5", "p6", "p7"], &["p8", "p9"]]);
    let ranged = Range { from: std::ops::Bound::Included(json!(30)), to: std::ops::Bound::Unbounded };
    let query = Query { range: Some(ranged), order: Order::Descending, ..Query::new(&BY_AGE, []) }.limit(6);
    let pages = walk(&stage, &query).await;
    assert_eq!(pages, [&["p9", "p8", "p7", "p6", "p5", "p4"][..], &["p3", "p2", "p1", "p0"]]);
}

pub(crate) async fn pages_stay_true_while_documents_come_and_go(stage: Stage) {
    for n in [10, 20, 30, 40, 50, 60] {
        stage.put(&format!("p{n}"), json!({ "age": n })).await;
    }
    let query = Query::new(&BY_AGE, []).limit(2);
    let first = stage.store.query(query.clone()).await.unwrap();
    assert_eq!(ids(&first), ["p10", "p20"]);
    // Before the cursor, at it and after it.
    stage.put("p05", json!({ "age": 5 })).await;
    stage.put("p15", json!({ "age": 15 })).await;
    stage.put("p25", json!({ "age": 25 })).await;
    for gone in ["p10", "p20", "p40"] {
        stage.remove(gone).await;
    }
    let second = stage.store.query(query.clone().after(first.next)).await.unwrap();
    assert_eq!(ids(&second), ["p25", "p30"]);
    stage.remove("p60").await;
    let third = stage.store.query(query.after(second.next)).await.unwrap();
    assert_eq!((ids(&third), third.next), (vec!["p50".to_owned()], None));
}

pub(crate) async fn a_full_last_page_has_no_next(stage: Stage) {
    for n in 0..4 {
        stage.put(&format!("p{n}"), json!({ "age": n })).await;
    }
    assert_eq!(walk(&stage, &Query::new(&BY_AGE, []).limit(2)).await.len(), 2);
    assert_eq!(walk(&stage, &Query::new(&BY_AGE, []).limit(4)).await.len(), 1);
}

pub(crate) async fn a_foreign_cursor_is_invalid(stage: Stage) {
    for n in 0..4 {
        stage.put(&format!("p{n}"), json!({ "town": "Rome", "age": n % 2 })).await;
    }
    let query = Query::new(&BY_AGE, [json!(1)]).limit(1);
    let next = stage.store.query(query.clone()).await.unwrap().next;
    assert!(next.is_some());
    let range = |from: i64| {
        let from = std::ops::Bound::Included(json!(from));
        Some(Range { from, to: std::ops::Bound::Unbounded })
    };
    for other in [
        Query::new(&BY_TOWN_AGE, [json!("Rome"), json!(1)]),
        Query::new(&ALL, []),
        Query::new(&BY_AGE, [json!(0)]),
        Query::new(&BY_AGE, []),
        Query { range: range(0), ..Query::new(&BY_AGE, []) },
        Query { order: Order::Descending, ..query.clone() },
    ] {
        assert_invalid(stage.store.query(other.after(next.clone())).await);
    }
    for nonsense in ["", "x", "e30", "bnVsbA", "\u{fffd}"] {
        assert_invalid(stage.store.query(query.clone().after(Some(nonsense.into()))).await);
    }
    // The size of the page may change.
    let rest = stage.store.query(query.limit(50).after(next)).await.unwrap();
    assert_eq!((ids(&rest), rest.next), (vec!["p3".to_owned()], None));
}
