//! What no webhook brought is found, however often the look for it breaks off.

use proto::common::v1::TickRequest;
use serde_json::json;

use super::{
    rig::Rig,
    whop::{Fault, TODAY},
};

const DAY: i64 = 24 * 3_600;
const DOOR: &str = "https://gateway.example.com/webhooks/whop";

async fn with_things(members: usize) -> Rig {
    let rig = Rig::start().await;
    for number in 0..members {
        let (membership, user) = (format!("mem_{number:03}"), format!("user_{number}"));
        rig.whop.join(&membership, &user, "plan_growthmonthly");
        rig.whop.pay(&format!("pay_{number:03}"), &user, &membership, "1490.00");
    }
    rig
}

#[tokio::test]
async fn lost_webhooks_are_found_and_a_second_look_finds_nothing() {
    let rig = with_things(3).await;
    assert_eq!(rig.reconcile(DAY).await, (6, 6));
    let told = rig.books.until(|told| told.subscriptions.len() == 3 && told.payments.len() == 3).await;
    assert_eq!(told.payment("pay_001").unwrap().party.unwrap().email, "1@example.com");
    rig.settle().await;
    assert_eq!(rig.reconcile(DAY).await, (6, 0));
    rig.time.pass(600);
    // Within the same second as what is known: the time of the change says nothing.
    rig.whop.change("memberships", "mem_001", json!({"status": "past_due"}));
    rig.reconcile(DAY).await;
    rig.books.until_subscription("mem_001", |it| it.status == "past_due").await;
    rig.settle().await;
    rig.whop.change("memberships", "mem_001", json!({"status": "active"}));
    assert_eq!(rig.reconcile(DAY).await, (6, 1));
    rig.books.until_subscription("mem_001", |it| it.status == "active").await;
    rig.stop().await;
}

#[tokio::test]
async fn failed_deliveries_of_our_webhook_say_what_lists_do_not() {
    let rig = with_things(1).await;
    rig.reconcile(DAY).await;
    rig.settle().await;
    // Paid back after more than a usual month.
    rig.time.pass(40 * DAY);
    let money = json!({"amount": "1490.00", "currency": "eur", "decimals": 2});
    rig.reconcile(DAY).await;
    rig.settle().await;
    rig.whop.change("payments", "pay_000", json!({"substatus": "refunded", "refunded_amount": money}));
    let refund =
        json!({"id": "msg_1", "type": "refund.created", "data": {"id": "rf_1", "payment_id": "pay_000"}});
    rig.whop.fail_delivery("https://elsewhere.example.com/hook", refund.clone());
    assert_eq!(rig.reconcile(3_600).await.1, 0, "the webhook of another is none of ours");
    for _ in 0..3 {
        rig.whop.fail_delivery(DOOR, refund.clone());
    }
    let entry = json!({"id": "msg_2", "type": "entry.created", "data": {"id": "entry_1"}});
    rig.whop.fail_delivery(DOOR, entry);
    assert_eq!(rig.reconcile(3_600).await.1, 1, "three attempts are one message");
    rig.books.until_payment("pay_000", |it| it.status == "refunded").await;
    rig.settle().await;
    assert_eq!(rig.reconcile(3_600).await.1, 0);
    rig.stop().await;
}

#[tokio::test]
async fn old_payments_are_looked_at_once_a_day() {
    let rig = with_things(1).await;
    rig.reconcile(DAY).await;
    rig.settle().await;
    rig.time.pass(60 * DAY);
    rig.reconcile(3_600).await;
    rig.time.pass(600);
    rig.whop.change("payments", "pay_000", json!({"substatus": "dispute_lost"}));
    assert_eq!(rig.reconcile(3_600).await.1, 0, "not every time");
    rig.time.pass(DAY);
    assert_eq!(rig.reconcile(3_600).await.1, 1);
    rig.books.until_payment("pay_000", |it| it.status == "lost").await;
    rig.stop().await;
}

