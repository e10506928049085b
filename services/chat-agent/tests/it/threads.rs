//! Requests about threads and items, and what their answers leave behind.

use domain::{Kind, Reason};
use serde_json::{Value, json};

use crate::{
    checker,
    desk::{Desk, add, get, refused, request},
    script::text_of,
};

#[tokio::test]
async fn feedback_is_kept_with_its_item_and_goes_with_it() {
    let desk = Desk::start().await;
    let (id, _) = desk.begin("plain").await;
    let item = desk.reload(&id).await[1]["id"].as_str().unwrap().to_owned();
    for kind in ["positive", "negative"] {
        let params = json!({"thread_id": id, "item_ids": [item, item], "kind": kind});
        assert_eq!(desk.whole(request("items.feedback", params)).await, json!({}));
    }
    let key = format!("{id} {item}");
    let feedback = desk.document("feedback", &key).await.unwrap();
    assert_eq!(
        (&feedback["kind"], &feedback["item_id"]),
        (&json!("negative"), &json!(item)),
        "the last word"
    );
    desk.whole(request("threads.delete", json!({"thread_id": id}))).await;
    assert_eq!(desk.document("feedback", &key).await, None);
}

#[tokio::test]
async fn a_deleted_thread_is_gone_with_all_its_items() {
    let desk = Desk::start().await;
    let (id, _) = desk.begin("hidden").await;
    let (other, _) = desk.begin("plain").await;
    // more than one commit removes
    let say = vec![crate::script::Step::Hide("x".into()); 450];
    desk.script.next.lock().unwrap().push(say);
    desk.events(add(&id, "many")).await;
    assert!(desk.kept(&id).await.len() > 450);
    let delete = || request("threads.delete", json!({"thread_id": id}));
    assert_eq!(desk.whole(delete()).await, json!({}));
    assert_eq!(desk.kept(&id).await, Vec::<Value>::new());
    assert_eq!(desk.record(&id).await, None);
    refused(desk.send(delete()).await, Kind::NotFound, Reason::ThreadUnknown);
    refused(desk.send(get(&id)).await, Kind::NotFound, Reason::ThreadUnknown);
    assert_eq!(desk.reload(&other).await.len(), 2);
}

#[tokio::test]
async fn a_thread_that_is_deleted_in_the_middle_of_a_turn_stays_deleted() {
    let desk = Desk::start().await;
    let mut stream = desk.send(crate::desk::create("steps")).await.unwrap();
    let id = stream.next().await.unwrap()["thread"]["id"].as_str().unwrap().to_owned();
    desk.script.steps.add_permits(1);
    stream.take(3).await;
    desk.whole(request("threads.delete", json!({"thread_id": id}))).await;
    desk.script.steps.add_permits(8);
    let events = stream.rest().await;
    assert!(events.is_empty(), "nothing is shown of it: {events:?}");
    crate::desk::until(async || desk.script.ended.load(std::sync::atomic::Ordering::SeqCst) == 1).await;
    assert_eq!(desk.script.finished.load(std::sync::atomic::Ordering::SeqCst), 1);
    assert_eq!((desk.record(&id).await, desk.kept(&id).await), (None, vec![]));
}

#[tokio::test]
async fn a_title_is_given_once_and_changed_at_will() {
    let desk = Desk::start().await;
    let (id, events) = desk.begin("hi").await;
    assert_eq!(events.last().unwrap()["thread"]["title"], "Greeting");
    let events = desk.events(add(&id, "hi")).await;
    assert!(events.iter().all(|event| event["type"] != "thread.updated"), "only a new thread gets one");
    desk.whole(request("threads.update", json!({"thread_id": id, "title": "Mine"}))).await;
    assert_eq!(desk.whole(get(&id)).await["title"], "Mine");
    let long = json!({"thread_id": id, "title": "x".repeat(201)});
    refused(desk.send(request("threads.update", long)).await, Kind::Invalid, Reason::Malformed);

    let title = crate::script::Step::Title("The responder's own".into());
    desk.script.next.lock().unwrap().push(vec![title]);
    let (id, events) = desk.begin("hi").await;
    let updates = events.iter().filter(|event| event["type"] == "thread.updated").count();
    assert_eq!((updates, &desk.whole(get(&id)).await["title"]), (1, &json!("The responder's own")));
}

#[tokio::test]
async fn a_new_thread_is_titled_even_if_its_first_turn_fails() {
    let desk = Desk::start().await;
    desk.script.next.lock().unwrap().push(vec![crate::script::Step::Fail]);
    let (id, events) = desk.begin("hi").await;
    let kinds: Vec<_> = events[3..].iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["thread.updated", "error"], "an error is the last word");
    assert_eq!(desk.whole(get(&id)).await["title"], "Greeting");
}

#[tokio::test]
async fn facts_that_the_server_keeps_are_not_shown() {
    let desk = Desk::start().await;
    let (id, events) = desk.begin("facts").await;
    events.iter().for_each(checker::check_event);
    checker::check_thread(&desk.whole(get(&id)).await);
    assert_eq!(desk.record(&id).await.unwrap()["metadata"], json!({"plan": "pro"}));
    desk.script.next.lock().unwrap().push(vec![]);
    desk.events(add(&id, "x")).await;
}

