//! A subscription: its invoices, and how a payment is found to be an invoice's.

use reqwest::Method;
use serde_json::{Value, json};

use super::id;
use crate::harness::{Town, answer};

#[tokio::test]
async fn the_first_period_is_paid_by_an_invoice() {
    let town = Town::new().await;
    let session = town.subscribed().await;
    assert_eq!((&session["payment_intent"], &session["payment_status"]), (&Value::Null, &json!("paid")));
    let kinds = town.kinds().await;
    for kind in [
        "checkout.session.completed",
        "invoice.paid",
        "customer.subscription.created",
        "payment_intent.succeeded",
        "customer.created",
        "invoice_payment.paid",
    ] {
        assert_eq!(kinds.iter().filter(|known| *known == kind).count(), 1, "{kind}: {kinds:?}");
    }
    let intent = town.event("payment_intent.succeeded").await["data"]["object"].clone();
    assert!(intent.get("invoice").is_none() && intent["metadata"] == json!({}));
    let query = format!("payment[type]=payment_intent&payment[payment_intent]={}", id(&intent));
    let (_, links) = town.stripe_get(&format!("invoice_payments?{query}")).await;
    let links = links["data"].as_array().unwrap();
    assert_eq!((links.len(), &links[0]["invoice"]), (1, &session["invoice"]));
    let (_, invoice) = town
        .stripe_get(&format!("invoices/{}?expand[]=payments", session["invoice"].as_str().unwrap()))
        .await;
    assert_eq!((&invoice["status"], &invoice["amount_paid"]), (&json!("paid"), &json!(90_000)));
    assert_eq!(invoice["parent"]["subscription_details"]["subscription"], session["subscription"]);
    assert_eq!(invoice["payments"]["data"][0]["id"], links[0]["id"]);
    let path = format!(
        "subscriptions/{}?expand[]=items.data.price.product",
        session["subscription"].as_str().unwrap()
    );
    let (_, subscription) = town.stripe_get(&path).await;
    let item = &subscription["items"]["data"][0];
    assert_eq!(item["price"]["product"]["name"], "Monthly retainer");
    assert_eq!(
        (&subscription["status"], &subscription["metadata"]),
        (&json!("active"), &json!({"contact": "con_1"}))
    );
    let days = (item["current_period_end"].as_i64().unwrap()
        - item["current_period_start"].as_i64().unwrap())
        / 86_400;
    assert!((28..=31).contains(&days));
    let other = town.sandbox.till().pay(id(&town.session().await), "bob@example.com").unwrap();
    let query = format!(
        "payment[type]=payment_intent&payment[payment_intent]={}",
        other["payment_intent"].as_str().unwrap()
    );
    let (_, links) = town.stripe_get(&format!("invoice_payments?{query}")).await;
    assert_eq!(links["data"], json!([]), "a single payment is no invoice's");
}

#[tokio::test]
async fn renewals_are_paid_or_not() {
    let town = Town::new().await;
    let session = town.subscribed().await;
    let (till, id) = (town.sandbox.till(), session["subscription"].as_str().unwrap());
    let before = town.kinds().await.len();
    let renewed = till.renew(id, true).unwrap();
    assert_ne!(renewed["latest_invoice"], session["invoice"]);
    assert!(town.kinds().await[before..].contains(&"invoice.paid".to_owned()));
    let updated = town.event("customer.subscription.updated").await;
    let was = &updated["data"]["previous_attributes"];
    assert_eq!(was["latest_invoice"], session["invoice"]);
    assert!(was.get("status").is_none());
    let failed = till.renew(id, false).unwrap();
    assert_eq!(failed["status"], "past_due");
    let invoice = town.event("invoice.payment_failed").await["data"]["object"].clone();
    assert_eq!((&invoice["status"], &invoice["amount_paid"]), (&json!("open"), &json!(0)));
    assert_eq!(invoice["billing_reason"], "subscription_cycle");
    let updated = town.event("customer.subscription.updated").await;
    assert_eq!(updated["data"]["previous_attributes"]["status"], "active");
}

#[tokio::test]
async fn it_ends_at_the_periods_end_or_at_once() {
    let town = Town::new().await;
    let session = town.subscribed().await;
    let path = format!("subscriptions/{}", session["subscription"].as_str().unwrap());
    let (_, ending) = town.stripe_post(&path, &[("cancel_at_period_end", "true".to_owned())]).await;
    assert_eq!((&ending["cancel_at_period_end"], &ending["status"]), (&json!(true), &json!("active")));
    let (status, ended) = answer(town.stripe(Method::DELETE, &path)).await;
    assert_eq!((status.as_u16(), &ended["status"]), (200, &json!("canceled")));
    assert_eq!(answer(town.stripe(Method::DELETE, &path)).await.0, 404);
    let event = town.event("customer.subscription.deleted").await;
    assert_eq!(event["data"]["object"]["status"], "canceled");
    assert_eq!(town.stripe_get("subscriptions").await.1["data"], json!([]));
    assert_eq!(town.stripe_get("subscriptions?status=all").await.1["data"][0]["id"], ended["id"]);
}

#[tokio::test]
async fn a_declined_first_payment_makes_no_subscription() {
    let town = Town::new().await;
    let mut pairs = super::order_with("mode", Some("subscription"));
    pairs.retain(|(name, _)| !name.starts_with("payment_intent_data") && *name != "line_items[0][price]");
    pairs.push(("line_items[0][price]", sandbox::MONTHLY_PRICE.to_owned()));
    let session = town.session_of(&pairs).await;
    let failed = town.sandbox.till().fail(id(&session)).unwrap();
    assert_eq!((&failed["status"], &failed["subscription"]), (&json!("open"), &Value::Null));
    assert_eq!(town.stripe_get("invoices").await.1["data"], json!([]));
    assert!(town.sandbox.till().pay_async(id(&session), "ann@example.com").is_err());
}
