//! Bad input: each gets the right status and words, and nothing reaches a service.

use reqwest::Method;

use crate::world::{
    ACTIONS, Answer, CALCOM, CHAT, DEVICE, EVENTS, MEMBERSHIP, REFRESH, SESSION, STRIPE, WHOP, World,
};

#[tokio::test]
async fn bodies_that_are_not_what_the_route_takes() {
    let world = World::start().await;
    for (path, body, error) in [
        (SESSION, "", "the body is empty; send a JSON object"),
        (SESSION, "deviceId=1", "the body is not JSON: line 1, column 1"),
        (SESSION, "{\"deviceId\":", "the body is not JSON: line 1, column 12"),
        (SESSION, "[]", "the body must be a JSON object"),
        (SESSION, "\"x\"", "the body must be a JSON object"),
        (SESSION, "\u{feff}", "the body is not JSON: line 1, column 1"),
        (SESSION, r#"{"deviceId":1}"#, "deviceId must be a string"),
        (SESSION, r#"{"traits":[]}"#, "traits must be an object"),
        (SESSION, r#"{"traits":{"utm_source":{}}}"#, "traits.utm_source must be a string"),
        (SESSION, r#"{"modes":{}}"#, "modes must be an array of strings"),
        (REFRESH, "{}", "currentClientSecret is required"),
        (REFRESH, r#"{"currentClientSecret":""}"#, "currentClientSecret is required"),
        (REFRESH, r#"{"currentClientSecret":[]}"#, "currentClientSecret must be a string"),
        (REFRESH, "", "the body is empty; send a JSON object"),
    ] {
        assert_eq!(
            Answer::of(world.post(path, body)).await.problem(400, "MALFORMED"),
            error,
            "{path} {body}"
        );
    }
    let notes = world.backend.notes();
    assert!(notes.creates.is_empty() && notes.refreshes.is_empty());
}

#[tokio::test]
async fn other_media_types() {
    let world = World::start().await;
    let request = world.request(Method::POST, SESSION).header("content-type", "text/plain").body("{}");
    assert_eq!(Answer::of(request).await.problem(400, "MALFORMED"), "content-type must be application/json");
    assert_eq!(Answer::of(world.request(Method::POST, SESSION).body("{}")).await.status, 200);
}

#[tokio::test]
async fn a_megabyte() {
    let world = World::start().await;
    let large = format!(r#"{{"deviceId":"{DEVICE}","pad":"{}"}}"#, "x".repeat(1 << 20));
    for (path, limit) in [
        (SESSION, "16 KiB"),
        (REFRESH, "16 KiB"),
        (EVENTS, "256 KiB"),
        (CALCOM, "512 KiB"),
        (STRIPE, "512 KiB"),
        (WHOP, "512 KiB"),
    ] {
        let error = Answer::of(world.post(path, large.clone())).await.problem(413, "TOO_LARGE");
        assert_eq!(error, format!("the body is longer than {limit}"));
    }
    let just_over = format!(r#"{{"pad":"{}"}}"#, "x".repeat((16 << 10) - 9));
    assert_eq!(world.session(&just_over).await.problem(413, "TOO_LARGE"), "the body is longer than 16 KiB");
    assert_eq!(
        world.session(&just_over.replacen("xx", "x", 1)).await.status,
        200,
        "the limit itself is taken"
    );
}

#[tokio::test]
async fn wrong_methods() {
    let world = World::start().await;
    for (method, path, allow) in [
        (Method::GET, SESSION, "POST"),
        (Method::PUT, REFRESH, "POST"),
        (Method::GET, EVENTS, "POST"),
        (Method::GET, CHAT, "POST"),
        (Method::GET, CALCOM, "POST"),
        (Method::OPTIONS, STRIPE, "POST"),
        (Method::GET, WHOP, "POST"),
        (Method::POST, ACTIONS, "GET,HEAD"),
        (Method::GET, "/api/portal/actions/files", "POST"),
        (Method::DELETE, MEMBERSHIP, "GET,HEAD"),
        (Method::POST, "/portal", "GET,HEAD"),
        (Method::POST, "/checkout/token", "GET,HEAD"),
        (Method::POST, "/widget.js", "GET,HEAD"),
        (Method::OPTIONS, EVENTS, "POST"),
        (Method::POST, "/health", "GET,HEAD"),
        (Method::DELETE, "/docs", "GET,HEAD"),
    ] {
        let answer = Answer::of(world.request(method.clone(), path)).await;
        answer.problem(405, "METHOD_NOT_ALLOWED");
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
    }
}

#[tokio::test]
async fn unknown_paths() {
    let world = World::start().await;
    for path in [
        "/api/nothing",
        "/nothing",
        "/api/chatkit/session/",
        "/webhooks/ajd",
        "/webhooks/slack",
        "/api/portal",
        "/api/portal/memberships/mem_1",
        "/portal/",
        "/checkout",
        "/checkout/a/b",
        "/API/chatkit/session",
        "//",
    ] {
        let error = world.get(path).await.problem(404, "ROUTE_UNKNOWN");
        assert!(!error.contains("nothing/"), "{error}");
    }
    let posted = Answer::of(world.post("/api/nothing", "x".repeat(100_000))).await;
    posted.problem(404, "ROUTE_UNKNOWN");
}
