//! A visitor's side of a chat: requests of the ChatKit server protocol and their answers, read to the byte.
//!
//! The invariant: a stream is frames of exactly `data: {json}` and an empty line, or the test fails.

use std::fmt;

use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    story::answer::{Answer, SESSION},
    world::{PATIENCE, World},
};

const CHAT: &str = "/chatkit";

/// A visitor with a client secret.
#[derive(Clone)]
pub(crate) struct Talk {
    http: Client,
    base: String,
    pub(crate) secret: String,
    pub(crate) visitor_token: String,
}

/// A stream of events.
pub(crate) struct Events {
    response: Response,
    unread: Vec<u8>,
}

impl World {
    /// A session of a visitor who was never here.
    pub(crate) async fn talk(&self) -> Talk {
        let base = format!("http://{}", self.system.gateway);
        Talk::begin(&base, &json!({"modes": ["self_hosted"], "traits": {"utm_source": "yt"}})).await
    }
}

// === impl Talk ===

impl Talk {
    /// Asks for a session.
    pub(crate) async fn begin(base: &str, ask: &Value) -> Self {
        let http = chassis::http::client();
        let session = Answer::of(http.post(format!("{base}{SESSION}")).json(ask)).await.ok();
        assert_eq!(session["mode"], "self_hosted", "{session}");
        let text = |name: &str| session[name].as_str().unwrap().to_owned();
        let (secret, visitor_token) = (text("client_secret"), text("visitor_token"));
        Self { http, base: base.to_owned(), secret, visitor_token }
    }

    /// The same visitor at a system that has moved.
    pub(crate) fn at(&self, world: &World) -> Self {
        self.moved_to(&format!("http://{}", world.system.gateway))
    }

    /// The same visitor at another gateway.
    pub(crate) fn moved_to(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// The same browser with another secret.
    pub(crate) fn with(&self, secret: &str) -> Self {
        Self { secret: secret.to_owned(), ..self.clone() }
    }

    pub(crate) fn request(&self, body: &Value) -> RequestBuilder {
        self.http
            .post(format!("{}{CHAT}", self.base))
            .bearer_auth(&self.secret)
            .header("content-type", "application/json")
            .body(body.to_string())
    }

    /// Whatever is answered, to its end.
    pub(crate) async fn answer(&self, body: &Value) -> Answer {
        Answer::of(self.request(body)).await
    }

    /// The answer to a request that does not stream.
    pub(crate) async fn whole(&self, body: &Value) -> Value {
        let answer = self.answer(body).await;
        assert_eq!(answer.header("content-type"), "application/json", "{answer:?}");
        answer.ok()
    }

    /// The answer to a request that streams, as it begins.
    pub(crate) async fn stream(&self, body: &Value) -> Events {
        Events::of(self.request(body)).await
    }

    /// All events of a request that streams.
    pub(crate) async fn events(&self, body: &Value) -> Vec<Value> {
        self.stream(body).await.rest().await
    }

    /// Begins a thread; its id and all events.
    pub(crate) async fn create(&self, text: &str) -> (String, Vec<Value>) {
        let events = self.events(&create(text)).await;
        (thread_of(&events[0]), events)
    }

    /// Says more in a thread; waits for an answer that was left and is not over yet.
    pub(crate) async fn say(&self, thread: &str, text: &str) -> Vec<Value> {
        loop {
            let events = self.events(&add(thread, text)).await;
            if !matches!(&events[..], [only] if only["message"] == "still answering") {
                return events;
            }
        }
    }

    /// What a reload shows of a thread; both ways of asking for it agree, and all of it fits on a page.
    pub(crate) async fn reload(&self, thread: &str) -> Vec<Value> {
        let whole = self.whole(&request("threads.get_by_id", json!({"thread_id": thread}))).await;
        let items = self.items(thread).await;
        assert_eq!(whole["id"], thread);
        assert_eq!(whole["items"], json!({"data": items, "has_more": false}));
        items
    }

    /// The items of a thread as they are listed.
    pub(crate) async fn items(&self, thread: &str) -> Vec<Value> {
        let params = json!({"thread_id": thread, "limit": 100, "order": "asc"});
        let page = self.whole(&request("items.list", params)).await;
        assert_eq!(page["has_more"], false, "{page}");
        page["data"].as_array().unwrap().clone()
    }
}

impl fmt::Debug for Talk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Talk")
    }
}

// === impl Events ===

