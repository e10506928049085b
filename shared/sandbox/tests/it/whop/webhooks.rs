//! Webhooks: signed, tried again, listed as deliveries and sent again; dated, legacy, and with underscores.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sandbox::{Generation, Provider, WHOP_ACCOUNT_ID, WHOP_VERSION};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;

use super::{data, id};
use crate::harness::{Town, answer};

/// No base64, and no prefix that anything is made of: every byte is the key.
const SECRET: &str = "ws_0123456789abcdef0123456789abcdef";

/// The id in the headers, and the body.
type Heard = (String, Value);

/// A receiver that verifies as Whop's SDK does, and refuses the first requests.
#[derive(Clone, Default)]
struct Ear(Arc<Mutex<(usize, Vec<Heard>)>>);

impl Ear {
    async fn listening(town: &Town, refusing: usize) -> Self {
        let ear = Self::default();
        ear.0.lock().unwrap().0 = refusing;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(sandbox::serve(
            listener,
            Router::new().fallback(hear).with_state(ear.clone()),
            std::future::pending(),
        ));
        town.sandbox.set_webhook(Provider::Whop, &url, SECRET);
        town.sandbox.webhooks(Provider::Whop).set_retries(vec![Duration::from_millis(1); 3]);
        ear
    }

    fn heard(&self) -> Vec<Heard> {
        self.0.lock().unwrap().1.clone()
    }

    fn events(&self) -> Vec<Value> {
        self.heard().into_iter().map(|(_, event)| event).collect()
    }
}