#[tokio::test]
async fn a_look_is_a_bounded_portion_and_goes_on_where_it_was_after_a_restart() {
    let rig = with_things(30).await;
    rig.whop.page_of(2);
    let first = rig.look(DAY).await;
    assert_eq!((first.seen, first.missed, first.more, first.until), (20, 20, true, None));
    let rig = rig.restart().await;
    rig.whop.page_of(2);
    let (seen, missed) = rig.reconcile(DAY).await;
    assert_eq!((seen, missed), (40, 40), "nothing is seen twice");
    rig.books.until(|told| told.subscriptions.len() == 30 && told.payments.len() == 30).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_refusal_in_the_middle_keeps_what_was_found() {
    let rig = with_things(6).await;
    rig.whop.page_of(2);
    for fault in [Fault::Busy(9), Fault::Status(503)] {
        rig.whop.fail("GET /payments", fault);
    }
    // It is asked once more after a 503, and not after a 429.
    rig.whop.fail("GET /payments", Fault::Status(503));
    let busy = rig.look(DAY).await;
    assert_eq!((busy.seen, busy.missed, busy.more), (6, 6, true));
    assert!(busy.problem.contains("takes no calls"), "{}", busy.problem);
    let away = rig.look(DAY).await;
    assert_eq!((away.seen, away.more), (0, false));
    assert!(away.problem.contains("unavailable"), "{}", away.problem);
    assert_eq!(rig.reconcile(DAY).await, (6, 6));
    rig.stop().await;
}

#[tokio::test]
async fn a_cursor_that_whop_forgot_begins_its_list_again() {
    let rig = with_things(30).await;
    rig.whop.page_of(2);
    rig.look(DAY).await;
    rig.settle().await;
    rig.whop.fail("GET /memberships", Fault::Status(400));
    let lost = rig.look(DAY).await;
    assert!(lost.more && lost.problem.contains("400"), "{lost:?}");
    let (seen, missed) = rig.reconcile(DAY).await;
    assert_eq!((seen, missed), (60, 40), "the list from its beginning, and what is known counts as nothing");
    rig.stop().await;
}

#[tokio::test]
async fn a_walk_covers_what_is_asked_for_or_begins_anew() {
    let rig = with_things(30).await;
    rig.whop.page_of(2);
    rig.look(DAY).await;
    rig.time.pass(1);
    let covered = rig.look(DAY).await;
    assert_eq!((covered.seen, covered.missed), (20, 20), "it goes on");
    let earlier = rig.look(2 * DAY).await;
    assert_eq!((earlier.seen, earlier.missed), (20, 0), "from the beginning");
    rig.stop().await;
}

#[tokio::test]
async fn who_may_not_see_webhooks_is_told_so_and_sees_the_rest() {
    let rig = with_things(1).await;
    rig.whop.hide_hooks();
    let report = rig.look(DAY).await;
    assert_eq!((report.seen, report.missed, report.more), (2, 2, false));
    assert!(report.problem.starts_with("failed deliveries are not seen"), "{}", report.problem);
    rig.stop().await;
}

#[tokio::test]
async fn the_tick_goes_through_all_of_it_and_then_rests() {
    let rig = with_things(12).await;
    rig.whop.page_of(2);
    for _ in 0..5 {
        rig.operations.clone().tick(TickRequest::default()).await.unwrap();
    }
    rig.books.until(|told| told.subscriptions.len() == 12 && told.payments.len() == 12).await;
    let asked = rig.whop.asked("GET /memberships").len();
    rig.operations.clone().tick(TickRequest::default()).await.unwrap();
    let lists = rig.whop.asked("GET /webhooks").len();
    assert_eq!((lists, rig.whop.asked("GET /memberships").len()), (1, asked), "{TODAY}");
    rig.time.pass(301);
    rig.operations.clone().tick(TickRequest::default()).await.unwrap();
    assert_eq!(rig.whop.asked("GET /webhooks").len(), 2);
    rig.stop().await;
}

#[tokio::test]
async fn what_nobody_was_asked_to_pay_is_never_missed() {
    let rig = with_things(1).await;
    rig.whop.change("payments", "pay_000", json!({"status": "draft", "substatus": null}));
    rig.whop.pay("pay_001", "user_0", "mem_000", "1.00");
    rig.whop.change("payments", "pay_001", json!({"status": "open", "total": null}));
    assert_eq!(rig.reconcile(DAY).await, (3, 1));
    rig.settle().await;
    assert_eq!(rig.reconcile(DAY).await, (3, 0));
    rig.stop().await;
}
