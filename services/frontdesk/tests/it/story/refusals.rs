//! Bad input: each gets the right status and words, and nothing of it is written anywhere.

use reqwest::{Method, RequestBuilder};
use sandbox::Provider;
use serde_json::{Value, json};

use super::answer::{Answer, DEVICE, EVENTS, REFRESH, SESSION};
use crate::world::{World, booked, turn};

/// Nothing reached OpenAI, the store or the spreadsheet.
async fn nothing_is_written(world: &World) {
    assert_eq!(world.stored_counts().await, [0; 7]);
    for tab in world.sandbox().tabs() {
        assert!(world.lines(&tab).is_empty(), "{tab}");
    }
    assert!(!world.sandbox().requests().iter().any(|asked| asked.provider == Provider::OpenAi));
}

async fn error(request: RequestBuilder, status: u16, reason: &str) -> String {
    Answer::of(request).await.problem(status, reason)
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_cannot_be_read() {
    let world = World::start().await;
    for (path, body, says) in [
        (SESSION, "", "the body is empty; send a JSON object"),
        (SESSION, "deviceId=5f0c6f1e", "the body is not JSON: line 1, column 1"),
        (SESSION, "[]", "the body must be a JSON object"),
        (SESSION, r#"{"deviceId":42}"#, "deviceId must be a string"),
        (SESSION, r#"{"traits":"utm_source"}"#, "traits must be an object"),
        (SESSION, r#"{"traits":{"utm_source":7}}"#, "traits.utm_source must be a string"),
        (SESSION, r#"{"modes":"hosted"}"#, "modes must be an array of strings"),
        (REFRESH, "", "the body is empty; send a JSON object"),
        (REFRESH, "{}", "currentClientSecret is required"),
        (REFRESH, r#"{"currentClientSecret":7}"#, "currentClientSecret must be a string"),
    ] {
        assert_eq!(error(world.send(path, body), 400, "MALFORMED").await, says, "{path} {body}");
    }
    for weak in ["anon", "1", "00000000-0000-0000-0000-000000000000", "5f0c6f1e-8a57-1c0b-9a55-3c0b6f2f9e11"]
    {
        let answer = world.session(&json!({"deviceId": weak})).await;
        assert!(answer.problem(400, "INVALID_VALUE").starts_with("deviceId "), "{answer:?}");
        assert_eq!(answer.json()["field"], "deviceId");
    }
    nothing_is_written(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_cannot_be_read() {
    let world = World::start().await;
    for (body, reason, says) in [
        ("", "MALFORMED", "the body is empty"),
        (" \r\n", "MALFORMED", "the body is empty"),
        ("type=chat.turn", "MALFORMED", "the body is not JSON (line 1, column "),
        ("{\"type\":\n}", "MALFORMED", "the body is not JSON (line 2, column 1)"),
        ("7", "MALFORMED", "the event must be a JSON object"),
        ("[]", "MALFORMED", "the array holds no event"),
        (r#"{"typ":"chat.turn"}"#, "INVALID_VALUE", "type is required"),
        (r#"{"type":""}"#, "INVALID_VALUE", "type is required"),
        (r#"{"type":3}"#, "INVALID_VALUE", "type must be a string"),
        (r#"{"type":"t","occurred_at":"yesterday"}"#, "INVALID_VALUE", "occurred_at must be an RFC 3339"),
        (r#"{"type":"t","occurred_at":1761668400}"#, "INVALID_VALUE", "occurred_at must be a string"),
        (
            r#"{"type":"t","occurred_at":"2025-10-28T16:20:00"}"#,
            "INVALID_VALUE",
            "occurred_at must be an RFC",
        ),
        (r#"{"type":"chat.turn","message":["hi"]}"#, "INVALID_VALUE", "message must be a string"),
        (r#"{"type":"chat.turn","score":"high"}"#, "INVALID_VALUE", "score must be a number"),
        (r#"{"type":"chat.turn","score":0.9,"traits":[]}"#, "INVALID_VALUE", "traits must be an object"),
        (r#"{"type":"calendar.booked","contact_id":"c_1"}"#, "INVALID_VALUE", "event_start is required"),
        (r#"{"type":"calendar.booked","contact_id":"c 1","uid":"u"}"#, "INVALID_VALUE", "contact_id "),
    ] {
        let told = error(world.send(EVENTS, body), 400, reason).await;
        assert!(told.starts_with(says), "{body}: {told}");
    }
    nothing_is_written(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_array_is_all_or_nothing_and_the_error_names_the_index() {
    let world = World::start().await;
    for (bad, place) in [
        (json!({"type": "chat.turn", "occurred_at": "tomorrow"}), "events[2].occurred_at"),
        (json!({"type": "chat.turn", "score": true}), "events[2].score"),
        (json!({"type": "calendar.booked", "contact_id": "c_1"}), "events[2].event_start"),
        (json!({"message": "no type"}), "events[2].type"),
        (Value::Null, "events[2]"),
    ] {
        let body = json!([turn(), booked(), bad, {"type": "chat.turn"}]).to_string();
        let answer = Answer::of(world.send(EVENTS, body)).await;
        let reason = if place.ends_with(']') { "MALFORMED" } else { "INVALID_VALUE" };
        assert!(answer.problem(400, reason).starts_with(&format!("{place} ")), "{place}: {answer:?}");
        assert_eq!(answer.json()["field"], place);
    }
    nothing_is_written(&world).await;
    let answer = world.deliver(&json!([turn(), booked()])).await;
    assert_eq!(answer["accepted"], 2, "the good ones of a refused array are not known");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_megabyte_is_too_large() {
    let world = World::start().await;
    let padding = "x".repeat(1 << 20);
    let session = json!({"deviceId": DEVICE, "padding": padding}).to_string();
    for path in [SESSION, REFRESH] {
        let says = error(world.send(path, session.clone()), 413, "TOO_LARGE").await;
        assert_eq!(says, "the body is longer than 16 KiB");
    }
    let event = json!({"type": "chat.turn", "message": padding}).to_string();
    let says = error(world.send(EVENTS, event), 413, "TOO_LARGE").await;
    assert_eq!(says, "the body is longer than 256 KiB");
    nothing_is_written(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_methods_and_unknown_paths() {
    let world = World::start().await;
    for (method, path, allow) in [
        (Method::GET, SESSION, "POST"),
        (Method::PUT, REFRESH, "POST"),
        (Method::DELETE, EVENTS, "POST"),
        (Method::POST, "/health", "GET,HEAD"),
    ] {
        let answer = Answer::of(world.request(method.clone(), path)).await;
        answer.problem(405, "METHOD_NOT_ALLOWED");
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
    }
    for path in ["/api/chatkit/sessions", "/webhooks/ajd", "/nothing", "/sandbox/nothing"] {
        error(world.send(path, turn().to_string()), 404, "ROUTE_UNKNOWN").await;
    }
    nothing_is_written(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_origins_are_forbidden() {
    let world = World::start().await;
    let evil = "https://evil.example";
    let body = json!({"deviceId": DEVICE}).to_string();
    for path in [SESSION, REFRESH] {
        let request = world.send(path, body.clone()).header("origin", evil);
        let says = error(request, 403, "ORIGIN_NOT_ALLOWED").await;
        assert!(says.contains("ALLOWED_ORIGINS"), "{says}");
    }
    let event = world.send(EVENTS, turn().to_string()).header("origin", evil);
    error(event, 403, "LOOPBACK_ONLY").await;
    nothing_is_written(&world).await;
    let own = Answer::of(world.send(SESSION, body).header("origin", "http://localhost:3000")).await;
    own.ok();
    assert_eq!(own.header("access-control-allow-origin"), "http://localhost:3000");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_secret_events_come_from_this_machine_only() {
    let world = World::start().await;
    for header in ["x-forwarded-for", "forwarded"] {
        let request = world.send(EVENTS, turn().to_string()).header(header, "for=192.0.2.1");
        let says = error(request, 403, "LOOPBACK_ONLY").await;
        assert!(says.contains("EVENTS_WEBHOOK_SECRET"), "{says}");
    }
    nothing_is_written(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_secret_every_delivery_shows_it() {
    let world = World::with(&[("EVENTS_WEBHOOK_SECRET", "newest-secret,older-secret")]).await;
    let delivery = |secret: &str| world.send(EVENTS, turn().to_string()).header("x-frontdesk-secret", secret);
    let missing = error(world.send(EVENTS, turn().to_string()), 401, "SECRET_WRONG").await;
    assert_eq!(missing, "X-Frontdesk-Secret is missing");
    for wrong in ["wrong", "newest", "newest-secret,older-secret", "NEWEST-SECRET"] {
        assert_eq!(error(delivery(wrong), 401, "SECRET_WRONG").await, "X-Frontdesk-Secret is wrong");
    }
    let unread = world.send(EVENTS, "not json").header("x-frontdesk-secret", "wrong");
    error(unread, 401, "SECRET_WRONG").await;
    nothing_is_written(&world).await;
    assert_eq!(Answer::of(delivery("newest-secret")).await.json()["accepted"], 1);
    assert_eq!(Answer::of(delivery("older-secret")).await.json()["duplicates"], 1);
}