#[tokio::test]
async fn a_pressed_button_may_change_its_widget_at_once() {
    let desk = Desk::start().await;
    let (id, events) = desk.begin("widget").await;
    let widget = events[3]["item"]["id"].clone();
    let press = |kind: &str, item: &Value| {
        let params = json!({"thread_id": id, "item_id": item, "action": {"type": kind}});
        request("threads.sync_custom_action", params)
    };
    let answer = desk.whole(press("booking.confirm", &widget)).await;
    checker::check_item(&answer["updated_item"]);
    assert_eq!((&answer["updated_item"]["id"], text_of(&answer["updated_item"])), (&widget, "Booked".into()));
    let items = desk.reload(&id).await;
    assert_eq!(text_of(&items[1]), "Booked");
    assert_eq!(items.len(), 2, "in its old place");
    assert_eq!(desk.whole(press("booking.open", &widget)).await, json!({}), "nothing to update");
    refused(desk.send(press("boom", &widget)).await, Kind::Unavailable, Reason::ServiceUnavailable);
    let fault = refused(desk.send(press("custom", &widget)).await, Kind::Precondition, Reason::StateWrong);
    assert_eq!(fault.message, "Too many messages.");
    refused(desk.send(press("x", &items[0]["id"])).await, Kind::Invalid, Reason::InvalidValue);
}

#[tokio::test]
async fn a_pressed_button_may_stream() {
    let desk = Desk::start().await;
    let (id, events) = desk.begin("widget").await;
    let params = json!({
        "thread_id": id, "item_id": events[3]["item"]["id"], "action": {"type": "booking.confirm"},
    });
    let events = desk.events(request("threads.custom_action", params)).await;
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["stream_options", "thread.item.replaced"]);
    let (input, _) = desk.script.last_seen();
    let chat_agent::Input::Action { payload, .. } = input else { panic!("{input:?}") };
    assert_eq!(payload, json!({}), "no payload is an empty one");
}

#[tokio::test]
async fn a_form_may_be_skipped_and_is_answered_once() {
    let desk = Desk::start().await;
    let (id, events) = desk.begin("ask").await;
    let form = &events[3]["item"]["id"];
    let answer = |input: Value| {
        let params = json!({"thread_id": id, "item_id": form, "input": input});
        request("threads.add_structured_input", params)
    };
    let answers = json!({"q1": {"values": ["Pro"]}, "unknown": {"values": ["x"]}});
    let events = desk.events(answer(json!({"status": "skipped", "answers": answers}))).await;
    let item = &events[1]["item"];
    assert_eq!(item["status"], "skipped");
    for question in item["inputs"].as_array().unwrap() {
        assert_eq!(question["answer"], json!({"values": [], "skipped": true}));
    }
    refused(desk.send(answer(json!({}))).await, Kind::Conflict, Reason::StateWrong);
    let message = json!({"thread_id": id, "item_id": desk.reload(&id).await[0]["id"], "input": {}});
    let answer = desk.send(request("threads.add_structured_input", message)).await;
    refused(answer, Kind::Invalid, Reason::InvalidValue);
}

#[tokio::test]
async fn one_choice_is_one_choice() {
    let desk = Desk::start().await;
    let (id, events) = desk.begin("ask").await;
    let answers = json!({"q1": {"values": ["Pro", "Basic"]}, "q2": {"values": [], "skipped": false}});
    let params = json!({"thread_id": id, "item_id": events[3]["item"]["id"], "input": {"answers": answers}});
    let events = desk.events(request("threads.add_structured_input", params)).await;
    let inputs = &events[1]["item"]["inputs"];
    assert_eq!(inputs[0]["answer"], json!({"values": ["Pro"], "skipped": false}));
    assert_eq!(inputs[1]["answer"], json!({"values": [], "skipped": true}));
}

#[tokio::test]
async fn output_belongs_to_a_pending_call() {
    let desk = Desk::start().await;
    let (id, _) = desk.begin("tool").await;
    let output =
        |result: Value| request("threads.add_client_tool_output", json!({"thread_id": id, "result": result}));
    desk.events(output(Value::Null)).await;
    let call = &desk.reload(&id).await[1];
    assert_eq!(call["status"], "completed");
    assert!(call.get("output").is_none(), "nulls are omitted");
    refused(desk.send(output(json!({}))).await, Kind::Conflict, Reason::StateWrong);

    desk.events(add(&id, "tool")).await;
    desk.events(add(&id, "never mind")).await;
    let items = desk.reload(&id).await;
    let calls = items.iter().filter(|item| item["type"] == "client_tool_call").count();
    assert_eq!(calls, 1, "a new message withdraws the call");
    refused(desk.send(output(json!({}))).await, Kind::Conflict, Reason::StateWrong);
}

#[tokio::test]
async fn only_a_message_of_the_visitor_is_retried() {
    let desk = Desk::start().await;
    let (id, _) = desk.begin("plain").await;
    let answer = desk.reload(&id).await[1]["id"].clone();
    let retry = request("threads.retry_after_item", json!({"thread_id": id, "item_id": answer}));
    refused(desk.send(retry).await, Kind::Invalid, Reason::InvalidValue);
    assert_eq!(desk.reload(&id).await.len(), 2);
}
