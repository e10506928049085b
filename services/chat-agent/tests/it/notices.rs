//! Notices that other services put into a thread.

use domain::{Kind, Reason, workflow};
use proto::common::v1::Caller;
use serde_json::json;

use crate::desk::{Desk, ada, add, refused, request, visitor};

#[tokio::test]
async fn a_notice_stands_once_in_its_thread_and_stays_through_a_reload() {
    let desk = Desk::start().await;
    let (id, _) = desk.begin("plain").await;
    for _ in 0..3 {
        assert!(desk.notify(ada(), &id, "bkg_1:1").await.unwrap());
    }
    assert!(desk.notify(ada(), &id, "bkg_1:2").await.unwrap(), "another word of the same booking");
    desk.events(add(&id, "plain")).await;
    let items = desk.reload(&id).await;
    let kinds: Vec<_> = items.iter().map(|item| item["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        ["user_message", "assistant_message", "widget", "widget", "user_message", "assistant_message"]
    );
    assert_eq!(items[2]["copy_text"], "Your meeting is booked\nStart: Monday 9:00");
    assert_ne!(items[2]["id"], items[3]["id"]);
}

#[tokio::test]
async fn two_who_tell_the_same_at_once_tell_it_once() {
    let desk = Desk::start().await;
    let (id, _) = desk.begin("plain").await;
    let tell = || desk.notify(ada(), &id, "chk_1:paid");
    let told = tokio::join!(tell(), tell(), tell(), tell());
    for added in [told.0, told.1, told.2, told.3] {
        assert!(added.unwrap());
    }
    let items = desk.reload(&id).await;
    assert_eq!(items.iter().filter(|item| item["type"] == "widget").count(), 1);
}

#[tokio::test]
async fn nobody_tells_anything_in_the_thread_of_another_visitor_or_workflow() {
    let desk = Desk::start().await;
    let (id, _) = desk.begin("plain").await;
    for stranger in [visitor(2, workflow::DEFAULT), visitor(1, "client-portal")] {
        assert!(!desk.notify(stranger, &id, "bkg_1:1").await.unwrap());
    }
    assert!(!desk.notify(ada(), "thr_gone", "bkg_1:1").await.unwrap());
    assert_eq!(desk.reload(&id).await.len(), 2);
    refused(
        desk.notify(Caller::default(), &id, "bkg_1:1").await,
        Kind::Unauthenticated,
        Reason::CallerMissing,
    );
    for (thread, notice) in [("a b", "bkg_1"), (&*id, ""), (&*id, "a b")] {
        refused(desk.notify(ada(), thread, notice).await, Kind::Invalid, Reason::InvalidValue);
    }
}

#[tokio::test]
async fn what_happened_stays_told_when_a_turn_is_tried_again() {
    let desk = Desk::start().await;
    let (id, _) = desk.begin("plain").await;
    assert!(desk.notify(ada(), &id, "chk_1:paid").await.unwrap());
    let first = desk.reload(&id).await[0]["id"].clone();
    desk.events(request("threads.retry_after_item", json!({"thread_id": id, "item_id": first}))).await;
    let items = desk.reload(&id).await;
    let kinds: Vec<_> = items.iter().map(|item| item["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["user_message", "widget", "assistant_message"]);
}