async fn hear(State(ear): State<Ear>, headers: HeaderMap, body: Bytes) -> (StatusCode, &'static str) {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let (id, at) = (header("webhook-id"), header("webhook-timestamp"));
    assert!((Timestamp::now().as_second() - at.parse::<i64>().unwrap()).abs() < 60);
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update([id.as_bytes(), b".", at.as_bytes(), b".", &body].concat().as_slice());
    let wanted = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
    if header("webhook-signature") != wanted || header("content-type") != "application/json" {
        return (StatusCode::UNAUTHORIZED, "forged");
    }
    let mut heard = ear.0.lock().unwrap();
    if heard.0 > 0 {
        heard.0 -= 1;
        return (StatusCode::SERVICE_UNAVAILABLE, "not now");
    }
    heard.1.push((id, serde_json::from_slice(&body).unwrap()));
    (StatusCode::OK, r#"{"ok":true}"#)
}

const DELIVERIES: &str = "webhooks/hook_frontdesk0001/deliveries";

#[tokio::test]
async fn a_dated_event_is_a_read_of_that_moment() {
    let town = Town::new().await;
    let ear = Ear::listening(&town, 0).await;
    let joined = town.sandbox.club().join("user_mara", "plan_growthtrial").unwrap();
    town.whop_told().await;
    let (message, event) = ear.heard().remove(0);
    assert_eq!((&event["id"], event["type"].as_str()), (&json!(message), Some("membership.activated")));
    assert_eq!((&event["api_version"], &event["api_version_date"]), (&json!("v1"), &json!(WHOP_VERSION)));
    assert_eq!((&event["account_id"], event.get("company_id")), (&json!(WHOP_ACCOUNT_ID), None));
    assert_eq!(event["data"], joined);
    assert_eq!(event["data"], town.whop_get(&format!("memberships/{}", id(&joined))).await);
    assert!(event["timestamp"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn older_webhooks_carry_the_legacy_shape() {
    let town = Town::new().await;
    let ear = Ear::listening(&town, 0).await;
    let club = town.sandbox.club();
    club.speak(Generation::Legacy);
    let once = town.joined("user_mara", "plan_playbooklife");
    club.speak(Generation::Underscored);
    let payment = id(&town.payments_of(&once).await[0]);
    club.refund(&payment, Some(100)).unwrap();
    club.dispute(&payment).unwrap();
    town.whop_told().await;
    let events = ear.events();
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let dotted = ["payment.created", "payment.succeeded", "membership.activated"];
    assert_eq!(kinds, [&dotted[..], &["refund_created", "refund_updated", "dispute_created"]].concat());
    for event in &events {
        assert_eq!((&event["company_id"], event.get("account_id")), (&json!(WHOP_ACCOUNT_ID), None));
        assert_eq!(event["api_version_date"], Value::Null);
    }
    assert_eq!(
        (&events[2]["data"]["user"]["id"], &events[2]["data"]["id"]),
        (&json!("user_mara"), &json!(once))
    );
    assert_eq!(
        (&events[1]["data"]["total"], &events[1]["data"]["membership"]["id"]),
        (&json!(290.0), &json!(once))
    );
    assert_eq!(
        (&events[3]["data"]["payment"]["id"], &events[3]["data"]["amount"]),
        (&json!(payment), &json!(1.0))
    );
    assert_eq!(events[5]["data"]["payment"]["user"]["id"], "user_mara");
    let hooks = town.whop_get("webhooks").await;
    assert_eq!((&hooks["data"][0]["api_version_date"], data(&hooks).len()), (&Value::Null, 1));
}

#[tokio::test]
async fn three_more_attempts_and_then_it_is_for_the_receiver_to_ask() {
    let town = Town::new().await;
    let ear = Ear::listening(&town, 4).await;
    let trial = town.joined("user_mara", "plan_growthtrial");
    town.whop_told().await;
    assert!(ear.heard().is_empty());
    let failed = data(&town.whop_get(DELIVERIES).await);
    assert_eq!(failed.len(), 4);
    for delivery in &failed {
        assert_eq!((&delivery["success"], &delivery["response_code"]), (&json!(false), &json!(503)));
        assert_eq!(delivery["response_body"]["raw_body"], "not now");
        assert_eq!(
            (&delivery["event"], &delivery["resource_id"]),
            (&json!("membership.activated"), &json!(trial))
        );
        assert_eq!(delivery["replayed_from"], Value::Null);
    }
    let hook = town.whop_get("webhooks/hook_frontdesk0001").await;
    assert_eq!((&hook["consecutive_failures"], hook["failing_since"].is_string()), (&json!(1), true));

    let path = format!("{DELIVERIES}/{}/replay", id(&failed[0]));
    let (status, replayed) = town.whop_post(&path, json!({})).await;
    assert_eq!(
        (status.as_u16(), replayed),
        (200, json!({"status": 200, "success": true, "body": "{\"ok\":true}"}))
    );
    assert_eq!(
        ear.heard(),
        [(failed[0]["request_body"]["id"].as_str().unwrap().to_owned(), failed[0]["request_body"].clone())]
    );
    let (_, anew) = town.whop_post(&path, json!({"regenerate_id": true})).await;
    assert_eq!((&anew["success"], ear.heard().len()), (&json!(true), 2));
    let (first, second) = (ear.heard()[0].clone(), ear.heard()[1].clone());
    assert_ne!(first.0, second.0);
    assert_eq!((&second.1["id"], &second.1["data"]), (&json!(second.0), &first.1["data"]));
    let newest = town.whop_get(&format!("{DELIVERIES}?first=2")).await;
    assert!(
        data(&newest).iter().all(|one| one["success"] == true && one["replayed_from"] == failed[0]["id"])
    );
    assert_eq!(town.whop_post(&format!("{DELIVERIES}/whdel_none/replay"), json!({})).await.0, 404);
}

#[tokio::test]
async fn the_lost_are_in_the_list_and_the_window_brings_them_back() {
    let town = Town::new().await;
    let ear = Ear::listening(&town, 0).await;
    let webhooks = town.sandbox.webhooks(Provider::Whop);
    let since = Timestamp::now();
    webhooks.lose(2);
    let membership = town.joined("user_mara", "plan_growthmonthly");
    webhooks.hold();
    town.sandbox.club().set_cancel(&membership, true).unwrap();
    town.whop_told().await;
    let kinds = |ear: &Ear| {
        ear.events().iter().map(|one| one["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&ear), ["membership.activated"]);
    let listed = data(&town.whop_get(DELIVERIES).await);
    let codes: Vec<_> = listed.iter().map(|one| one["response_code"].as_u64().unwrap()).collect();
    assert_eq!(codes, [200, 0, 0], "newest first, and what is held is on its way");
    let body = json!({"sent_after": since.to_string(), "failed_only": true});
    let (status, queued) = town.whop_post("webhooks/hook_frontdesk0001/replay", body).await;
    assert_eq!((status.as_u16(), queued), (200, json!({"queued": true})));
    town.whop_told().await;
    assert_eq!(kinds(&ear)[1..], ["payment.created", "payment.succeeded"]);
    assert_eq!(webhooks.release_all(), 2);
    town.whop_told().await;
    assert_eq!(kinds(&ear).len(), 5);
    let none = json!({"sent_after": since.to_string(), "failed_only": true});
    town.whop_post("webhooks/hook_frontdesk0001/replay", none).await;
    town.whop_told().await;
    assert_eq!(kinds(&ear).len(), 5, "what was brought is not failed");
    assert_eq!(answer(town.whop(reqwest::Method::POST, "webhooks/hook_frontdesk0001/replay")).await.0, 400);
}

#[tokio::test]
async fn whops_own_pauses_are_ten_twenty_and_forty_seconds() {
    let town = Town::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    town.sandbox.set_webhook(Provider::Whop, &format!("http://{address}/"), SECRET);
    town.joined("user_mara", "plan_free");
    let webhooks = town.sandbox.webhooks(Provider::Whop);
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while webhooks.log().is_empty() {
        assert!(std::time::Instant::now() < deadline, "there was no first attempt");
        tokio::task::yield_now().await;
    }
    assert_eq!((webhooks.log().len(), webhooks.under_way()), (1, 1), "it waits for the second attempt");
    assert_eq!(data(&town.whop_get(DELIVERIES).await)[0]["response_code"], 0);
}
