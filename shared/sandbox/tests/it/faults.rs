//! Faults do what they say, to the requests they name.

use std::time::{Duration, Instant};

use reqwest::{Method, header::RETRY_AFTER};
use sandbox::{Chaos, Fault, FaultKind, Provider};
use serde_json::json;

use crate::harness::{Town, answer, append};

fn on_writes(kind: FaultKind) -> Fault {
    Fault { provider: Provider::Sheets, path: Some(":batchUpdate".to_owned()), count: 1, kind }
}

fn write(town: &Town) -> reqwest::RequestBuilder {
    town.sheets(Method::POST, ":batchUpdate").json(&json!({"requests": [append(0, &[&["x"]])]}))
}

#[tokio::test]
async fn applied_without_an_answer_is_applied_and_reset_is_not() {
    let town = Town::new().await;
    for (kind, rows) in
        [(FaultKind::AppliedNoAnswer, 1), (FaultKind::Reset, 1), (FaultKind::Hang(Duration::ZERO), 1)]
    {
        town.sandbox.inject(on_writes(kind));
        assert_eq!(town.get("").await.0, 200, "another path is not hit");
        let error = write(&town).send().await.unwrap_err();
        assert!(!error.is_timeout() && error.status().is_none(), "{error:?}");
        assert_eq!(town.sandbox.tab("Sheet1").unwrap().len(), rows);
    }
    let handled: Vec<_> = town.sandbox.requests().iter().map(|asked| (asked.status, asked.handled)).collect();
    let read = (Some(200), true);
    assert_eq!(handled, [read, (None, true), read, (None, false), read, (None, false)]);
    assert_eq!(write(&town).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn statuses_come_in_the_providers_own_shape_without_the_work() {
    let town = Town::new().await;
    town.sandbox.inject(on_writes(FaultKind::Status(503)));
    let (status, body) = answer(write(&town)).await;
    assert_eq!((status.as_u16(), &body["error"]["status"]), (503, &json!("UNAVAILABLE")));
    town.sandbox.inject(on_writes(FaultKind::RateLimited { retry_after_s: Some(3) }));
    let response = write(&town).send().await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()[RETRY_AFTER]), (429, &"3".parse().unwrap()));
    let openai = Fault {
        provider: Provider::OpenAi,
        path: None,
        count: 2,
        kind: FaultKind::RateLimited { retry_after_s: None },
    };
    town.sandbox.inject(openai.clone());
    let (status, body) = answer(town.chatkit(Method::GET, "threads")).await;
    assert_eq!((status.as_u16(), &body["error"]["code"]), (429, &json!("rate_limit_exceeded")));
    town.sandbox.clear_faults();
    assert_eq!(answer(town.chatkit(Method::GET, "threads")).await.0, 200);
    assert_eq!(town.sandbox.tab("Sheet1").unwrap().len(), 0);
}

#[tokio::test]
async fn late_work_is_done_after_its_client_has_left() {
    let town = Town::new().await;
    town.sandbox.inject(on_writes(FaultKind::Latency(Duration::from_millis(200))));
    let error = write(&town).timeout(Duration::from_millis(50)).send().await.unwrap_err();
    assert!(error.is_timeout());
    let deadline = Instant::now() + Duration::from_secs(10);
    while town.sandbox.tab("Sheet1").unwrap().is_empty() {
        assert!(Instant::now() < deadline, "the late write never came");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn chaos_hits_and_the_pages_turn_it_off() {
    let town = Town::new().await;
    town.sandbox.set_chaos(Some(Chaos { seed: 1, unavailable: 1.0, ..Chaos::default() }));
    assert_eq!(town.get("").await.0, 503);
    let (_, knobs) = answer(town.ask(Method::GET, "/sandbox/faults")).await;
    assert_eq!(knobs["chaos"]["unavailable"], 1.0);
    assert_eq!(answer(town.ask(Method::DELETE, "/sandbox/faults")).await.0, 204);
    assert_eq!(town.get("").await.0, 200);
    let fault =
        json!({"provider": "sheets", "path": "GET ", "count": 1, "kind": {"type": "status", "status": 500}});
    let (status, knobs) =
        answer(town.ask(Method::PUT, "/sandbox/faults").json(&json!({"faults": [fault]}))).await;
    assert_eq!((status.as_u16(), &knobs["faults"]), (200, &json!([fault])));
    assert_eq!(town.get("").await.0, 500);
    assert_eq!(town.get("").await.0, 200);
    assert_eq!(answer(town.ask(Method::PUT, "/sandbox/faults").json(&json!({"fault": 1}))).await.0, 400);
}
