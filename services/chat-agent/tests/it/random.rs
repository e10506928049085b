//! Long conversations drawn by lot: whatever is asked and played, every event and every answer is one of the
//! protocol's, and a reload shows what was told to be kept.

use std::collections::HashMap;

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};

use crate::{
    checker,
    desk::{Desk, Events, add, create, get, request},
    script::Step,
};

/// One request of a conversation; numbers choose among the items there are.
#[derive(Clone, Debug)]
enum Ask {
    Message(String, Vec<Step>),
    Stop(String, Vec<Step>, usize),
    Output(Vec<Step>),
    Answer(usize, bool, Vec<Step>),
    Retry(usize, Vec<Step>),
    Press(usize, Vec<Step>),
    PressNow(usize, Vec<Step>),
    Judge(usize),
    Rename(String),
    Reload,
    List,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let text = || "\\PC{0,12}";
    let step = prop_oneof![
        4 => prop::collection::vec(text(), 0..5).prop_map(Step::Say),
        1 => text().prop_map(Step::SayHalf),
        1 => text().prop_map(Step::Progress),
        1 => text().prop_map(Step::Notice),
        1 => text().prop_map(Step::Effect),
        2 => text().prop_map(Step::Widget),
        2 => Just(Step::Form),
        1 => text().prop_map(Step::Hide),
        1 => text().prop_map(Step::Title),
        1 => text().prop_map(Step::Call),
        1 => Just(Step::Fail),
        1 => text().prop_map(Step::Refuse),
    ];
    prop::collection::vec(step, 0..6)
}

fn ask() -> impl Strategy<Value = Ask> {
    let text = || "\\PC{1,12}";
    prop_oneof![
        5 => (text(), steps()).prop_map(|(text, steps)| Ask::Message(text, steps)),
        2 => (text(), steps(), 0..9_usize).prop_map(|(text, steps, heard)| Ask::Stop(text, steps, heard)),
        2 => steps().prop_map(Ask::Output),
        2 => (any::<usize>(), any::<bool>(), steps())
            .prop_map(|(item, skip, steps)| Ask::Answer(item, skip, steps)),
        1 => (any::<usize>(), steps()).prop_map(|(item, steps)| Ask::Retry(item, steps)),
        1 => (any::<usize>(), steps()).prop_map(|(item, steps)| Ask::Press(item, steps)),
        1 => (any::<usize>(), steps()).prop_map(|(item, steps)| Ask::PressNow(item, steps)),
        1 => any::<usize>().prop_map(Ask::Judge),
        1 => text().prop_map(Ask::Rename),
        1 => Just(Ask::Reload),
        1 => Just(Ask::List),
    ]
}

/// A conversation and what it has been told.
struct Talk<'d> {
    desk: &'d Desk,
    thread: String,
    /// Items that were told to be kept, by id.
    told: HashMap<String, Value>,
    events: usize,
}

