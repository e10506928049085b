//! What failures of the services become.

use std::time::Duration;

use chassis::status::status;
use domain::{Fault, Kind, Reason, fault::Quota};
use tonic::Status;

use crate::world::{Answer, CALCOM, EVENTS, PANIC, SESSION, STRIPE, World};

#[tokio::test]
async fn every_kind_has_its_status() {
    let world = World::start().await;
    for (kind, reason, code) in [
        (Kind::Invalid, Reason::InvalidValue, 400),
        (Kind::Unauthenticated, Reason::CallerMissing, 401),
        (Kind::Forbidden, Reason::WorkflowNotAllowed, 403),
        (Kind::NotFound, Reason::WorkflowUnknown, 404),
        (Kind::AlreadyExists, Reason::InvalidValue, 409),
        (Kind::Conflict, Reason::Contended, 409),
        (Kind::Precondition, Reason::WorkflowNotHosted, 400),
        (Kind::RateLimited, Reason::RateLimited, 429),
        (Kind::Deadline, Reason::DeadlineExceeded, 504),
        (Kind::Unavailable, Reason::ProviderUnavailable, 503),
    ] {
        world.backend.notes().sessions.push_back(Err(status(&Fault::new(kind, reason, "words for people"))));
        assert_eq!(world.session("{}").await.problem(code, reason.as_str()), "words for people");
    }
    assert_eq!(world.backend.notes().creates.len(), 10, "nothing that a service refused is repeated");
}

#[tokio::test]
async fn an_internal_fault_tells_nothing() {
    let world = World::start().await;
    let refused = Fault {
        field: Some("canary".into()),
        ..Fault::new(Kind::Internal, Reason::ProviderRefused, "canary")
    };
    let scripted = [
        status(&refused),
        Status::internal("canary"),
        Status::unknown("canary"),
        Status::data_loss("canary"),
    ];
    world.backend.notes().sessions.extend(scripted.map(Err));
    for _ in 0..4 {
        let answer = world.session("{}").await;
        assert_eq!(answer.problem(500, "INTERNAL"), "internal error");
        assert!(!answer.text.contains("canary"), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_limit_says_when_to_come_back() {
    let world = World::start().await;
    let quota = Quota { limit: 20, remaining: 0, reset: Duration::from_millis(2_100) };
    let limited = Fault::new(Kind::RateLimited, Reason::RateLimited, "too many sessions");
    let limited = Fault { quota: Some(quota), ..limited.retry_after(Duration::from_millis(1_200)) };
    world.backend.notes().sessions.push_back(Err(status(&limited)));
    let answer = world.session("{}").await;
    assert_eq!(answer.problem(429, "RATE_LIMITED"), "too many sessions");
    assert_eq!(answer.header("retry-after"), "2");
    assert_eq!(answer.header("ratelimit-limit"), "20");
    assert_eq!(answer.header("ratelimit-remaining"), "0");
    assert_eq!(answer.header("ratelimit-reset"), "3");
}

#[tokio::test]
async fn a_service_that_is_down_is_unavailable() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let world = World::with(&[
        ("SESSION_BROKER_ADDR", &nobody),
        ("SHEETS_WRITER_ADDR", &nobody),
        ("CHAT_AGENT_ADDR", &nobody),
        ("BOOKING_PAYMENTS_ADDR", &nobody),
    ])
    .await;
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    for request in [
        world.post(SESSION, "{}"),
        world.post(EVENTS, "{}"),
        world.talk("{}"),
        world.post(CALCOM, "{}"),
        world.post(STRIPE, "{}"),
        world.post("/mcp/lead-concierge", list).bearer_auth(crate::mcp::TOKEN),
    ] {
        let error = Answer::of(request).await.problem(503, "SERVICE_UNAVAILABLE");
        assert!(!error.contains("127.0.0.1"), "{error}");
    }
    let page = world.get("/checkout/token").await;
    assert_eq!((page.status, page.header("content-type").as_str()), (503, "text/html; charset=utf-8"));
    assert!(page.text.contains("do not pay again") && !page.text.contains("127.0.0.1"), "{}", page.text);
    assert_eq!(world.get("/health").await.status, 200);
}

#[tokio::test]
async fn a_service_that_restarts_is_asked_once_more() {
    let world = World::start().await;
    world.backend.notes().sessions.push_back(Err(Status::unavailable("restarting")));
    assert_eq!(world.session("{}").await.status, 200);
    let notes = world.backend.notes();
    assert_eq!(notes.creates.len(), 2);
    assert_eq!(notes.creates[0], notes.creates[1], "the same call, the same request id");
}

#[tokio::test]
async fn a_panic_is_a_problem() {
    let world = World::start().await;
    let answer = world.get(PANIC).await;
    assert_eq!(answer.problem(500, "INTERNAL"), "internal error");
    assert!(!answer.text.contains("canary"));
    assert_eq!(world.session("{}").await.status, 200, "the gateway lives on");
}
