//! Pages: never short through what is hidden, and together the whole list once.

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};

use crate::{
    checker,
    desk::{Desk, add, request},
    script::Step,
};

/// A thread whose items are hidden or not as the pattern says, after the visitor's message.
async fn thread_of(desk: &Desk, hidden: &[bool]) -> String {
    let steps = hidden.iter().map(|hidden| match hidden {
        true => Step::Hide("h".into()),
        false => Step::Widget("w".into()),
    });
    desk.script.next.lock().unwrap().push(steps.collect());
    desk.begin("x").await.0
}

/// All pages of a list.
async fn pages(desk: &Desk, kind: &str, params: Value) -> Vec<Value> {
    let mut params = params;
    let mut pages: Vec<Value> = Vec::new();
    loop {
        let page = desk.whole(request(kind, params.clone())).await;
        let more = page["has_more"] == true;
        params["after"] = page["after"].clone();
        if more {
            let last = page["data"].as_array().unwrap().last().unwrap();
            assert_eq!(last["id"], page["after"], "a page continues after its last one");
        }
        pages.push(page);
        if !more {
            return pages;
        }
    }
}

fn ids(pages: &[Value]) -> Vec<String> {
    let items = pages.iter().flat_map(|page| page["data"].as_array().unwrap());
    items.map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

async fn check(desk: &Desk, hidden: &[bool], limit: usize) {
    let thread = thread_of(desk, hidden).await;
    let shown = hidden.iter().filter(|hidden| !**hidden).count() + 1;
    for order in ["asc", "desc"] {
        let params = json!({"thread_id": thread, "order": order, "limit": limit});
        let pages = pages(desk, "items.list", params).await;
        pages.iter().for_each(|page| checker::check_page(page, checker::check_item));
        let lengths: Vec<_> = pages.iter().map(|page| page["data"].as_array().unwrap().len()).collect();
        let (last, full) = lengths.split_last().unwrap();
        assert!(full.iter().all(|length| *length == limit), "{lengths:?} of {limit}, {hidden:?}");
        assert_eq!(full.len() * limit + last, shown);
        let mut all = ids(&pages);
        if order == "desc" {
            all.reverse();
        }
        let kept = desk.kept(&thread).await;
        let kept = kept.iter().filter(|item| item["type"] != "hidden_context_item");
        let kept: Vec<_> = kept.map(|item| item["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(all, kept, "each once, in order");
    }
    let first = desk.whole(crate::desk::get(&thread)).await;
    checker::check_page(&first["items"], checker::check_item);
    assert_eq!(first["items"]["data"].as_array().unwrap().len(), shown.min(20), "the first page of a reload");
}

#[test]
fn hidden_items_never_shorten_a_page() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let desk = runtime.block_on(Desk::start());
    let patterns = (prop::collection::vec(any::<bool>(), 0..40), 1_usize..12);
    TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() })
        .run(&patterns, |(hidden, limit)| {
            runtime.block_on(check(&desk, &hidden, limit));
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn threads_are_listed_by_their_last_change() {
    let desk = Desk::start().await;
    let mut threads = Vec::new();
    for _ in 0..7 {
        threads.push(desk.begin("x").await.0);
    }
    let oldest = threads.remove(0);
    desk.events(add(&oldest, "x")).await;
    threads.push(oldest);
    let ascending = pages(&desk, "threads.list", json!({"order": "asc", "limit": 3})).await;
    assert_eq!(ids(&ascending), threads);
    threads.reverse();
    let newest = pages(&desk, "threads.list", json!({"limit": 2})).await;
    assert_eq!(ids(&newest), threads);
    newest.iter().for_each(|page| checker::check_page(page, checker::check_thread));
    let all = pages(&desk, "threads.list", json!({"limit": 0})).await;
    assert_eq!((all.len(), ids(&all)), (1, threads), "none is twenty");
}
