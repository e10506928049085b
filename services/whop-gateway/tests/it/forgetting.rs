//! A person who was forgotten stays forgotten, whatever Whop tells of them.

use proto::{common::v1::Person, sheets::v1::Party};
use serde_json::json;
use tokio::sync::oneshot;

use super::{
    rig::{NO_MEMBERSHIP, Rig, said},
    whop::Fault,
};

pub(crate) fn user(user: &str) -> Person {
    Person { whop_user_ids: vec![user.into()], ..Default::default() }
}

async fn with_two() -> Rig {
    let rig = Rig::start().await;
    for (number, user) in [("1", "user_mara"), ("2", "user_jonas")] {
        let (membership, payment) = (format!("mem_{number}"), format!("pay_{number}"));
        rig.whop.join(&membership, user, "plan_growthmonthly");
        rig.whop.pay(&payment, user, &membership, "1490.00");
        rig.tell(&format!("msg_m{number}"), "membership.activated", "memberships", &membership).await;
        rig.tell(&format!("msg_p{number}"), "payment.succeeded", "payments", &payment).await;
        rig.list(user).await.unwrap();
    }
    rig.books.until(|told| told.payments.len() == 2 && told.subscriptions.len() == 2).await;
    rig.settle().await;
    rig
}

#[tokio::test]
async fn names_go_and_amounts_stay_and_a_late_webhook_brings_nothing_back() {
    let rig = with_two().await;
    rig.ask_for_help("user_mara", "r1", ("Help", "Please")).await.unwrap();
    rig.time.pass(60);
    let mut erased = rig.forget("era_1", user("user_mara")).await;
    erased.retain(|(kind, _)| kind != "messages");
    erased.sort();
    let expected = [("memberships", 1), ("payments", 1), ("tickets", 1), ("users", 1)];
    assert_eq!(erased, expected.map(|(kind, number)| (kind.to_owned(), number)));
    rig.time.pass(60);
    rig.whop.change("memberships", "mem_1", json!({"status": "past_due"}));
    rig.whop.change(
        "payments",
        "pay_1",
        json!({"refunded_amount": {"amount": "1490.00", "currency": "eur"}}),
    );
    rig.tell("msg_3", "membership.updated", "memberships", "mem_1").await;
    rig.tell("msg_4", "payment.updated", "payments", "pay_1").await;
    let told = rig.books.until_subscription("mem_1", |it| it.status == "past_due").await;
    assert_eq!(told.party, Some(Party::default()));
    let told = rig.books.until_payment("pay_1", |it| it.status == "refunded").await;
    assert_eq!(
        (told.party, told.payment.unwrap().amount.unwrap().minor_units),
        (Some(Party::default()), 149_000)
    );
    assert!(rig.ids("user_mara").await.is_empty());
    assert_eq!(said(&rig.get("user_mara", "mem_1").await.unwrap_err()), NO_MEMBERSHIP);
    assert_eq!(rig.ids("user_jonas").await, ["mem_2"], "another is not touched");
    rig.stop().await;
}

#[tokio::test]
async fn who_is_known_by_e_mail_alone_is_found_by_it() {
    let rig = with_two().await;
    rig.time.pass(60);
    let person = Person { emails: vec!["Mara@Example.com ".into()], ..Default::default() };
    let erased = rig.forget("era_1", person).await;
    assert!(
        erased.contains(&("payments".to_owned(), 1)) && !erased.iter().any(|(kind, _)| kind == "memberships"),
        "{erased:?}"
    );
    rig.whop.change("payments", "pay_1", json!({"substatus": "dispute_needs_response"}));
    rig.tell("msg_3", "payment.updated", "payments", "pay_1").await;
    let told = rig.books.until_payment("pay_1", |it| it.status == "disputed").await;
    assert_eq!(told.party, Some(Party::default()));
    rig.stop().await;
}

#[tokio::test]
async fn what_whop_tells_late_of_whoever_was_forgotten_names_nobody() {
    let rig = Rig::start().await;
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    rig.time.pass(60);
    rig.forget("era_1", user("user_mara")).await;
    rig.tell("msg_1", "membership.activated", "memberships", "mem_1").await;
    let told = rig.books.until_subscription("mem_1", |_| true).await;
    assert_eq!(told.party, Some(Party::default()));
    rig.time.pass(60);
    rig.whop.join("mem_2", "user_mara", "plan_growthmonthly");
    rig.tell("msg_2", "membership.activated", "memberships", "mem_2").await;
    let told = rig.books.until_subscription("mem_2", |_| true).await;
    assert_eq!(told.party.unwrap().verified_whop_user_id, "user_mara", "who joins again is somebody");
    rig.stop().await;
}

#[tokio::test]
async fn what_was_passed_on_is_its_new_members() {
    let rig = with_two().await;
    rig.time.pass(60);
    rig.whop.change("memberships", "mem_1", json!({"user_id": "user_lena"}));
    rig.tell("msg_3", "membership.updated", "memberships", "mem_1").await;
    rig.books.until(|told| told.subscriptions.len() == 3).await;
    let erased = rig.forget("era_1", user("user_mara")).await;
    assert!(!erased.iter().any(|(kind, _)| kind == "memberships"), "{erased:?}");
    assert_eq!(rig.ids("user_lena").await, ["mem_1"]);
    // And what is passed on only afterwards is theirs from then on.
    rig.forget("era_2", user("user_jonas")).await;
    rig.time.pass(301);
    rig.whop.change("memberships", "mem_2", json!({"user_id": "user_lena"}));
    assert_eq!(rig.ids("user_lena").await.len(), 2);
    rig.whop.change("memberships", "mem_2", json!({"user_id": "user_jonas"}));
    rig.time.pass(301);
    assert!(rig.ids("user_jonas").await.is_empty(), "it was theirs before they were forgotten");
    rig.stop().await;
}

#[tokio::test]
async fn an_answer_that_was_under_way_brings_nobody_back() {
    let rig = with_two().await;
    rig.time.pass(301);
    let (release, held) = oneshot::channel();
    rig.whop.fail("GET /memberships", Fault::Held(held));
    let listed = rig.list("user_mara");
    let meanwhile = async {
        rig.whop.until_held().await;
        rig.time.pass(1);
        let erased = rig.forget("era_1", user("user_mara")).await;
        assert!(erased.contains(&("users".to_owned(), 1)), "{erased:?}");
        release.send(()).unwrap();
    };
    let (listed, ()) = tokio::join!(listed, meanwhile);
    assert!(listed.unwrap().memberships.is_empty());
    rig.time.pass(1);
    let left = rig.forget("era_2", user("user_mara")).await;
    assert!(!left.iter().any(|(kind, _)| kind == "users"), "{left:?}");
    rig.stop().await;
}
