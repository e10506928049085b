//! One payment each: the objects it leaves and the events it makes.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{id, order_with};
use crate::harness::Town;

const PAID: [&str; 4] =
    ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "checkout.session.completed"];

#[tokio::test]
async fn a_session_is_made_and_paid() {
    let town = Town::new().await;
    let session = town.session().await;
    let begun = session.as_object().unwrap();
    for (field, value) in [
        ("object", json!("checkout.session")),
        ("status", json!("open")),
        ("payment_status", json!("unpaid")),
        ("payment_intent", Value::Null),
        ("customer", Value::Null),
        ("livemode", json!(false)),
        ("amount_total", json!(15_000)),
        ("currency", json!("eur")),
        ("client_reference_id", json!("boo_1")),
        ("metadata", json!({"contact": "con_1"})),
        ("ui_mode", json!("hosted_page")),
    ] {
        assert_eq!(begun[field], value, "{field}");
    }
    assert!(id(&session).starts_with("cs_test_"));
    assert_eq!(session["url"], format!("http://{}/stripe/pay/{}", town.address, id(&session)));
    assert_eq!(session["expires_at"].as_i64().unwrap() - session["created"].as_i64().unwrap(), 86_400);

    let paid = town.sandbox.till().pay(id(&session), "ann@example.com").unwrap();
    assert_eq!(paid["status"], "complete");
    assert_eq!((&paid["payment_status"], &paid["url"]), (&json!("paid"), &Value::Null));
    assert_eq!(paid["customer_details"]["email"], "ann@example.com");
    assert_eq!(paid["customer"], Value::Null, "a guest is no customer");
    let fields = |object: &Value| object.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields(&paid), fields(&session), "no field comes or goes");
    assert_eq!(town.kinds().await, PAID);

    let path = format!("payment_intents/{}?expand[]=latest_charge", paid["payment_intent"].as_str().unwrap());
    let (_, intent) = town.stripe_get(&path).await;
    assert_eq!((&intent["status"], &intent["amount_received"]), (&json!("succeeded"), &json!(15_000)));
    assert_eq!(intent["metadata"], json!({"contact": "con_1"}));
    assert!(intent.get("invoice").is_none());
    let charge = &intent["latest_charge"];
    assert_eq!((&charge["paid"], &charge["amount_captured"]), (&json!(true), &json!(15_000)));
    assert_eq!(charge["billing_details"]["email"], "ann@example.com");
    let event = town.event("checkout.session.completed").await;
    assert_eq!((&event["data"]["object"], &event["livemode"]), (&paid, &json!(false)));
    assert_eq!(event["api_version"], sandbox::STRIPE_VERSION);
    assert!(event["data"].get("previous_attributes").is_none());
}

#[tokio::test]
async fn the_metadata_of_a_session_is_not_the_payments() {
    let town = Town::new().await;
    let session = town.session_of(&order_with("payment_intent_data[metadata][contact]", None)).await;
    let paid = town.sandbox.till().pay(id(&session), "ann@example.com").unwrap();
    let intent = town.sandbox.till().get(paid["payment_intent"].as_str().unwrap()).unwrap();
    assert_eq!((&paid["metadata"], &intent["metadata"]), (&json!({"contact": "con_1"}), &json!({})));
}

#[tokio::test]
async fn a_declined_card_leaves_the_session_open_and_its_intent_is_used_again() {
    let town = Town::new().await;
    let (session, till) = (town.session().await, town.sandbox.till());
    let failed = till.fail(id(&session)).unwrap();
    assert_eq!((&failed["status"], &failed["payment_status"]), (&json!("open"), &json!("unpaid")));
    assert_eq!(
        town.kinds().await,
        ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]
    );
    let event = town.event("payment_intent.payment_failed").await;
    let intent = &event["data"]["object"];
    assert_eq!(intent["last_payment_error"]["code"], "card_declined");
    assert_eq!(intent["status"], "requires_payment_method");
    let paid = till.pay(id(&session), "ann@example.com").unwrap();
    assert_eq!(paid["payment_intent"], failed["payment_intent"]);
    assert_eq!(town.kinds().await[3..], PAID[1..]);
    let (_, charges) =
        town.stripe_get(&format!("charges?payment_intent={}", intent["id"].as_str().unwrap())).await;
    let statuses: Vec<_> =
        charges["data"].as_array().unwrap().iter().map(|charge| &charge["status"]).collect();
    assert_eq!(statuses, ["succeeded", "failed"]);
}

