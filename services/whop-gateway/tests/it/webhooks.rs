//! Webhooks as Whop sends them, and as others do who would like to be Whop.

use domain::{Kind, Reason};
use proptest::{
    strategy::{Strategy, ValueTree as _},
    test_runner::TestRunner,
};
use proto::common::v1::InboxState;
use serde_json::json;

use super::{
    rig::{Headers, Rig, SECRET, said, signed},
    whop::Fault,
};

async fn with_mara() -> Rig {
    let rig = Rig::start().await;
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    rig
}

#[tokio::test]
async fn a_message_is_worked_on_once_and_believed_in_nothing_but_its_id() {
    let rig = with_mara().await;
    let mut message = rig.whop.message("msg_1", "membership.activated", "memberships", "mem_1");
    message["data"]["user_id"] = json!("user_eve");
    message["data"]["status"] = json!("expired");
    assert!(!rig.send(&message).await.unwrap());
    let told = rig.books.until_subscription("mem_1", |it| it.status == "active").await;
    let party = told.party.unwrap();
    assert_eq!((party.verified_whop_user_id.as_str(), party.claimed), ("user_mara", false));
    assert!(rig.send(&message).await.unwrap(), "it was taken before");
    assert!(rig.ids("user_eve").await.is_empty());
    rig.settle().await;
    assert_eq!(
        (rig.books.told().subscriptions.len(), rig.whop.asked("GET /memberships/mem_1").len()),
        (1, 1)
    );
    rig.stop().await;
}

#[tokio::test]
async fn forty_forged_messages_change_nothing() {
    let rig = with_mara().await;
    let body =
        rig.whop.message("msg_1", "membership.activated", "memberships", "mem_1").to_string().into_bytes();
    let now = rig.time.now().as_second();
    let right = signed(SECRET, "msg_1", now, &body);
    let with = |name: &str, value: &str| -> Headers {
        let mut headers = right.clone();
        headers.insert(name.to_owned(), value.to_owned());
        headers
    };
    let mut forged = vec![
        (Headers::new(), body.clone()),
        (signed("ws_other", "msg_1", now, &body), body.clone()),
        (signed("", "msg_1", now, &body), body.clone()),
        (signed(SECRET, "msg_1", now - 301, &body), body.clone()),
        (signed(SECRET, "msg_1", now + 301, &body), body.clone()),
        (signed(SECRET, "msg_1", now, b"{}"), body.clone()),
        (with("webhook-id", "msg_2"), body.clone()),
        (with("webhook-timestamp", &(now + 1).to_string()), body.clone()),
        (with("webhook-signature", &right["webhook-signature"].replace("v1,", "v2,")), body.clone()),
        (with("webhook-signature", ""), body.clone()),
        (with("webhook-timestamp", ""), body.clone()),
    ];
    // A byte changed somewhere.
    let mut runner = TestRunner::deterministic();
    while forged.len() < 40 {
        let (at, bit) = (0..body.len(), 0..7u8).new_tree(&mut runner).unwrap().current();
        let mut changed = body.clone();
        changed[at] ^= 1 << bit;
        forged.push((right.clone(), changed));
    }
    for (headers, body) in forged {
        let refused = rig.receive(headers, body).await.unwrap_err();
        assert_eq!(said(&refused), (Kind::Unauthenticated, Reason::SignatureWrong));
    }
    assert!(rig.whop.asked("").is_empty() && rig.inbox(InboxState::Unspecified).await.is_empty());
    assert!(!rig.receive(right, body).await.unwrap(), "and the right one is taken");
    let nonsense = signed(SECRET, "msg_3", now, b"[]");
    assert_eq!(said(&rig.receive(nonsense, b"[]".to_vec()).await.unwrap_err()).1, Reason::Malformed);
    rig.stop().await;
}

#[tokio::test]
async fn a_message_about_what_whop_does_not_know_parks_with_its_reason() {
    for (event, thing, asked) in [
        ("membership.activated", "mem_404", "GET /memberships/mem_404"),
        ("payment.succeeded", "pay_404", "GET /payments/pay_404"),
        ("refund.created", "rf_404", "GET /refunds/rf_404"),
        ("dispute.created", "dspt_404", "GET /disputes/dspt_404"),
        ("member.updated", "mber_404", "GET /members/mber_404"),
    ] {
        let rig = Rig::start().await;
        rig.send(&json!({"id": "msg_1", "type": event, "data": {"id": thing}})).await.unwrap();
        rig.whop.until_asked(asked, 1).await;
        let mut parked = Vec::new();
        for _ in 0..20 {
            rig.time.pass(3 * 3_600);
            rig.replay(&rig.inbox(InboxState::Unspecified).await[0].message_id).await;
            parked = rig.inbox(InboxState::Parked).await;
            if !parked.is_empty() {
                break;
            }
        }
        assert_eq!(parked.len(), 1, "{event}");
        assert!(parked[0].problem.contains("of the same account as the key"), "{}", parked[0].problem);
        rig.stop().await;
    }
}

