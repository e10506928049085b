//! Messages that are none: each gets the right status and words, and nothing reaches a tool.

use reqwest::Method;
use serde_json::json;

use super::{TOKEN, ask, call};
use crate::world::{Answer, World};

const PATH: &str = "/mcp/lead-concierge";

#[tokio::test]
async fn bodies_that_are_no_message() {
    let world = World::start().await;
    let batch = json!([ask(1, "ping", json!({})), call(2, "book_meeting", json!({}))]).to_string();
    for (body, error) in [
        ("", "the body is empty; send a JSON object"),
        ("{", "the body is not JSON: line 1, column 1"),
        ("[]", "batches are not taken; send one message"),
        (batch.as_str(), "batches are not taken; send one message"),
        ("{}", "jsonrpc must be \"2.0\""),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, "id must be a string or an integer"),
        (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, "method must be a string"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#, "params must be an object"),
    ] {
        let answer = Answer::of(world.post(PATH, body).bearer_auth(TOKEN)).await;
        assert_eq!(answer.problem(400, "MALFORMED"), error, "{body}");
    }
    let text =
        world.request(Method::POST, PATH).bearer_auth(TOKEN).header("content-type", "text/plain").body("{}");
    assert_eq!(Answer::of(text).await.problem(400, "MALFORMED"), "content-type must be application/json");
    assert!(world.callers().is_empty());
}

#[tokio::test]
async fn calls_that_name_nothing() {
    let world = World::start().await;
    for params in [
        json!({}),
        json!({"name": 1}),
        json!({"name": "t", "arguments": []}),
        json!({"name": "t", "arguments": null}),
    ] {
        let answer = world.said(&ask(5, "tools/call", params.clone())).await;
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(5), &json!(-32602)), "{params}");
    }
    assert!(world.callers().is_empty());
}

#[tokio::test]
async fn a_body_has_a_limit() {
    let world = World::start().await;
    let message = |pad: usize| call(1, "t", json!({"pad": "x".repeat(pad)}));
    let rest = message(0).to_string().len();
    let limit = 256 << 10;
    assert_eq!(Answer::of(world.say(&message(limit - rest))).await.status, 200, "the limit itself is taken");
    let over = Answer::of(world.say(&message(limit - rest + 1))).await;
    assert_eq!(over.problem(413, "TOO_LARGE"), "the body is longer than 256 KiB");
    assert_eq!(world.calls().len(), 1);
}

#[tokio::test]
async fn other_methods_and_paths() {
    let world = World::start().await;
    for method in [Method::GET, Method::DELETE, Method::PUT] {
        let answer = Answer::of(world.request(method, PATH).bearer_auth(TOKEN)).await;
        answer.problem(405, "METHOD_NOT_ALLOWED");
        assert_eq!(answer.header("allow"), "POST");
    }
    for path in ["/mcp", "/mcp/", "/mcp/lead-concierge/", "/mcp/lead-concierge/x"] {
        let request = world.post(path, super::list().to_string()).bearer_auth(TOKEN);
        Answer::of(request).await.problem(404, "ROUTE_UNKNOWN");
    }
    let unknown = world.post("/mcp/%ff", "{}").bearer_auth(TOKEN);
    Answer::of(unknown).await.problem(404, "ROUTE_UNKNOWN");
}
