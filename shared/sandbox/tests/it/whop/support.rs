//! Support channels: one a customer, and messages in them.

use reqwest::Method;
use sandbox::WHOP_ACCOUNT_ID;
use serde_json::json;

use super::{data, id, ids};
use crate::harness::{Town, answer};

#[tokio::test]
async fn a_customer_has_one_channel_however_often_it_is_opened() {
    let town = Town::new().await;
    let open = |user: &str| {
        town.whop_post("support_channels", json!({"account_id": WHOP_ACCOUNT_ID, "user_id": user}))
    };
    let (status, channel) = open("user_mara").await;
    assert_eq!((status.as_u16(), &channel["customer_user"]["id"]), (200, &json!("user_mara")));
    assert_eq!((&channel["last_message"], &channel["resolved_at"]), (&json!(null), &json!(null)));
    assert_eq!(open("user_mara").await.1, channel);
    assert_ne!(id(&open("user_jonas").await.1), id(&channel));
    let message = json!({"channel_id": id(&channel), "content": "Please help"});
    let (_, message) = town.whop_post("messages", message).await;
    assert_eq!((&message["content"], &message["message_type"]), (&json!("Please help"), &json!("regular")));
    let seen = town.whop_get(&format!("messages?channel_id={}", id(&channel))).await;
    assert_eq!(data(&seen), [message]);
    let theirs = town.whop_get("support_channels?customer_user_id=user_mara&include_last_message=true").await;
    assert_eq!(data(&theirs)[0]["last_message"]["content"], "Please help");
    assert_eq!(ids(&town.whop_get("support_channels?open=true").await).len(), 2);
    assert_eq!(answer(town.whop(Method::GET, "messages")).await.0, 400);
}