#[tokio::test]
async fn what_whop_does_not_show_yet_is_asked_for_again() {
    let rig = with_mara().await;
    rig.list("user_mara").await.unwrap();
    let before = rig.whop.thing("memberships", "mem_1");
    rig.time.pass(10);
    rig.whop.change("memberships", "mem_1", json!({"status": "past_due"}));
    let message = rig.whop.message("msg_1", "membership.updated", "memberships", "mem_1");
    let after = rig.whop.thing("memberships", "mem_1");
    rig.whop.put("memberships", before);
    let (release, held) = tokio::sync::oneshot::channel();
    rig.whop.fail("GET /memberships/mem_1", Fault::Held(held));
    rig.send(&message).await.unwrap();
    rig.whop.until_held().await;
    rig.whop.put("memberships", after);
    release.send(()).unwrap();
    rig.settle_in_time().await;
    rig.books.until_subscription("mem_1", |it| it.status == "past_due").await;
    rig.stop().await;
}

#[tokio::test]
async fn whop_down_is_tried_again_until_it_answers() {
    let rig = with_mara().await;
    rig.whop.fail("GET /memberships/mem_1", Fault::Busy(7));
    rig.tell("msg_1", "membership.activated", "memberships", "mem_1").await;
    rig.whop.until_asked("GET /memberships/mem_1", 1).await;
    rig.settle_in_time().await;
    rig.books.until_subscription("mem_1", |_| true).await;
    rig.stop().await;
}

#[tokio::test]
async fn every_sort_of_event_ends_in_its_row() {
    let rig = with_mara().await;
    rig.whop.pay("pay_1", "user_mara", "mem_1", "1490.00");
    rig.whop.put("refunds", json!({"id": "rf_1", "payment_id": "pay_1", "created_at": rig.time.now()}));
    rig.whop.put("disputes", json!({"id": "dspt_1", "payment": {"id": "pay_1"}}));
    let money = |amount: &str| json!({"amount": amount, "currency": "eur", "decimals": 2});
    rig.tell("msg_1", "payment.succeeded", "payments", "pay_1").await;
    rig.books.until_payment("pay_1", |it| it.status == "paid" && it.pay_time.is_some()).await;
    rig.whop.change(
        "payments",
        "pay_1",
        json!({"refunded_amount": money("490.00"), "substatus": "partially_refunded"}),
    );
    rig.send(
        &json!({"id": "msg_2", "type": "refund.created", "data": {"id": "rf_1", "payment_id": "pay_1"}}),
    )
    .await
    .unwrap();
    let told = rig.books.until_payment("pay_1", |it| it.status == "partially_refunded").await;
    assert_eq!(told.payment.unwrap().refunded.unwrap().minor_units, 49_000);
    rig.whop.change(
        "payments",
        "pay_1",
        json!({"refunded_amount": money("1490.00"), "substatus": "refunded"}),
    );
    // It does not say of which payment: the refund is asked for.
    rig.send(&json!({"id": "msg_3", "type": "refund.updated", "data": {"id": "rf_1"}})).await.unwrap();
    rig.books.until_payment("pay_1", |it| it.status == "refunded").await;
    rig.whop.change(
        "payments",
        "pay_1",
        json!({"refunded_amount": money("0.00"), "substatus": "dispute_needs_response"}),
    );
    rig.send(&json!({"id": "msg_4", "type": "dispute.created", "data": {"id": "dspt_1"}})).await.unwrap();
    rig.books.until_payment("pay_1", |it| it.status == "disputed").await;
    rig.whop.change("payments", "pay_1", json!({"substatus": "dispute_lost"}));
    rig.send(&json!({"id": "msg_5", "type": "dispute.updated", "data": {"id": "dspt_1"}})).await.unwrap();
    let told = rig.books.until_payment("pay_1", |it| it.status == "lost").await;
    let metadata: serde_json::Value = serde_json::from_str(&told.payment.unwrap().metadata).unwrap();
    assert_eq!(
        metadata,
        json!({"membership": "mem_1", "product": "prod_growthretainer", "plan": "plan_growthmonthly"})
    );
    rig.whop
        .put("members", json!({"id": "mber_1", "user": {"id": "user_mara"}, "email": "mara@example.com"}));
    let member = json!({"id": "msg_6", "type": "member.updated", "data": {"id": "mber_1"}});
    rig.send(&member).await.unwrap();
    rig.books.until_subscription("mem_1", |_| true).await;
    rig.settle().await;
    rig.stop().await;
}