impl Events {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response = timeout(PATIENCE, request.send()).await.expect("an answer in time").unwrap();
        let header = |name: &str| response.headers().get(name).map_or("", |value| value.to_str().unwrap());
        let (status, kind) = (response.status().as_u16(), header("content-type").to_owned());
        let kept_moving = (header("cache-control"), header("x-accel-buffering")) == ("no-store", "no");
        if (status, kind.as_str()) != (200, "text/event-stream") {
            panic!("no stream: {status} {kind}: {}", response.text().await.unwrap());
        }
        assert!(kept_moving, "nothing may keep or collect a stream: {response:?}");
        Self { response, unread: Vec::new() }
    }

    /// The next event; `None` when the stream has ended as it should.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|bytes| bytes == b"\n\n") {
                let frame: Vec<u8> = self.unread.drain(..end + 2).collect();
                let frame = std::str::from_utf8(&frame[..end]).unwrap();
                let json = frame.strip_prefix("data: ").unwrap_or_else(|| panic!("no frame: {frame:?}"));
                assert!(!json.contains('\n'), "a frame is one line: {frame:?}");
                return Some(serde_json::from_str(json).unwrap_or_else(|_| panic!("{json}")));
            }
            match timeout(PATIENCE, self.response.chunk()).await.expect("more in time").unwrap() {
                Some(chunk) => self.unread.extend_from_slice(&chunk),
                None => {
                    assert!(
                        self.unread.is_empty(),
                        "half a frame: {:?}",
                        String::from_utf8_lossy(&self.unread)
                    );
                    return None;
                }
            }
        }
    }

    pub(crate) async fn rest(mut self) -> Vec<Value> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }

    /// Reads on until an event is it; all that were read.
    pub(crate) async fn until(&mut self, is: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            let event = self.next().await.unwrap_or_else(|| panic!("the stream ended after {events:?}"));
            events.push(event);
            if events.last().is_some_and(&is) {
                return events;
            }
        }
    }
}

// === what is asked ===

pub(crate) fn request(kind: &str, params: Value) -> Value {
    json!({"type": kind, "params": params})
}

fn input(text: &str) -> Value {
    json!({"content": [{"type": "input_text", "text": text}], "attachments": [], "inference_options": {}})
}

pub(crate) fn create(text: &str) -> Value {
    let mut request = request("threads.create", json!({"input": input(text)}));
    request["metadata"] = json!({"utm_source": "yt"});
    request
}

pub(crate) fn add(thread: &str, text: &str) -> Value {
    request("threads.add_user_message", json!({"thread_id": thread, "input": input(text)}))
}

pub(crate) fn retry(thread: &str, item: &str) -> Value {
    request("threads.retry_after_item", json!({"thread_id": thread, "item_id": item}))
}

/// Fills in a form that was shown.
pub(crate) fn fill(form: &Value, answers: &[&str]) -> Value {
    let questions = form["inputs"].as_array().unwrap();
    assert_eq!(questions.len(), answers.len(), "{form}");
    let answers: serde_json::Map<_, _> = questions
        .iter()
        .zip(answers)
        .map(|(question, answer)| {
            (question["id"].as_str().unwrap().to_owned(), json!({"values": [answer], "skipped": false}))
        })
        .collect();
    let input = json!({"status": "answered", "answers": answers});
    request(
        "threads.add_structured_input",
        json!({"thread_id": form["thread_id"], "item_id": form["id"], "input": input}),
    )
}

// === what is answered ===

/// The thread that an event is about.
pub(crate) fn thread_of(event: &Value) -> String {
    assert_eq!(event["type"], "thread.created", "{event}");
    event["thread"]["id"].as_str().unwrap().to_owned()
}

/// The kinds of items, in order.
pub(crate) fn kinds(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["type"].as_str().unwrap()).collect()
}

/// The items that the events tell to be done, in order.
pub(crate) fn done(events: &[Value]) -> Vec<Value> {
    events
        .iter()
        .filter(|event| event["type"] == "thread.item.done")
        .map(|event| event["item"].clone())
        .collect()
}

/// The text of a message.
pub(crate) fn text(item: &Value) -> String {
    let parts = item["content"].as_array().unwrap_or_else(|| panic!("no message: {item}"));
    parts.iter().map(|part| part["text"].as_str().unwrap()).collect()
}

/// All that the assistant says in these items.
pub(crate) fn said(items: &[Value]) -> String {
    let messages = items.iter().filter(|item| item["type"] == "assistant_message");
    messages.map(text).collect::<Vec<_>>().join("\n")
}

/// The text that was heard in pieces.
pub(crate) fn heard(events: &[Value]) -> String {
    events.iter().filter_map(|event| event["update"]["delta"].as_str()).collect()
}

pub(crate) fn is_delta(event: &Value) -> bool {
    event["update"]["delta"].is_string()
}

/// Whether an event is a failure after which the visitor may try again.
pub(crate) fn may_retry(event: &Value) -> bool {
    event["type"] == "error" && event["allow_retry"] == true
}
