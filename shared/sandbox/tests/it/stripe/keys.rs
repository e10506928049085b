//! `Idempotency-Key`: one key does its work once.

use sandbox::{Fault, FaultKind, Provider};
use serde_json::Value;

use super::{order, order_with};
use crate::harness::Town;

async fn post(town: &Town, key: &str, pairs: &[(&str, String)]) -> (u16, bool, Value) {
    let request = town.stripe_form("checkout/sessions", pairs).header("idempotency-key", key);
    let response = request.send().await.unwrap();
    let replayed = response.headers().contains_key("idempotent-replayed");
    assert!(response.headers()["request-id"].to_str().unwrap().starts_with("req_"));
    (response.status().as_u16(), replayed, response.json().await.unwrap())
}

async fn count(town: &Town) -> usize {
    town.stripe_get("checkout/sessions").await.1["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn the_same_key_and_parameters_are_answered_the_same() {
    let town = Town::new().await;
    let (status, replayed, first) = post(&town, "k1", &order()).await;
    assert_eq!((status, replayed), (200, false), "{first}");
    let mut turned = order();
    turned.reverse();
    assert_eq!(post(&town, "k1", &turned).await, (200, true, first.clone()));
    // The stored answer, not the object of today.
    town.sandbox.till().expire(super::id(&first)).unwrap();
    assert_eq!(post(&town, "k1", &order()).await, (200, true, first));
    let (status, _, other) = post(&town, "k1", &order_with("client_reference_id", Some("boo_2"))).await;
    assert_eq!((status, &other["error"]["type"]), (400, &"idempotency_error".into()));
    assert_eq!(count(&town).await, 1);
    let event = town.event("checkout.session.expired").await;
    assert_eq!(event["request"], serde_json::json!({"id": null, "idempotency_key": null}));
}

#[tokio::test]
async fn a_refusal_is_not_kept_and_an_error_500_is() {
    let town = Town::new().await;
    assert_eq!(post(&town, "k1", &order_with("mode", None)).await.0, 400);
    assert_eq!(post(&town, "k1", &order()).await.0, 200);
    let kind = FaultKind::Status(500);
    town.sandbox.inject(Fault { provider: Provider::Stripe, path: None, count: 1, kind });
    let (status, replayed, error) = post(&town, "k2", &order()).await;
    assert_eq!((status, replayed, &error["error"]["type"]), (500, false, &"api_error".into()));
    assert_eq!(post(&town, "k2", &order()).await, (500, true, error));
    let kind = FaultKind::Status(503);
    town.sandbox.inject(Fault { provider: Provider::Stripe, path: None, count: 1, kind });
    let request = town.stripe_form("checkout/sessions", &order()).header("idempotency-key", "k3");
    assert_eq!(request.send().await.unwrap().status(), 503);
    assert_eq!(post(&town, "k3", &order()).await.0, 200);
    assert_eq!(count(&town).await, 2);
}

#[tokio::test]
async fn work_whose_answer_was_lost_is_found_by_its_key() {
    let town = Town::new().await;
    let kind = FaultKind::AppliedNoAnswer;
    town.sandbox.inject(Fault { provider: Provider::Stripe, path: None, count: 1, kind });
    let request = town.stripe_form("checkout/sessions", &order()).header("idempotency-key", "k1");
    assert!(request.send().await.is_err());
    let (status, replayed, _) = post(&town, "k1", &order()).await;
    assert_eq!((status, replayed, count(&town).await), (200, true, 1));
}

#[tokio::test]
async fn many_at_once_make_one_session() {
    let town = Town::new().await;
    let pairs = order();
    let asked = (0..12).map(|_| post(&town, "k1", &pairs));
    let answers = futures_util::future::join_all(asked).await;
    let fine: Vec<_> = answers.iter().filter(|(status, ..)| *status == 200).collect();
    assert!(!fine.is_empty() && fine.iter().all(|(_, _, session)| session["id"] == fine[0].2["id"]));
    assert!(answers.iter().all(|(status, ..)| matches!(status, 200 | 409)), "{answers:?}");
    assert_eq!(count(&town).await, 1);
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("sandbox.db");
    let first = {
        let town = Town::at(&path).await;
        post(&town, "k1", &order()).await.2
    };
    let town = Town::at(&path).await;
    assert_eq!(post(&town, "k1", &order()).await, (200, true, first.clone()));
    assert_eq!(town.stripe_get(&format!("checkout/sessions/{}", super::id(&first))).await.1, first);
    let asked = town.sandbox.requests();
    assert_eq!(asked[0].idempotency_key.as_deref(), Some("k1"));
    assert!(asked[0].body.as_str().unwrap().starts_with("mode=payment&success_url="));
}
