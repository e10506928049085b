//! Streamed responses: the events and their order, and what each fault makes of them.

use std::time::{Duration, Instant};

use reqwest::Method;
use sandbox::{Fault, FaultKind, Output, Provider, Scripted};
use serde_json::{Value, json};

use crate::harness::Town;

fn body() -> Value {
    json!({"model": "gpt-5-mini", "input": "Hello", "store": false})
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

fn script() -> Scripted {
    Scripted::Answer(vec![
        Output::Text(vec!["Let me ".to_owned(), "see.".to_owned()]),
        Output::call("search", &json!({"q": "prices"})),
        Output::Refusal("Not that.".to_owned()),
    ])
}

fn inject(town: &Town, kind: FaultKind) {
    town.sandbox.inject(Fault { provider: Provider::OpenAi, path: None, count: 1, kind });
}

#[tokio::test]
async fn events_come_in_openais_order_with_all_members() {
    let town = Town::new().await;
    town.sandbox.script(vec![script()]);
    let events = town.events(&body()).await;
    assert_eq!(
        types(&events),
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.content_part.added",
            "response.refusal.delta",
            "response.refusal.delta",
            "response.refusal.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    for (at, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], at);
    }
    let id = &events[2]["item"]["id"];
    assert_eq!(
        events[2]["item"],
        json!({"id": id, "type": "message", "status": "in_progress", "role": "assistant", "content": []})
    );
    let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []});
    let place = json!({"item_id": id, "output_index": 0, "content_index": 0});
    for event in &events[3..8] {
        for (name, value) in place.as_object().unwrap() {
            assert_eq!(&event[name], value, "{event}");
        }
    }
    assert_eq!((&events[3]["part"], &events[7]["part"]), (&part(""), &part("Let me see.")));
    assert_eq!((&events[4]["delta"], &events[4]["logprobs"]), (&json!("Let me "), &json!([])));
    assert_eq!((&events[6]["text"], &events[6]["logprobs"]), (&json!("Let me see."), &json!([])));
    let call = &events[9]["item"];
    assert_eq!((&call["arguments"], &call["status"]), (&json!(""), &json!("in_progress")));
    let arguments = "{\"q\":\"prices\"}";
    let joined: String = events[10..12].iter().map(|event| event["delta"].as_str().unwrap()).collect();
    assert_eq!(joined, arguments);
    assert_eq!((&events[12]["arguments"], &events[12]["name"]), (&json!(arguments), &json!("search")));
    assert_eq!((&events[12]["item_id"], &events[12]["output_index"]), (&call["id"], &json!(1)));
    assert_eq!(events[13]["item"]["arguments"], arguments);
    assert_eq!(events[13]["item"]["call_id"], call["call_id"]);
    let (created, completed) = (&events[0]["response"], &events[21]["response"]);
    assert_eq!((&created["status"], &created["output"]), (&json!("in_progress"), &json!([])));
    assert_eq!((&completed["status"], &completed["id"]), (&json!("completed"), &created["id"]));
    let done: Vec<_> = [8, 13, 20].iter().map(|at| events[*at]["item"].clone()).collect();
    assert_eq!(completed["output"], json!(done));
    assert!(completed["usage"]["output_tokens"].as_i64().unwrap() > 0);
}

#[tokio::test]
async fn deltas_are_padded_unless_that_is_turned_off() {
    let town = Town::new().await;
    let padded = town.events(&body()).await;
    let deltas = |events: &[Value]| -> Vec<Value> {
        events.iter().filter(|event| event.get("delta").is_some()).cloned().collect()
    };
    for event in deltas(&padded) {
        let length = |name: &str| event[name].as_str().unwrap().len();
        assert_eq!((length("delta") + length("obfuscation")) % 16, 0);
    }
    let mut plain = body();
    plain["stream_options"] = json!({"include_obfuscation": false});
    let plain = deltas(&town.events(&plain).await);
    assert!(plain.len() > 5, "word by word");
    assert!(plain.iter().all(|event| event.get("obfuscation").is_none()));
}

#[tokio::test]
async fn max_output_tokens_cut_the_answer_off() {
    let town = Town::new().await;
    let mut limited = body();
    limited["max_output_tokens"] = json!(16);
    town.sandbox.script(vec![
        Scripted::Answer(vec![Output::words(&"word ".repeat(50)), Output::words("never")]),
        Scripted::words("short"),
    ]);
    let events = town.events(&limited).await;
    let response = &events.last().unwrap()["response"];
    assert_eq!(*types(&events).last().unwrap(), "response.incomplete");
    assert_eq!(response["incomplete_details"], json!({"reason": "max_output_tokens"}));
    assert_eq!(response["output"].as_array().unwrap().len(), 1);
    assert_eq!(response["output"][0]["status"], "incomplete");
    assert_eq!(response["output"][0]["content"][0]["text"], "word ".repeat(8));
    assert_eq!(response["usage"]["output_tokens"], 16);
    assert_eq!(*types(&town.events(&limited).await).last().unwrap(), "response.completed");
}

