//! Exchanges of the reference server, played again: the same events in the same order with the same members.
//!
//! Expectations are whole documents, in which ids are labels by their order of appearance and times are left out.

use std::collections::HashMap;

use domain::{Kind, Reason};
use serde_json::{Value, json};

use crate::desk::{Desk, add, create, get, refused, request};

/// Replaces ids by labels, the same id by the same label, and times by nothing that could differ.
#[derive(Default)]
struct Labels(HashMap<String, String>, HashMap<String, usize>);

impl Labels {
    fn apply(&mut self, value: &mut Value) {
        match value {
            Value::Array(values) => values.iter_mut().for_each(|value| self.apply(value)),
            Value::Object(members) => {
                for (name, value) in members.iter_mut() {
                    match (name.as_str(), &value) {
                        ("created_at", Value::String(time)) => {
                            assert!(time.parse::<jiff::Timestamp>().is_ok());
                            *value = json!("T");
                        }
                        ("id" | "thread_id" | "item_id", Value::String(id)) if id.contains('_') => {
                            *value = json!(self.label(id));
                        }
                        _ => self.apply(value),
                    }
                }
            }
            _ => {}
        }
    }

    fn label(&mut self, id: &str) -> String {
        if let Some(label) = self.0.get(id) {
            return label.clone();
        }
        let prefix = id.split('_').next().unwrap();
        let count = self.1.entry(prefix.to_owned()).or_default();
        *count += 1;
        let label = format!("{prefix}{count}");
        self.0.insert(id.to_owned(), label.clone());
        label
    }

    fn of(&mut self, value: impl Into<Value>) -> Value {
        let mut value = value.into();
        self.apply(&mut value);
        value
    }
}

fn thread(title: Option<&str>, items: Vec<Value>) -> Value {
    let mut thread = json!({
        "id": "thr1", "created_at": "T", "status": {"type": "active"}, "metadata": {},
        "items": {"data": items, "has_more": false},
    });
    if let Some(title) = title {
        thread["title"] = json!(title);
    }
    thread
}

fn item(id: &str, kind: &str, mut members: Value) -> Value {
    let head = json!({"id": id, "thread_id": "thr1", "created_at": "T", "type": kind});
    members.as_object_mut().unwrap().extend(head.as_object().unwrap().clone());
    members
}

fn user(id: &str, text: &str) -> Value {
    let content = json!([{"type": "input_text", "text": text}]);
    let members = json!({"content": content, "attachments": [], "quoted_text": "", "inference_options": {}});
    item(id, "user_message", members)
}

fn part(text: &str, annotations: Value) -> Value {
    json!({"annotations": annotations, "text": text, "type": "output_text"})
}

fn hello(id: &str) -> Value {
    let source = json!({"title": "Docs", "type": "url", "url": "https://example.com"});
    let annotations = json!([{"type": "annotation", "source": source, "index": 5}]);
    item(id, "assistant_message", json!({"content": [part("Hello", annotations)]}))
}

fn plain(id: &str) -> Value {
    item(id, "assistant_message", json!({"content": [part("Hello", json!([]))]}))
}

fn tool(status: &str) -> Value {
    let members = json!({
        "status": status, "call_id": "call_1", "name": "get_page_context",
        "arguments": {"fields": ["url", "utm"]},
    });
    item("tc1", "client_tool_call", members)
}

fn form(status: &str, answers: Option<[Value; 2]>) -> Value {
    let mut inputs = json!([
        {"id": "q1", "question": "Which plan?", "type": "multiple_choice",
         "options": [{"value": "Basic"}, {"value": "Pro"}], "multiple": false},
        {"id": "q2", "question": "Your email?", "type": "freeform", "description": "For the booking"},
    ]);
    for (place, answer) in answers.into_iter().flatten().enumerate() {
        inputs[place]["answer"] = answer;
    }
    item("si1", "structured_input", json!({"status": status, "inputs": inputs}))
}

fn card(id: &str) -> Value {
    let action = json!({
        "type": "booking.open", "payload": {"slot": "2026-11-23T10:00:00Z"}, "handler": "server",
        "loadingBehavior": "auto", "streaming": true,
    });
    let button = json!({"type": "Button", "label": "Book", "onClickAction": action});
    let text = json!({"type": "Text", "value": "Book a call"});
    item(id, "widget", json!({"widget": {"type": "Card", "children": [text, button]}}))
}

fn done(item: Value) -> Value {
    json!({"type": "thread.item.done", "item": item})
}

fn options() -> Value {
    json!({"type": "stream_options", "stream_options": {"allow_cancel": true}})
}

