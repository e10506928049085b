//! The chat: what goes in, what comes out, and when.

use std::{collections::HashMap, time::Duration};

use chassis::status::status;
use domain::{
    Fault, Kind, Reason,
    token::{Claims, Keys, Purpose},
};
use jiff::{SignedDuration, Timestamp};
use tonic::Status;

use crate::{
    backend::{event, result},
    world::{Answer, CHAT, World},
};

const BROKEN: &str = "data: {\"type\":\"error\",\"code\":\"stream.error\",\"allow_retry\":true}\n\n";
const LIMIT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn what_does_not_stream_is_json() {
    let world = World::start().await;
    world.backend.says([result(r#"{"data":[],"has_more":false}"#)]);
    let body = r#"{"type":"threads.list","params":{"limit":9}}"#;
    let call = world.talk(body).header("accept-language", "de-DE").header("origin", "http://localhost:3000");
    let answer = Answer::of(call.header("x-request-id", "my-Id_1")).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, r#"{"data":[],"has_more":false}"#));
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("access-control-allow-origin"), "http://localhost:3000");

    let notes = world.backend.notes();
    let [talk] = notes.talks.as_slice() else { panic!("one call, not {:?}", notes.talks) };
    assert_eq!(talk.body, body.as_bytes(), "the body goes on as it is");
    assert_eq!((talk.locale.as_str(), talk.request_id.as_str()), ("de-DE", "my-Id_1"));
    let caller = talk.caller.as_ref().unwrap();
    assert_eq!(
        (caller.visitor_id.as_str(), caller.workflow.as_str(), caller.session_id.as_str()),
        ("vis_1", "lead-concierge", "ses_1")
    );
    assert_eq!((caller.site.as_str(), caller.ip_key.len()), ("localhost", 32));
    assert_eq!(caller.verified_whop_user_id, "");
}

#[tokio::test]
async fn what_streams_is_framed_exactly() {
    let world = World::start().await;
    let events = [r#"{"type":"thread.created"}"#, r#"{"type":"progress_update","text":"é \" \\n"}"#];
    world.backend.says(events.map(event));
    let answer = Answer::of(world.talk(r#"{"type":"threads.create","params":{}}"#)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text, format!("data: {}\n\ndata: {}\n\n", events[0], events[1]));
    assert_eq!(answer.header("content-type"), "text/event-stream");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-accel-buffering"), "no");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn an_event_goes_out_before_the_next_is_there() {
    let world = World::start().await;
    let chat = world.backend.chat();
    let first = r#"{"n":0}"#;
    chat.send(event(first)).await.unwrap();
    let mut response = tokio::time::timeout(LIMIT, world.talk("{}").send()).await.unwrap().unwrap();
    let mut seen = Vec::new();
    for (expected, next) in
        [(first, Some(r#"{"n":1}"#)), (r#"{"n":1}"#, Some(r#"{"n":2}"#)), (r#"{"n":2}"#, None)]
    {
        let chunk =
            tokio::time::timeout(LIMIT, response.chunk()).await.expect("it is not held back").unwrap();
        let text = String::from_utf8(chunk.expect("the stream goes on").to_vec()).unwrap();
        assert_eq!(text, format!("data: {expected}\n\n"));
        seen.push(text);
        if let Some(next) = next {
            chat.send(event(next)).await.unwrap();
        }
    }
    drop(chat);
    assert!(response.chunk().await.unwrap().is_none());
    assert_eq!(seen.len(), 3);
}

#[tokio::test]
async fn a_fault_before_the_first_frame_is_a_problem() {
    let world = World::start().await;
    for (kind, reason, code) in [
        (Kind::NotFound, Reason::SessionUnknown, 404),
        (Kind::Invalid, Reason::Malformed, 400),
        (Kind::RateLimited, Reason::RateLimited, 429),
        (Kind::Unavailable, Reason::StoreUnavailable, 503),
    ] {
        let refused = || {
            let fault = Fault::new(kind, reason, "words for people");
            status(&fault.retry_after(Duration::from_secs(7)))
        };
        world.backend.notes().chats.push_back(Err(refused()));
        let answer = Answer::of(world.talk("{}")).await;
        assert_eq!(answer.problem(code, reason.as_str()), "words for people");
        assert_eq!(answer.header("retry-after"), "7");
        world.backend.says([Err(refused())]);
        assert_eq!(Answer::of(world.talk("{}")).await.problem(code, reason.as_str()), "words for people");
    }
    assert_eq!(world.backend.notes().talks.len(), 8, "nothing is said twice");
}

#[tokio::test]
async fn no_frame_at_all_is_our_fault() {
    let world = World::start().await;
    world.backend.says([]);
    assert_eq!(Answer::of(world.talk("{}")).await.problem(500, "INTERNAL"), "internal error");
}

#[tokio::test]
async fn a_failure_after_the_first_event_is_an_event() {
    let world = World::start().await;
    for failure in [Err(Status::unavailable("canary")), Err(Status::internal("canary")), result("{}")] {
        world.backend.says([event(r#"{"n":1}"#), failure]);
        let answer = Answer::of(world.talk("{}")).await;
        assert_eq!((answer.status, answer.text), (200, format!("data: {{\"n\":1}}\n\n{BROKEN}")));
    }
}

#[tokio::test]
async fn whoever_hangs_up_is_not_waited_for() {
    let world = World::start().await;
    let chat = world.backend.chat();
    chat.send(event("{}")).await.unwrap();
    let mut response = world.talk("{}").send().await.unwrap();
    assert!(response.chunk().await.unwrap().is_some());
    assert!(!chat.is_closed());
    drop(response);
    tokio::time::timeout(LIMIT, chat.closed()).await.expect("the call inward is dropped");
}

#[tokio::test]
async fn only_a_client_secret_opens_the_chat() {
    let world = World::start().await;
    let now = Timestamp::now();
    let claims = || Claims {
        subject: "vis_victim".into(),
        workflow: Some("lead-concierge".into()),
        session_id: Some("ses_1".into()),
        ..Claims::default()
    };
    let ended = now - SignedDuration::from_secs(601);
    let foreign: Keys = Keys::generate().parse().unwrap();
    let tokens = HashMap::from([
        ("of another purpose", world.keys.seal_claims(Purpose::Visitor, claims(), now)),
        ("of the tools", world.keys.seal_claims(Purpose::ToolSession, claims(), now)),
        ("ended", world.keys.seal_claims(Purpose::ClientSecret, claims(), ended)),
        ("of somebody else", foreign.seal_claims(Purpose::ClientSecret, claims(), now)),
        ("without a workflow", world.keys.seal(Purpose::ClientSecret, "vis_victim", now)),
        ("made up", "fd1.c.k1.e30.AAAA".to_owned()),
        ("empty", String::new()),
    ]);
    for (name, token) in tokens {
        let answer = Answer::of(world.post(CHAT, "{}").bearer_auth(token)).await;
        let error = answer.problem(401, "CALLER_MISSING");
        assert!(error.contains("Bearer") && !error.contains("vis_victim"), "{name}: {error}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    Answer::of(world.post(CHAT, "{}")).await.problem(401, "CALLER_MISSING");
    Answer::of(world.post(CHAT, "{}").header("x-frontdesk-visitor", world.secret()))
        .await
        .problem(401, "CALLER_MISSING");
    assert!(world.backend.notes().talks.is_empty());
}

#[tokio::test]
async fn bodies_that_are_not_what_the_chat_takes() {
    let world = World::start().await;
    let pad = |size: usize| format!(r#"{{"pad":"{}"}}"#, "x".repeat(size - 10));
    assert_eq!(Answer::of(world.talk(pad(256 << 10))).await.status, 200, "the limit itself is taken");
    let over = Answer::of(world.talk(pad((256 << 10) + 1))).await;
    assert_eq!(over.problem(413, "TOO_LARGE"), "the body is longer than 256 KiB");
    let empty = Answer::of(world.talk(" ")).await;
    assert_eq!(empty.problem(400, "MALFORMED"), "the body is empty; send a JSON object");
    let text = world.request(reqwest::Method::POST, CHAT).bearer_auth(world.secret());
    let text = Answer::of(text.header("content-type", "text/plain").body("{}")).await;
    assert_eq!(text.problem(400, "MALFORMED"), "content-type must be application/json");
    assert_eq!(world.backend.notes().talks.len(), 1);
}

#[tokio::test]
async fn a_chat_has_a_quarter_of_an_hour() {
    let world = World::start().await;
    assert_eq!(Answer::of(world.talk("{}")).await.status, 200);
    assert_eq!(world.session("{}").await.status, 200);
    let seconds = |timeout: &str| {
        let (number, unit) = timeout.split_at(timeout.len() - 1);
        let number: f64 = number.parse().unwrap();
        match unit {
            "H" => number * 3_600.0,
            "M" => number * 60.0,
            "S" => number,
            "m" => number / 1e3,
            "u" => number / 1e6,
            _ => number / 1e9,
        }
    };
    let notes = world.backend.notes();
    let told: Vec<_> =
        notes.metadata.iter().map(|[_, timeout]| seconds(timeout.as_deref().unwrap())).collect();
    assert!(told[0] > 880.0 && told[0] <= 900.0, "{told:?}");
    assert!(told[1] <= 10.0, "{told:?}");
}