#[tokio::test]
async fn a_script_is_played_in_order_and_then_the_rules_apply() {
    let town = Town::new().await;
    let failed = Scripted::Failed {
        outputs: vec![Output::words("Half")],
        code: "rate_limit_exceeded".to_owned(),
        message: "slow down".to_owned(),
    };
    let calls = Scripted::calls(&[("a", json!({})), ("b", json!({"x": null}))]);
    town.sandbox.script(vec![Scripted::words("first"), calls, failed, Scripted::Refused(429)]);
    let (status, _) = town.respond(&json!({"model": "m"})).await;
    assert_eq!((status.as_u16(), town.sandbox.unplayed()), (400, 4), "a refused request uses nothing up");
    let (_, first) = town.respond(&body()).await;
    assert_eq!(first["output"][0]["content"][0]["text"], "first");
    let (_, second) = town.respond(&body()).await;
    assert_eq!((&second["output"][0]["name"], &second["output"][1]["name"]), (&json!("a"), &json!("b")));
    let events = town.events(&body()).await;
    let error = json!({"code": "rate_limit_exceeded", "message": "slow down"});
    assert_eq!(events.last().unwrap()["response"]["error"], error);
    assert_eq!(*types(&events).last().unwrap(), "response.failed");
    let (status, refusal) = town.respond(&body()).await;
    assert_eq!((status.as_u16(), &refusal["error"]["code"]), (429, &json!("rate_limit_exceeded")));
    assert_eq!(town.sandbox.unplayed(), 0);
    let (_, own) = town.respond(&body()).await;
    assert!(own["output"][0]["content"][0]["text"].as_str().unwrap().starts_with("Hello!"));
}

#[tokio::test]
async fn a_cut_stream_breaks_after_its_events() {
    let town = Town::new().await;
    inject(&town, FaultKind::CutAfter(4));
    let mut streamed = body();
    streamed["stream"] = json!(true);
    let mut response = town.openai(Method::POST, "responses").json(&streamed).send().await.unwrap();
    let mut text = String::new();
    let error = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => text.push_str(std::str::from_utf8(&chunk).unwrap()),
            Ok(None) => panic!("the stream ended well"),
            Err(error) => break error,
        }
    };
    assert!(!error.is_timeout(), "{error:?}");
    assert_eq!(text.matches("\n\n").count(), 4, "{text}");
    inject(&town, FaultKind::CutAfter(0));
    assert!(town.openai(Method::POST, "responses").json(&body()).send().await.is_err());
    assert_eq!(town.respond(&body()).await.0, 200);
}

#[tokio::test]
async fn a_garbled_frame_and_a_failure_come_where_they_were_asked_for() {
    let town = Town::new().await;
    inject(&town, FaultKind::GarbledAfter(3));
    let mut streamed = body();
    streamed["stream"] = json!(true);
    let response = town.openai(Method::POST, "responses").json(&streamed).send().await.unwrap();
    let text = response.text().await.unwrap();
    let broken: Vec<_> = text
        .split("\n\n")
        .filter_map(|frame| frame.split_once("\ndata: "))
        .enumerate()
        .filter(|(_, (_, data))| serde_json::from_str::<Value>(data).is_err())
        .map(|(at, _)| at)
        .collect();
    assert_eq!(broken, [3]);
    for (count, at) in [(5, 5), (0, 0), (10_000, town.events(&body()).await.len() - 1)] {
        inject(&town, FaultKind::FailedAfter(count));
        let events = town.events(&body()).await;
        assert_eq!(events.len(), at + 1);
        let last = &events[at];
        assert_eq!((&last["type"], &last["sequence_number"]), (&json!("response.failed"), &json!(at)));
        assert_eq!(
            (&last["response"]["status"], &last["response"]["error"]["code"]),
            (&json!("failed"), &json!("server_error"))
        );
    }
    inject(&town, FaultKind::FailedAfter(1));
    let (status, failed) = town.respond(&body()).await;
    assert_eq!((status.as_u16(), &failed["status"], &failed["output"]), (200, &json!("failed"), &json!([])));
    inject(&town, FaultKind::Incomplete);
    let events = town.events(&body()).await;
    assert_eq!(*types(&events).last().unwrap(), "response.incomplete");
}

#[tokio::test]
async fn a_slow_stream_is_slow_and_moderation_is_not_hit() {
    let town = Town::new().await;
    inject(&town, FaultKind::SlowStream { per_event: Duration::from_millis(5) });
    let moderated = town.openai(Method::POST, "moderations").json(&json!({"input": "x"}));
    assert_eq!(moderated.send().await.unwrap().status(), 200);
    let began = Instant::now();
    let events = town.events(&body()).await;
    assert!(began.elapsed() >= Duration::from_millis(5) * u32::try_from(events.len()).unwrap());
    town.sandbox.set_pace(Duration::from_millis(2));
    let began = Instant::now();
    let events = town.events(&body()).await;
    assert!(began.elapsed() >= Duration::from_millis(2) * u32::try_from(events.len()).unwrap());
}

#[tokio::test]
async fn the_log_holds_the_body_of_a_stream() {
    let town = Town::new().await;
    town.events(&body()).await;
    let asked = town.sandbox.requests();
    assert_eq!((asked[0].path.as_str(), asked[0].status), ("/openai/v1/responses", Some(200)));
    assert_eq!((&asked[0].body["input"], &asked[0].body["stream"]), (&json!("Hello"), &json!(true)));
}