fn updated(id: &str, kind: &str, members: Value) -> Value {
    let mut update = json!({"type": format!("assistant_message.content_part.{kind}"), "content_index": 0});
    update.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    json!({"type": "thread.item.updated", "item_id": id, "update": update})
}

/// The events of one answer from `thread.item.added` on, up to where the part is done.
fn text(id: &str) -> Vec<Value> {
    vec![
        json!({"type": "thread.item.added", "item": item(id, "assistant_message", json!({"content": []}))}),
        updated(id, "added", json!({"content": part("", json!([]))})),
        updated(id, "text_delta", json!({"delta": "Hel"})),
        updated(id, "text_delta", json!({"delta": "lo"})),
        updated(id, "done", json!({"content": part("Hello", json!([]))})),
    ]
}

fn greeting(id: &str) -> Vec<Value> {
    let progress = json!({"type": "progress_update", "icon": "search", "text": "Looking that up..."});
    let notice = json!({"type": "notice", "level": "info", "message": "Demo *notice*", "title": "Heads up"});
    [vec![progress], text(id), vec![done(hello(id)), notice]].concat()
}

fn saying(id: &str) -> Vec<Value> {
    [text(id), vec![done(plain(id))]].concat()
}

/// The whole recorded conversation, in its order.
#[tokio::test]
async fn the_recorded_conversation() {
    let desk = Desk::start().await;
    let mut labels = Labels::default();

    let (id, events) = desk.begin("hi").await;
    let created = json!({"type": "thread.created", "thread": thread(None, vec![])});
    let titled = json!({"type": "thread.updated", "thread": thread(Some("Greeting"), vec![])});
    let expected =
        [vec![created, done(user("msg1", "hi")), options()], greeting("msg2"), vec![titled]].concat();
    assert_eq!(labels.of(events), json!(expected), "threads.create");

    let events = desk.events(add(&id, "again")).await;
    let expected = [vec![done(user("msg3", "again")), options()], greeting("msg4")].concat();
    assert_eq!(labels.of(events), json!(expected), "threads.add_user_message");

    let events = desk.events(add(&id, "tool")).await;
    let expected = [done(user("msg5", "tool")), options(), done(tool("pending"))];
    assert_eq!(labels.of(events), json!(expected), "a tool of the browser");

    let output = json!({"thread_id": id, "result": {"url": "https://x"}});
    let events = desk.events(request("threads.add_client_tool_output", output)).await;
    let expected = [vec![options()], saying("msg6")].concat();
    assert_eq!(labels.of(events), json!(expected), "threads.add_client_tool_output");

    let events = desk.events(add(&id, "ask")).await;
    let form_id = events[2]["item"]["id"].as_str().unwrap().to_owned();
    let expected = [done(user("msg7", "ask")), options(), done(form("pending", None))];
    assert_eq!(labels.of(events), json!(expected), "a form");

    let answers = json!({"q1": {"values": ["Pro"]}, "q2": {"values": ["a@b.co"]}});
    let params =
        json!({"thread_id": id, "item_id": form_id, "input": {"status": "answered", "answers": answers}});
    let events = desk.events(request("threads.add_structured_input", params)).await;
    let answers =
        [json!({"values": ["Pro"], "skipped": false}), json!({"values": ["a@b.co"], "skipped": false})];
    let answered = form("answered", Some(answers));
    let replaced = json!({"type": "thread.item.replaced", "item": answered});
    let expected = [vec![options(), replaced], saying("msg8")].concat();
    assert_eq!(labels.of(events), json!(expected), "threads.add_structured_input");

    let events = desk.events(add(&id, "widget")).await;
    let widget = events[2]["item"]["id"].as_str().unwrap().to_owned();
    let expected = [done(user("msg9", "widget")), options(), done(card("msg10"))];
    assert_eq!(labels.of(events), json!(expected), "a widget");

    let action = json!({"type": "booking.open", "payload": {"slot": "s"}});
    let params = json!({"thread_id": id, "item_id": widget, "action": action});
    let events = desk.events(request("threads.custom_action", params)).await;
    let effect =
        json!({"type": "client_effect", "name": "open_checkout", "data": {"url": "https://example.com/pay"}});
    assert_eq!(labels.of(events), json!([options(), effect]), "threads.custom_action");

    let events = desk.events(add(&id, "boom")).await;
    let error = json!({"type": "error", "code": "stream.error", "allow_retry": true});
    let expected = [done(user("msg11", "boom")), options(), error];
    assert_eq!(labels.of(events), json!(expected), "an error of ours");

    let events = desk.events(add(&id, "custom")).await;
    let error =
        json!({"type": "error", "code": "custom", "message": "Too many messages.", "allow_retry": false});
    let expected = [done(user("msg12", "custom")), options(), error];
    assert_eq!(labels.of(events), json!(expected), "an error with a message");

    let list = desk.whole(request("threads.list", json!({"limit": 9, "order": "desc"}))).await;
    let expected = json!({"data": [thread(Some("Greeting"), vec![])], "has_more": false});
    assert_eq!(labels.of(list), expected, "threads.list");

    let whole = desk.whole(get(&id)).await;
    let mut called = tool("completed");
    called["output"] = json!({"url": "https://x"});
    let items = vec![
        user("msg1", "hi"),
        hello("msg2"),
        user("msg3", "again"),
        hello("msg4"),
        user("msg5", "tool"),
        called,
        plain("msg6"),
        user("msg7", "ask"),
        answered,
        plain("msg8"),
        user("msg9", "widget"),
        card("msg10"),
        user("msg11", "boom"),
        user("msg12", "custom"),
    ];
    let first = whole["items"]["data"][0]["id"].clone();
    assert_eq!(labels.of(whole), thread(Some("Greeting"), items), "threads.get_by_id");

    let params = json!({"thread_id": id, "item_ids": [first], "kind": "positive"});
    assert_eq!(desk.whole(request("items.feedback", params)).await, json!({}), "items.feedback");

    let renamed = desk.whole(request("threads.update", json!({"thread_id": id, "title": "New title"}))).await;
    assert_eq!(labels.of(renamed), thread(Some("New title"), vec![]), "threads.update");

    assert_eq!(desk.whole(request("threads.delete", json!({"thread_id": id}))).await, json!({}));
}

