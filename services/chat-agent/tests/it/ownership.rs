//! A thread belongs to a visitor and a workflow; to all others it does not exist.

use domain::{Kind, Reason};
use proto::common::v1::Caller;
use serde_json::{Value, json};

use crate::desk::{Desk, ada, add, create, get, refused, request, visitor};

/// Every request type that names a thread.
fn requests(thread: &str, item: &str) -> Vec<Value> {
    let of = |members: Value| {
        let mut params = json!({"thread_id": thread});
        params.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        params
    };
    vec![
        add(thread, "x"),
        request("threads.add_client_tool_output", of(json!({"result": {}}))),
        request("threads.add_structured_input", of(json!({"item_id": item, "input": {}}))),
        request("threads.retry_after_item", of(json!({"item_id": item}))),
        request("threads.custom_action", of(json!({"item_id": item, "action": {"type": "x"}}))),
        request("threads.sync_custom_action", of(json!({"item_id": item, "action": {"type": "x"}}))),
        get(thread),
        request("items.list", of(json!({}))),
        request("items.feedback", of(json!({"item_ids": [item], "kind": "positive"}))),
        request("threads.update", of(json!({"title": "mine"}))),
        request("threads.delete", of(json!({}))),
        request("threads.list", json!({"after": thread})),
    ]
}

#[tokio::test]
async fn another_visitors_or_workflows_thread_does_not_exist() {
    let desk = Desk::start().await;
    let (id, events) = desk.begin("ask").await;
    let form = events[3]["item"]["id"].as_str().unwrap();
    let before = desk.kept(&id).await;
    for stranger in [visitor(2, domain::workflow::DEFAULT), visitor(1, "client-portal")] {
        for body in requests(&id, form) {
            let answer = desk.send_as(stranger.clone(), body.clone()).await;
            let fault = refused(answer, Kind::NotFound, Reason::ThreadUnknown);
            assert!(fault.field.is_some() && !fault.message.contains(&id), "{body}: {fault:?}");
        }
        let list = desk.whole_as(stranger, request("threads.list", json!({}))).await.unwrap();
        assert_eq!(list, json!({"data": [], "has_more": false}));
    }
    assert_eq!(desk.kept(&id).await, before, "nothing has changed");
    assert_eq!(desk.script.seen.lock().unwrap().len(), 1, "nobody was asked anything");
}

#[tokio::test]
async fn ids_that_cannot_be_ids_do_not_exist_either() {
    let desk = Desk::start().await;
    for id in ["", "thr_/..", "thr none", &"x".repeat(300), "thr_é"] {
        for body in requests(id, "msg_1") {
            refused(desk.send(body).await, Kind::NotFound, Reason::ThreadUnknown);
        }
    }
}

#[tokio::test]
async fn an_item_of_another_thread_and_a_hidden_item_do_not_exist() {
    let desk = Desk::start().await;
    let (own, _) = desk.begin("plain").await;
    let (_, events) = desk.begin("ask").await;
    let foreign = events[3]["item"]["id"].as_str().unwrap().to_owned();
    let (hiding, _) = desk.begin("hidden").await;
    let hidden = desk.kept(&hiding).await[1]["id"].as_str().unwrap().to_owned();
    for (thread, item) in [(&own, &foreign), (&own, &"msg_none".to_owned()), (&hiding, &hidden)] {
        for (kind, params) in [
            ("threads.add_structured_input", json!({"item_id": item, "input": {}})),
            ("threads.retry_after_item", json!({"item_id": item})),
            ("threads.custom_action", json!({"item_id": item, "action": {"type": "x"}})),
            ("threads.sync_custom_action", json!({"item_id": item, "action": {"type": "x"}})),
            ("items.feedback", json!({"item_ids": [item], "kind": "negative"})),
        ] {
            let mut params = params;
            params["thread_id"] = json!(thread);
            refused(desk.send(request(kind, params)).await, Kind::NotFound, Reason::ItemUnknown);
        }
        if item != &hidden {
            let list = request("items.list", json!({"thread_id": thread, "after": item}));
            refused(desk.send(list).await, Kind::NotFound, Reason::ItemUnknown);
        }
    }
}

#[tokio::test]
async fn who_asks_must_be_known() {
    let desk = Desk::start().await;
    let nobody = Caller { visitor_id: String::new(), ..ada() };
    refused(desk.send_as(nobody, create("x")).await, Kind::Unauthenticated, Reason::CallerMissing);
    let odd = Caller { visitor_id: "user_1".into(), ..ada() };
    refused(desk.send_as(odd, create("x")).await, Kind::Invalid, Reason::InvalidValue);
    for workflow in ["", "nobody-knows-it"] {
        let lost = visitor(1, workflow);
        refused(desk.send_as(lost, create("x")).await, Kind::NotFound, Reason::WorkflowUnknown);
    }
}
