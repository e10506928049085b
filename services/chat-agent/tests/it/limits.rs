//! What is refused before anything is done.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chat_agent::SCHEMA;
use domain::{Kind, Reason};
use serde_json::json;
use store::{Commit, Document, Error, Key, Page, Query, Store, Write, sqlite::Sqlite};

use crate::desk::{Desk, Setup, add, create, get, refused, request, visitor};

#[tokio::test]
async fn a_visitor_may_send_so_many_messages() {
    let setup = Setup { settings: vec![("LIMIT_CHAT", "2/h")], ..Setup::default() };
    let desk = setup.start().await;
    let (id, _) = desk.begin("plain").await;
    desk.events(add(&id, "plain")).await;
    let fault = refused(desk.send(add(&id, "plain")).await, Kind::RateLimited, Reason::RateLimited);
    let quota = fault.quota.expect("the limit's state");
    assert_eq!((quota.limit, quota.remaining), (2, 0));
    assert!(fault.retry_after.unwrap() > Duration::from_secs(1_700));
    assert_eq!(desk.reload(&id).await.len(), 4, "reading is not refused with it");
    desk.send_as(visitor(2, domain::workflow::DEFAULT), create("plain")).await.unwrap().rest().await;
}

#[tokio::test]
async fn reading_and_nonsense_have_a_limit_too() {
    let setup = Setup { settings: vec![("LIMIT_CHAT", "1/h")], ..Setup::default() };
    let desk = setup.start().await;
    for _ in 0..12 {
        refused(desk.send(get("thr_none")).await, Kind::NotFound, Reason::ThreadUnknown);
    }
    refused(desk.send(get("thr_none")).await, Kind::RateLimited, Reason::RateLimited);
    refused(desk.send(json!({})).await, Kind::Invalid, Reason::Malformed);
    refused(desk.send(json!({})).await, Kind::RateLimited, Reason::RateLimited);
}

#[tokio::test]
async fn attachments_and_transcription_are_off() {
    let desk = Desk::start().await;
    for (kind, params, why) in [
        ("attachments.create", json!({"name": "a", "size": 1, "mime_type": "b"}), "attachments are off"),
        ("attachments.delete", json!({"attachment_id": "atc_1"}), "attachments are off"),
        ("input.transcribe", json!({"audio_base64": "", "mime_type": "a"}), "transcription is off"),
    ] {
        let fault = refused(desk.send(request(kind, params)).await, Kind::Invalid, Reason::InvalidValue);
        assert_eq!(fault.message, why);
    }
    let mut body = create("x");
    body["params"]["input"]["attachments"] = json!(["atc_1"]);
    let fault = refused(desk.send(body).await, Kind::Invalid, Reason::Malformed);
    assert!(fault.message.ends_with("attachments are off"));
}

#[tokio::test]
async fn a_malformed_request_is_refused_by_its_path_and_no_stream() {
    let desk = Desk::start().await;
    let mut body = create("x");
    body["params"]["input"]["content"][0]["text"] = json!(7);
    let fault = refused(desk.send(body).await, Kind::Invalid, Reason::Malformed);
    assert_eq!(fault.message, "params.input.content[0].text must be a string");
    assert_eq!(fault.field.as_deref(), Some("params.input.content[0].text"));
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused() {
    let desk = Desk::start().await;
    let fault = refused(desk.send(create(&"x".repeat(256_000))).await, Kind::Invalid, Reason::InvalidValue);
    assert_eq!(fault.message, "params.input is too large");
    let (id, _) = desk.begin("plain").await;
    let answer = desk.send(add(&id, &"x".repeat(256_000))).await;
    let fault = refused(answer, Kind::Invalid, Reason::InvalidValue);
    assert_eq!(fault.message, "params.input is too large");
    desk.events(add(&id, "tool")).await;
    let output = |result: String| {
        request("threads.add_client_tool_output", json!({"thread_id": id, "result": result}))
    };
    let answer = desk.send(output("x".repeat(256_000))).await;
    let fault = refused(answer, Kind::Invalid, Reason::InvalidValue);
    assert_eq!(fault.message, "params.result is too large");
    let events = desk.events(output("x".repeat(250_000))).await;
    assert_eq!(events.last().unwrap()["type"], "thread.item.done", "the call is still pending");
}

/// A store of several instances.
struct Shared(Sqlite);

#[async_trait]
impl Store for Shared {
    async fn get(&self, key: &Key) -> Result<Option<Document>, Error> {
        self.0.get(key).await
    }
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, Error> {
        self.0.get_many(keys).await
    }
    async fn commit(&self, writes: Vec<Write>) -> Result<Commit, Error> {
        self.0.commit(writes).await
    }
    async fn query(&self, query: Query) -> Result<Page, Error> {
        self.0.query(query).await
    }
    fn is_shared(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn instances_count_messages_together() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&dir.path().join("it.db"), SCHEMA, store::system_clock()).unwrap();
    let store: Arc<dyn Store> = Arc::new(Shared(store));
    let setup = || Setup {
        settings: vec![("LIMIT_CHAT", "5/h:3")],
        store: Some(Arc::clone(&store)),
        ..Setup::default()
    };
    let (one, other) = (setup().start().await, setup().start().await);
    let (id, _) = one.begin("plain").await;
    other.events(add(&id, "plain")).await;
    one.events(add(&id, "plain")).await;
    for desk in [&other, &one] {
        refused(desk.send(add(&id, "plain")).await, Kind::RateLimited, Reason::RateLimited);
        assert_eq!(desk.reload(&id).await.len(), 6, "reading is not refused with it");
    }
    other.send_as(visitor(2, domain::workflow::DEFAULT), create("plain")).await.unwrap().rest().await;
}
