//! What is done at Whop is done once.

use serde_json::{Map, Value, json};

use super::{super::Request, ACCOUNT, always, changed, membership, request, whop};

#[tokio::test]
async fn what_is_done_carries_a_key_of_who_asks() {
    let (upstream, client) = whop(|asked| match asked.line.as_str() {
        "POST /whop/api/v1/checkout_configurations" => {
            (200, json!({"id": "ch_1", "purchase_url": "https://whop.com/checkout/plan_1?session=ch_1"}))
        }
        "POST /whop/api/v1/support_channels" => (200, json!({"id": "feed_1"})),
        "POST /whop/api/v1/messages" => {
            (200, json!({"id": "post_1", "created_at": "2026-10-01T12:00:00.000Z"}))
        }
        _ => (404, json!({})),
    })
    .await;
    let metadata: Map<String, Value> = [("frontdesk".to_owned(), json!("upgrade"))].into_iter().collect();
    let checkout =
        client.create_checkout("plan_1", &metadata, Some("https://example.com"), request()).await.unwrap();
    assert_eq!(checkout.purchase_url.as_deref(), Some("https://whop.com/checkout/plan_1?session=ch_1"));
    assert_eq!(
        upstream.last().body,
        json!({"account_id": ACCOUNT, "mode": "payment", "plan_id": "plan_1", "metadata": {"frontdesk": "upgrade"},
            "redirect_url": "https://example.com"})
    );
    assert_eq!(client.support_channel(request()).await.unwrap().id, "feed_1");
    assert_eq!(upstream.last().body, json!({"account_id": ACCOUNT, "user_id": "user_mara"}));
    assert_eq!(client.post_message("feed_1", "Hello", request()).await.unwrap().id, "post_1");
    assert_eq!(upstream.last().body, json!({"channel_id": "feed_1", "content": "Hello"}));
    client.support_channel(request()).await.unwrap();
    client.support_channel(Request { user: "user_jonas", ..request() }).await.unwrap();
    client.support_channel(Request { id: "req_2", ..request() }).await.unwrap();
    let keys: Vec<String> =
        upstream.asked().iter().map(|asked| asked.header("idempotency-key").to_owned()).collect();
    let distinct: std::collections::BTreeSet<&String> = keys.iter().collect();
    assert_eq!((keys.len(), distinct.len()), (6, 5), "{keys:?}");
    assert_eq!(keys[1], keys[3], "the same again has the same key");
    assert!(keys.iter().all(|key| key.len() == 32));
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_repeated_under_its_key() {
    let lost = std::sync::atomic::AtomicBool::new(true);
    let (upstream, client) = whop(move |_| {
        let first = lost.swap(false, std::sync::atomic::Ordering::SeqCst);
        if first { (502, json!({})) } else { (200, json!({"id": "feed_1"})) }
    })
    .await;
    assert_eq!(client.support_channel(request()).await.unwrap().id, "feed_1");
    let keys: Vec<_> =
        upstream.asked().iter().map(|asked| asked.header("idempotency-key").to_owned()).collect();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
}

#[tokio::test]
async fn a_membership_is_never_revoked_at_once() {
    let (upstream, client) = always(200, changed(membership(), "/cancel_at_period_end", json!(true))).await;
    for reason in [None, Some("too expensive")] {
        let ended = client.cancel_at_period_end("mem_0001", reason, request()).await.unwrap();
        assert!(ended.cancel_at_period_end);
        let asked = upstream.last();
        assert_eq!(asked.line, "POST /whop/api/v1/memberships/mem_0001/cancel");
        assert_eq!(asked.body["cancel_at_period_end"], true);
        assert_eq!(asked.body.get("reason").and_then(Value::as_str), reason);
    }
}
