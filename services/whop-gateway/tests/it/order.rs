//! In whatever order news and answers come, what stands is what Whop said last.

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{rig::Rig, whop::Fault};

const LOOK: &str = "GET /memberships/mem_1";

/// Whop's times tell seconds apart: what changes twice within one has the same time.
async fn with_held_answer() -> (Rig, oneshot::Sender<()>) {
    let rig = Rig::start().await;
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    let (release, held) = oneshot::channel();
    rig.whop.fail(LOOK, Fault::Held(held));
    rig.tell("msg_1", "membership.activated", "memberships", "mem_1").await;
    rig.whop.until_held().await;
    rig.whop.change("memberships", "mem_1", json!({"status": "past_due"}));
    (rig, release)
}

#[tokio::test]
async fn an_answer_that_is_late_does_not_stand_before_one_that_was_asked_for_later() {
    let (rig, release) = with_held_answer().await;
    rig.list("user_mara").await.unwrap();
    rig.books.until_subscription("mem_1", |it| it.status == "past_due").await;
    release.send(()).unwrap();
    rig.settle().await;
    assert_eq!(
        rig.list("user_mara").await.unwrap().memberships[0].status().as_str_name(),
        "MEMBERSHIP_STATUS_PAST_DUE"
    );
    assert!(
        rig.books
            .told()
            .subscriptions
            .iter()
            .all(|told| told.subscription.as_ref().unwrap().status == "past_due")
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_list_that_is_late_does_not_either() {
    let rig = Rig::start().await;
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    let (release, held) = oneshot::channel();
    rig.whop.fail("GET /memberships", Fault::Held(held));
    let listed = rig.list("user_mara");
    let meanwhile = async {
        rig.whop.until_held().await;
        rig.whop.change("memberships", "mem_1", json!({"status": "past_due"}));
        rig.tell("msg_1", "membership.updated", "memberships", "mem_1").await;
        rig.books.until_subscription("mem_1", |it| it.status == "past_due").await;
        release.send(()).unwrap();
    };
    let (listed, ()) = tokio::join!(listed, meanwhile);
    assert_eq!(listed.unwrap().memberships[0].status().as_str_name(), "MEMBERSHIP_STATUS_PAST_DUE");
    rig.stop().await;
}

/// All orders of some things.
fn orders(of: &[Value]) -> Vec<Vec<Value>> {
    if of.is_empty() {
        return vec![Vec::new()];
    }
    let with_first = |at: usize| {
        let rest: Vec<Value> =
            of.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, one)| one.clone()).collect();
        orders(&rest).into_iter().map(move |rest| [vec![of[at].clone()], rest].concat())
    };
    (0..of.len()).flat_map(with_first).collect()
}

#[tokio::test]
async fn webhooks_in_any_order_and_twice_end_in_the_same_row() {
    let rig = Rig::start().await;
    let words = ["trialing", "active", "past_due", "expired"];
    for (number, order) in orders(&[json!(0), json!(1), json!(2), json!(3)]).into_iter().enumerate() {
        let id = format!("mem_{number}");
        rig.whop.join(&id, "user_mara", "plan_growthmonthly");
        let messages: Vec<Value> = (0..4)
            .map(|step| {
                rig.whop.change("memberships", &id, json!({"status": words[step]}));
                rig.whop.message(&format!("msg_{number}_{step}"), "membership.updated", "memberships", &id)
            })
            .collect();
        for step in order.iter().chain(&order) {
            let step = usize::try_from(step.as_u64().unwrap()).unwrap();
            rig.send(&messages[step]).await.unwrap();
        }
        rig.books.until_subscription(&id, |it| it.status == "expired").await;
    }
    rig.settle().await;
    let told = rig.books.told();
    for number in 0..24 {
        let row = told.subscription(&format!("mem_{number}")).unwrap().subscription.unwrap();
        assert_eq!((row.status.as_str(), row.mrr.unwrap().minor_units), ("expired", 0));
    }
    rig.stop().await;
}
