//! What a newcomer does, end to end: the README's curls, what they leave behind, and everything that is refused.

pub(crate) mod answer;
mod events;
mod failures;
mod limits;
mod modes;
mod refusals;
mod sessions;

use answer::Answer;
use reqwest::Method;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn the_public_pages_answer() {
    let world = World::start().await;
    for (path, kind, says) in [
        ("/health", "application/json", r#"{"status":"ok"}"#),
        ("/healthz", "application/json", r#"{"status":"ok"}"#),
        ("/docs", "text/html", "/webhooks/ajd/chat-events"),
        ("/sandbox/sheet", "text/html", "<!doctype html>"),
    ] {
        let answer = Answer::of(world.request(Method::GET, path)).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.header("content-type").starts_with(kind), "{path}: {answer:?}");
        assert!(answer.text.contains(says), "{path}: {}", answer.text);
    }
    let contract = Answer::of(world.request(Method::GET, "/openapi.json")).await.ok();
    for (path, method) in [
        ("/api/chatkit/session", "post"),
        ("/api/chatkit/refresh", "post"),
        ("/webhooks/ajd/chat-events", "post"),
        ("/chatkit", "post"),
        ("/health", "get"),
    ] {
        assert!(contract["paths"][path][method]["operationId"].is_string(), "{method} {path}");
    }
    world.stop().await;
}