#[tokio::test]
async fn an_unknown_thread_is_no_stream() {
    let desk = Desk::start().await;
    refused(desk.send(add("thr_none", "x")).await, Kind::NotFound, Reason::ThreadUnknown);
    refused(desk.send(get("thr_none")).await, Kind::NotFound, Reason::ThreadUnknown);
}

#[tokio::test]
async fn items_are_listed_newest_first_and_continue_after_an_item() {
    let desk = Desk::start().await;
    let (id, _) = desk.begin("x").await;
    desk.events(add(&id, "y")).await;
    let mut labels = Labels::default();
    labels.of(json!(desk.reload(&id).await));
    let first = desk.whole(request("items.list", json!({"thread_id": id, "limit": 3}))).await;
    let after = first["after"].clone();
    let expected = json!({
        "data": [plain("msg4"), user("msg3", "y"), plain("msg2")], "has_more": true,
        "after": after,
    });
    let mut first = labels.of(first);
    assert_eq!(labels.label(after.as_str().unwrap()), "msg2");
    first["after"] = after.clone();
    assert_eq!(first, expected);
    let rest = request("items.list", json!({"thread_id": id, "limit": 3, "after": after}));
    let rest = desk.whole(rest).await;
    assert_eq!(labels.of(rest), json!({"data": [user("msg1", "x")], "has_more": false}));
}

#[tokio::test]
async fn a_retry_answers_the_message_once_more() {
    let desk = Desk::start().await;
    let (id, events) = desk.begin("half").await;
    assert_eq!(events.last().unwrap()["code"], "stream.error");
    desk.events(add(&id, "later")).await;
    let first = desk.reload(&id).await[0]["id"].clone();
    let retry = json!({"thread_id": id, "item_id": first});
    let events = desk.events(request("threads.retry_after_item", retry)).await;
    let mut labels = Labels::default();
    let thread = json!(desk.reload(&id).await);
    assert_eq!(labels.of(thread), json!([user("msg1", "half"), plain("msg2")]), "what followed is gone");
    assert_eq!(labels.of(events), json!([vec![options()], saying("msg2")].concat()));
    assert_eq!(desk.kept(&id).await.len(), 2, "hidden notes of what is gone are gone");
}

#[tokio::test]
async fn quoted_text_and_choices_that_are_absent_stay_absent() {
    let desk = Desk::start().await;
    let mut body = create("x");
    let input = body["params"]["input"].as_object_mut().unwrap();
    input.remove("quoted_text");
    input.insert("inference_options".into(), json!({"tool_choice": null, "model": "m"}));
    let tag = json!({"type": "input_tag", "id": "t", "text": "@t", "data": {}, "group": null});
    input["content"].as_array_mut().unwrap().push(tag);
    let events = desk.events(body).await;
    let item = &events[1]["item"];
    assert!(item.get("quoted_text").is_none());
    assert_eq!(item["inference_options"], json!({"model": "m"}));
    let tag = json!({"type": "input_tag", "id": "t", "text": "@t", "data": {}, "interactive": false});
    assert_eq!(item["content"][1], tag);
}
