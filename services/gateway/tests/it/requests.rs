//! Request ids, deadlines and the headers of every answer.

use reqwest::Method;

use crate::world::{Answer, CHAT, EVENTS, PANIC, SESSION, World};

#[tokio::test]
async fn a_request_id_goes_in_and_out() {
    let world = World::start().await;
    let answer = Answer::of(world.post(SESSION, "{}").header("x-request-id", "my-Id_1")).await;
    assert_eq!(answer.header("x-request-id"), "my-Id_1");
    let notes = world.backend.notes();
    assert_eq!(notes.creates[0].request_id, "my-Id_1");
    assert_eq!(notes.metadata[0][0].as_deref(), Some("my-Id_1"));
}

#[tokio::test]
async fn a_harmful_request_id_is_replaced() {
    let world = World::start().await;
    for bad in ["a b", "a\"b", "{}", &"x".repeat(65)] {
        let answer = Answer::of(world.post(SESSION, "{}").header("x-request-id", bad)).await;
        let id = answer.header("x-request-id");
        assert!(id.starts_with("req_"), "{id}");
        assert_eq!(world.backend.notes().creates.last().unwrap().request_id, id);
    }
}

#[tokio::test]
async fn the_deadline_is_passed_on() {
    let world = World::start().await;
    assert_eq!(world.session("{}").await.status, 200);
    let timeout = world.backend.notes().metadata[0][1].clone().unwrap();
    let (number, unit) = timeout.split_at(timeout.len() - 1);
    let micros = match unit {
        "S" => 1_000_000,
        "m" => 1_000,
        "u" => 1,
        "n" => 0,
        other => panic!("unit {other}"),
    };
    let left: u64 = number.parse().unwrap();
    assert!(left * micros <= 10_000_000, "{timeout}");
}

#[tokio::test]
async fn every_answer_has_its_headers() {
    let world = World::start().await;
    let preflight = world
        .request(Method::OPTIONS, SESSION)
        .header("origin", "http://localhost:1")
        .header("access-control-request-method", "POST");
    let calls = [
        world.request(Method::GET, "/widget.js"),
        world.request(Method::GET, "/docs"),
        world.request(Method::GET, "/health"),
        world.request(Method::GET, "/checkout/token"),
        world.request(Method::GET, "/portal"),
        world.request(Method::GET, "/api/portal/actions"),
        world.request(Method::GET, "/nothing"),
        world.request(Method::GET, SESSION),
        world.request(Method::GET, PANIC),
        world.post(SESSION, "{}"),
        world.post(SESSION, "x".repeat(1 << 20)),
        world.post(EVENTS, "{}"),
        world.post(CHAT, "{}"),
        world.talk("{}"),
        world.post(SESSION, "{}").header("origin", "https://evil.example"),
        preflight,
    ];
    for call in calls {
        let answer = Answer::of(call).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{answer:?}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert!(answer.header("x-request-id").starts_with("req_"));
        assert_eq!(answer.header("vary"), "Origin");
    }
}

#[tokio::test]
async fn health_answers_in_the_cloud_and_at_home() {
    let world = World::start().await;
    for path in ["/health", "/healthz"] {
        assert_eq!(world.get(path).await.text, r#"{"status":"ok"}"#);
    }
    let cloud = World::with(&[
        ("K_SERVICE", "gateway"),
        ("ALLOWED_ORIGINS", "https://www.example.com"),
        ("MCP_TOKENS", ""),
    ])
    .await;
    assert_eq!(cloud.get("/health").await.status, 200);
    cloud.get("/healthz").await.problem(404, "ROUTE_UNKNOWN");
}
