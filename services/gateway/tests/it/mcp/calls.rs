//! A tool is called.

use std::{collections::BTreeSet, time::Duration};

use chassis::status::status;
use domain::{Fault, Kind, Reason, fault::Quota};
use proto::chat::v1::CallToolResponse;
use serde_json::{Value, json};
use tonic::Status;

use super::{call, upstream::done};
use crate::world::{Answer, World};

#[tokio::test]
async fn what_a_tool_answers_is_structured_and_text() {
    let world = World::start().await;
    let output = r#"{"b":[1,2.50],"a":"é"}"#;
    world.backend.notes().tools.calls.push_back(Ok(done(output)));
    let answer =
        world.said_in(&world.own_session(), &call("c-1", "book_meeting", json!({"z": 1, "a": "x"}))).await;
    assert_eq!(answer["id"], "c-1");
    let result = &answer["result"];
    assert_eq!(result["structuredContent"], json!({"b": [1, 2.5], "a": "é"}));
    let text = result["content"][0]["text"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), result["structuredContent"]);
    assert_eq!((&result["content"][0]["type"], &result["isError"]), (&json!("text"), &json!(false)));

    let [asked] = world.calls().try_into().unwrap();
    assert_eq!((asked.name.as_str(), asked.arguments.as_str()), ("book_meeting", r#"{"a":"x","z":1}"#));
    let caller = asked.caller.unwrap();
    assert_eq!((caller.visitor_id.as_str(), caller.session_id.as_str()), ("vis_1", "ses_1"));
    assert_eq!((caller.workflow.as_str(), caller.site.as_str()), ("lead-concierge", ""));
    assert_eq!(caller.ip_key.len(), 32);
}

#[tokio::test]
async fn a_tool_that_has_not_done_its_work_says_so() {
    let world = World::start().await;
    for (output, text) in [
        (r#"{"error":"the slot is taken","advice":"Offer another."}"#, "the slot is taken. Offer another."),
        (
            r#"{"advice":"Offer next_slots.","error":"the slot is taken","next_slots":["2026-12-01T09:00:00Z"]}"#,
            "the slot is taken. Offer next_slots.\n{\"next_slots\":[\"2026-12-01T09:00:00Z\"]}",
        ),
        (r#"{"error":"it did not work"}"#, "it did not work"),
        ("plain words", "plain words"),
    ] {
        let failed = CallToolResponse { output: output.into(), is_error: true };
        world.backend.notes().tools.calls.push_back(Ok(failed));
        let result = world.said(&call(1, "book_meeting", json!({}))).await["result"].clone();
        assert_eq!((&result["isError"], &result["content"][0]["text"]), (&json!(true), &json!(text)));
        assert!(result["structuredContent"].is_null(), "what is no answer is held to no schema");
    }
}

#[tokio::test]
async fn what_the_caller_can_mend_is_told_to_the_model() {
    let world = World::start().await;
    for (kind, reason) in [
        (Kind::Invalid, Reason::InvalidValue),
        (Kind::Forbidden, Reason::WorkflowNotAllowed),
        (Kind::NotFound, Reason::BookingUnknown),
        (Kind::AlreadyExists, Reason::RequestIdReused),
        (Kind::Conflict, Reason::SlotTaken),
        (Kind::Precondition, Reason::StateWrong),
    ] {
        let fault = Fault::new(kind, reason, "words for people");
        world.backend.notes().tools.calls.push_back(Err(status(&fault)));
        let result = world.said(&call(1, "t", json!({}))).await["result"].clone();
        assert_eq!(
            (&result["isError"], &result["content"][0]["text"]),
            (&json!(true), &json!("words for people"))
        );
    }
}

#[tokio::test]
async fn an_unknown_tool_is_an_error_of_the_protocol() {
    let world = World::start().await;
    let fault = Fault::new(Kind::NotFound, Reason::ToolUnknown, "there is no such tool");
    world.backend.notes().tools.calls.push_back(Err(status(&fault)));
    let answer = world.said(&call(9, "read_tab", json!({}))).await;
    let error =
        json!({"code": -32602, "message": "there is no such tool", "data": {"reason": "TOOL_UNKNOWN"}});
    assert_eq!(answer, json!({"jsonrpc": "2.0", "id": 9, "error": error}));
}

#[tokio::test]
async fn limits_and_failures_are_problems_as_on_every_route() {
    let world = World::start().await;
    let quota = Quota { limit: 10, remaining: 0, reset: Duration::from_millis(5_100) };
    let limited = Fault::new(Kind::RateLimited, Reason::RateLimited, "too many messages");
    let limited = Fault { quota: Some(quota), ..limited.retry_after(Duration::from_millis(1_200)) };
    let away = Fault::new(Kind::Unavailable, Reason::StoreUnavailable, "try again later");
    let slow = Fault::new(Kind::Deadline, Reason::DeadlineExceeded, "this took too long");
    let scripted = [status(&limited), status(&away), status(&slow), Status::internal("canary")];
    world.backend.notes().tools.calls.extend(scripted.clone().map(Err));
    let answer = Answer::of(world.say(&call(1, "t", json!({})))).await;
    assert_eq!(answer.problem(429, "RATE_LIMITED"), "too many messages");
    let told = ["retry-after", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"];
    assert_eq!(told.map(|name| answer.header(name)), ["2", "10", "0", "6"]);
    for (code, reason) in [(503, "STORE_UNAVAILABLE"), (504, "DEADLINE_EXCEEDED"), (500, "INTERNAL")] {
        let answer = Answer::of(world.say(&call(1, "t", json!({})))).await;
        answer.problem(code, reason);
        assert!(!answer.text.contains("canary"), "{answer:?}");
    }
    world.backend.notes().tools.lists.push_back(Err(scripted[0].clone()));
    Answer::of(world.say(&super::list())).await.problem(429, "RATE_LIMITED");
    assert_eq!(world.calls().len(), 4, "nothing that was refused is repeated");
}

#[tokio::test]
async fn an_output_that_is_no_object_is_our_fault() {
    let world = World::start().await;
    for output in ["", "[]", "\"text\"", "{"] {
        world.backend.notes().tools.calls.push_back(Ok(done(output)));
        Answer::of(world.say(&call(1, "t", json!({})))).await.problem(500, "INTERNAL");
    }
}

#[tokio::test]
async fn the_same_call_again_has_its_effect_once() {
    let world = World::start().await;
    let session = world.own_session();
    let first =
        world.said_in(&session, &call(3, "book_meeting", json!({"a": 1, "b": {"c": 2, "d": 3}}))).await;
    let again = json!({
        "method": "tools/call", "id": 3, "jsonrpc": "2.0",
        "params": {"arguments": {"b": {"d": 3, "c": 2}, "a": 1}, "name": "book_meeting"},
    });
    assert_eq!(world.said_in(&session, &again).await, first);
    let renewed = world.session_token("vis_1", "ses_1", super::CONCIERGE, None);
    assert_eq!(world.said_in(&renewed, &again).await, first, "the session counts, not its token");
    assert_eq!(world.backend.notes().tools.effects.len(), 1);
    for id in world.backend.notes().tools.effects.keys() {
        assert!(id.starts_with("req_") && id.len() == 36, "{id}");
    }
}

#[tokio::test]
async fn calls_that_differ_in_anything_are_two() {
    let world = World::start().await;
    let (own, other) = (world.own_session(), world.session_token("vis_2", "ses_2", super::CONCIERGE, None));
    let calls = [
        (&own, call(1, "t", json!({"a": 1}))),
        (&own, call(2, "t", json!({"a": 1}))),
        (&own, call("1", "t", json!({"a": 1}))),
        (&own, call(1, "u", json!({"a": 1}))),
        (&own, call(1, "t", json!({"a": 2}))),
        (&own, call(1, "t", json!({"a": "1"}))),
        (&own, call(1, "t", json!({}))),
        (&other, call(1, "t", json!({"a": 1}))),
    ];
    for (session, message) in &calls {
        world.said_in(session, message).await;
    }
    let ids: BTreeSet<_> = world.calls().into_iter().map(|call| call.request_id).collect();
    assert_eq!(ids.len(), calls.len());
}

#[tokio::test]
async fn without_a_session_every_request_is_one_of_its_own() {
    let world = World::start().await;
    let message = call(1, "search_knowledge", json!({}));
    for id in [None, None, Some("mine"), Some("mine"), Some("another")] {
        let request =
            id.into_iter().fold(world.say(&message), |request, id| request.header("x-request-id", id));
        assert_eq!(Answer::of(request).await.status, 200);
    }
    let ids: BTreeSet<_> = world.calls().into_iter().map(|call| call.request_id).collect();
    assert_eq!(ids.len(), 5, "what anybody may write into a header makes no call another's");
}

#[tokio::test]
async fn the_operators_own_agent_is_one_caller() {
    let world = World::start().await;
    let say = async |id: i32, text: &str| {
        let message = call(id, "notify", json!({"title": text}));
        let asked = world.message(super::OPS, &message).bearer_auth(crate::world::OPERATOR);
        assert_eq!(Answer::of(asked).await.status, 200);
    };
    for (id, text) in [(1, "a"), (1, "a"), (2, "a"), (1, "b")] {
        say(id, text).await;
    }
    let ids: Vec<_> = world.calls().into_iter().map(|call| call.request_id).collect();
    assert_eq!(ids[0], ids[1]);
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>().len(), 3);
}

/// The same call with a key of its client's own.
fn with_key(mut message: Value, key: &str) -> Value {
    message["params"]["_meta"] = json!({"frontdesk/request_id": key});
    message
}

#[tokio::test]
async fn a_key_of_the_clients_own_stands_for_the_id() {
    let world = World::start().await;
    let (own, other) = (world.own_session(), world.session_token("vis_2", "ses_2", super::CONCIERGE, None));
    let book = |id: i32, arguments: Value| call(id, "book_meeting", arguments);
    let first = world.said_in(&own, &with_key(book(1, json!({"a": 1})), "k")).await;
    let again = world.said_in(&own, &with_key(book(7, json!({"a": 1})), "k")).await;
    assert_eq!(again["result"], first["result"], "whatever the connection counts");
    let others = [
        (&own, with_key(book(1, json!({"a": 1})), "1")),
        (&own, with_key(book(1, json!({"a": 2})), "k")),
        (&own, with_key(call(1, "cancel_meeting", json!({"a": 1})), "k")),
        (&other, with_key(book(1, json!({"a": 1})), "k")),
    ];
    for (session, message) in &others {
        world.said_in(session, message).await;
    }
    assert!(world.calls().iter().all(|call| call.keyed));
    world.said_in(&own, &book(1, json!({"a": 1}))).await;
    assert!(!world.calls().pop().unwrap().keyed, "an id is no key");
    assert_eq!(world.backend.notes().tools.effects.len(), others.len() + 2);
}

#[tokio::test]
async fn what_is_no_key_is_told_to_the_client() {
    let world = World::start().await;
    for key in [String::new(), "k".repeat(65)] {
        let answer = world.said_in(&world.own_session(), &with_key(call(1, "t", json!({})), &key)).await;
        assert_eq!(answer["error"]["code"], -32602);
        assert_eq!(
            answer["error"]["message"],
            "params._meta[\"frontdesk/request_id\"] must be a text of 1 to 64 characters"
        );
    }
    assert_eq!(world.calls(), []);
}

#[tokio::test]
async fn a_service_that_restarts_is_asked_once_more() {
    let world = World::start().await;
    world.backend.notes().tools.calls.push_back(Err(Status::unavailable("restarting")));
    let answer = world.said_in(&world.own_session(), &call(1, "t", json!({}))).await;
    assert_eq!(answer["result"]["isError"], false);
    let [first, second] = world.calls().try_into().unwrap();
    assert_eq!(first, second, "the same call, the same request id");
}

#[tokio::test]
async fn a_call_carries_the_requests_id_and_has_a_minute() {
    let world = World::start().await;
    let request = world.say(&call(1, "t", json!({}))).header("x-request-id", "my-Id_1");
    assert_eq!(Answer::of(request).await.header("x-request-id"), "my-Id_1");
    let [id, timeout] = world.backend.notes().metadata[0].clone();
    assert_eq!(id.as_deref(), Some("my-Id_1"));
    let timeout = timeout.unwrap();
    let (number, unit) = timeout.split_at(timeout.len() - 1);
    let seconds = number.parse::<f64>().unwrap() / if unit == "u" { 1e6 } else { 1e3 };
    assert!(seconds > 50.0 && seconds <= 60.0, "{timeout}");
}