#[tokio::test]
async fn a_payment_by_bank_is_heard_of_later() {
    for (fine, status, kinds) in [
        (
            true,
            "paid",
            ["charge.succeeded", "payment_intent.succeeded", "checkout.session.async_payment_succeeded"],
        ),
        (
            false,
            "unpaid",
            ["charge.failed", "payment_intent.payment_failed", "checkout.session.async_payment_failed"],
        ),
    ] {
        let town = Town::new().await;
        let (session, till) = (town.session().await, town.sandbox.till());
        let begun = till.pay_async(id(&session), "ann@example.com").unwrap();
        assert_eq!((&begun["status"], &begun["payment_status"]), (&json!("complete"), &json!("unpaid")));
        let first = ["payment_intent.created", "charge.pending", "payment_intent.processing", PAID[3]];
        assert_eq!(town.kinds().await, first);
        let done = till.settle(id(&session), fine).unwrap();
        assert_eq!(done["payment_status"], status);
        assert_eq!(town.kinds().await[4..], kinds);
        assert_eq!(town.stripe_get("charges").await.1["data"].as_array().unwrap().len(), 1);
        assert!(till.settle(id(&session), fine).is_err() == fine);
    }
}

#[tokio::test]
async fn a_session_expires_by_itself_by_hand_and_by_call() {
    let town = Town::new().await;
    let till = town.sandbox.till();
    let (first, second) = (town.session().await, town.session().await);
    let expired = town.stripe_post(&format!("checkout/sessions/{}/expire", id(&first)), &[]).await.1;
    assert_eq!((&expired["status"], &expired["url"]), (&json!("expired"), &Value::Null));
    let asked = town.event("checkout.session.expired").await;
    assert!(asked["request"]["id"].as_str().unwrap().starts_with("req_"));
    till.fail(id(&second)).unwrap();
    let hours = |hours| Timestamp::now() + SignedDuration::from_hours(hours);
    assert_eq!(till.expire_due(hours(23)).unwrap(), 0);
    assert_eq!(till.expire_due(hours(25)).unwrap(), 1);
    assert_eq!(till.get(id(&second)).unwrap()["status"], "expired");
    let kinds = town.kinds().await;
    assert_eq!(kinds[kinds.len() - 2..], ["checkout.session.expired", "payment_intent.canceled"]);
    assert!(till.pay(id(&second), "ann@example.com").is_err());
}

#[tokio::test]
async fn refunds_add_up() {
    let town = Town::new().await;
    let till = town.sandbox.till();
    let paid = till.pay(id(&town.session().await), "ann@example.com").unwrap();
    let intent = paid["payment_intent"].as_str().unwrap();
    let pairs = [("payment_intent", intent.to_owned()), ("amount", "5000".to_owned())];
    let (status, refund) = town.stripe_post("refunds", &pairs).await;
    assert_eq!(
        (status.as_u16(), &refund["status"], &refund["amount"]),
        (200, &json!("succeeded"), &json!(5000))
    );
    let event = town.event("charge.refunded").await;
    assert_eq!(event["data"]["previous_attributes"], json!({"amount_refunded": 0}));
    let charge = &event["data"]["object"];
    assert_eq!((&charge["amount_refunded"], &charge["refunded"]), (&json!(5000), &json!(false)));
    till.refund(intent, None).unwrap();
    let event = town.event("charge.refunded").await;
    let charge = &event["data"]["object"];
    assert_eq!((&charge["amount_refunded"], &charge["refunded"]), (&json!(15_000), &json!(true)));
    assert_eq!(event["data"]["previous_attributes"], json!({"amount_refunded": 5000, "refunded": false}));
    let path = format!("charges/{}?expand[]=refunds", id(charge));
    let (_, charge) = town.stripe_get(&path).await;
    let amounts: Vec<_> =
        charge["refunds"]["data"].as_array().unwrap().iter().map(|one| &one["amount"]).collect();
    assert_eq!(amounts, [&json!(10_000), &json!(5000)]);
    assert_eq!(
        town.kinds().await[4..],
        ["refund.created", "charge.refunded", "refund.created", "charge.refunded"]
    );
}

#[tokio::test]
async fn a_dispute_opens_and_closes() {
    for (won, status, rest) in [
        (true, "won", vec!["charge.dispute.closed", "charge.dispute.funds_reinstated"]),
        (false, "lost", vec!["charge.dispute.closed"]),
    ] {
        let town = Town::new().await;
        let till = town.sandbox.till();
        let paid = till.pay(id(&town.session().await), "ann@example.com").unwrap();
        let intent = paid["payment_intent"].as_str().unwrap();
        let dispute = till.dispute(intent).unwrap();
        assert!(id(&dispute).starts_with("dp_") && dispute["status"] == "needs_response");
        assert_eq!(till.get(dispute["charge"].as_str().unwrap()).unwrap()["disputed"], true);
        assert!(till.refund(intent, None).is_err() && till.dispute(intent).is_err());
        assert_eq!(till.close_dispute(id(&dispute), won).unwrap()["status"], status);
        assert!(till.close_dispute(id(&dispute), won).is_err());
        let opened = ["charge.dispute.created", "charge.dispute.funds_withdrawn"];
        assert_eq!(town.kinds().await[4..], [opened.to_vec(), rest].concat());
        let closed = town.event("charge.dispute.closed").await;
        assert_eq!(closed["data"]["previous_attributes"], json!({"status": "needs_response"}));
        let (_, list) = town.stripe_get(&format!("disputes?payment_intent={intent}")).await;
        assert_eq!(list["data"][0]["status"], status);
    }
}