impl Talk<'_> {
    async fn ask(&mut self, ask: Ask) {
        let thread = json!({"thread_id": self.thread});
        match ask {
            Ask::Message(text, steps) => self.turn(add(&self.thread, &format!("m{text}")), steps, None).await,
            Ask::Stop(text, steps, heard) => {
                self.turn(add(&self.thread, &format!("m{text}")), steps, Some(heard)).await;
            }
            Ask::Output(steps) => {
                let body = with("threads.add_client_tool_output", &thread, json!({"result": {"a": [1]}}));
                self.turn(body, steps, None).await;
            }
            Ask::Answer(item, skip, steps) => {
                let status = if skip { "skipped" } else { "answered" };
                let input = json!({"status": status, "answers": {"q1": {"values": ["Pro"]}}});
                let item = self.choose("structured_input", item);
                let body =
                    with("threads.add_structured_input", &thread, json!({"item_id": item, "input": input}));
                self.turn(body, steps, None).await;
            }
            Ask::Retry(item, steps) => {
                let item = self.choose("user_message", item);
                let body = with("threads.retry_after_item", &thread, json!({"item_id": item}));
                self.turn(body, steps, None).await;
                // what followed it was told and is gone
                self.told.clear();
            }
            Ask::Press(item, steps) => {
                let members = json!({"item_id": self.choose("widget", item), "action": {"type": "x"}});
                self.turn(with("threads.custom_action", &thread, members), steps, None).await;
            }
            Ask::PressNow(item, steps) => {
                let members = json!({"item_id": self.choose("widget", item), "action": {"type": "x"}});
                self.turn(with("threads.sync_custom_action", &thread, members), steps, None).await;
            }
            Ask::Judge(item) => {
                let members =
                    json!({"item_ids": [self.choose("assistant_message", item)], "kind": "positive"});
                // an item that a retry removed is not there any more
                let _ = self.desk.send(with("items.feedback", &thread, members)).await;
            }
            Ask::Rename(title) => {
                let thread = self.desk.whole(with("threads.update", &thread, json!({"title": title}))).await;
                checker::check_thread(&thread);
            }
            Ask::Reload => checker::check_thread(&self.desk.whole(get(&self.thread)).await),
            Ask::List => {
                let list = self.desk.whole(request("threads.list", json!({"limit": 3}))).await;
                checker::check_page(&list, checker::check_thread);
            }
        }
    }

    /// A turn that plays these steps, heard to its end or not; it may be refused.
    async fn turn(&mut self, body: Value, steps: Vec<Step>, heard: Option<usize>) {
        self.desk.script.next.lock().unwrap().push(steps);
        let now = body["type"] == "threads.sync_custom_action";
        match self.desk.send(body).await {
            Ok(_) if now => {}
            Ok(stream) => self.hear(stream, heard).await,
            Err(_) => {}
        }
        self.desk.settled(&self.thread).await;
        self.desk.script.next.lock().unwrap().clear();
    }

    async fn hear(&mut self, mut stream: Events, heard: Option<usize>) {
        let mut count = 0;
        while heard.is_none_or(|heard| count < heard)
            && let Some(event) = stream.next().await
        {
            count += 1;
            match event["type"].as_str() {
                Some("thread.item.done" | "thread.item.replaced") => {
                    let item = event["item"].clone();
                    self.told.insert(item["id"].as_str().unwrap().to_owned(), item);
                }
                Some("error") => assert!(stream.next().await.is_none(), "an error is the last event"),
                _ => {}
            }
        }
        self.events += count;
    }

    fn choose(&self, kind: &str, number: usize) -> String {
        let mut ids: Vec<_> =
            self.told.iter().filter(|(_, item)| item["type"] == kind).map(|(id, _)| id).collect();
        ids.sort();
        ids.get(number % ids.len().max(1)).map_or_else(|| "msg_none".to_owned(), |id| (*id).clone())
    }
}

fn with(kind: &str, thread: &Value, members: Value) -> Value {
    let mut params = thread.clone();
    params.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    request(kind, params)
}

async fn converse(desk: &Desk, asks: Vec<Ask>) {
    desk.script.next.lock().unwrap().push(Vec::new());
    let events = desk.send(create("begin")).await.unwrap().rest().await;
    let thread = events[0]["thread"]["id"].as_str().unwrap().to_owned();
    let mut talk = Talk { desk, thread, told: HashMap::new(), events: events.len() };
    let length = asks.len();
    for ask in asks {
        talk.ask(ask).await;
    }
    assert!(talk.events > length / 4, "something was told: {} events of {length} asks", talk.events);
    let kept = desk.kept(&talk.thread).await;
    let mut seen = std::collections::HashSet::new();
    for item in &kept {
        assert!(seen.insert(item["id"].clone()), "each once");
        if item["type"] != "hidden_context_item" {
            checker::check_item(item);
        }
    }
    for (id, item) in &talk.told {
        let kept = kept.iter().find(|kept| kept["id"] == **id);
        match kept {
            // a call gets its output without a word
            Some(kept) if kept["type"] == "client_tool_call" => assert_eq!(kept["call_id"], item["call_id"]),
            Some(kept) => assert_eq!(kept, item, "what was told is what is kept"),
            None => assert_eq!(item["type"], "client_tool_call", "only a call may be withdrawn"),
        }
    }
}

#[test]
fn every_event_of_a_long_conversation_is_one_of_the_protocol() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let desk = runtime.block_on(Desk::start());
    TestRunner::new(Config { cases: 16, failure_persistence: None, ..Config::default() })
        .run(&prop::collection::vec(ask(), 30..60), |asks| {
            runtime.block_on(converse(&desk, asks));
            Ok(())
        })
        .unwrap();
}
