//! What members have, as fresh as they are told.

use domain::{Kind, Reason};
use proto::{
    common::v1::Person,
    whop::v1::{
        FindMembersRequest, ListMembershipsRequest, ListPaymentsRequest, LookUpLicenseRequest,
        MembershipStatus, ValidateLicenseRequest,
    },
};
use serde_json::json;
use tokio::sync::oneshot;

use super::{
    rig::{NO_MEMBERSHIP, Rig, caller, said},
    whop::Fault,
};

const OF_MARA: &str = "GET /memberships";

#[tokio::test]
async fn what_gives_access_comes_first_and_every_word_of_it_is_whops() {
    let rig = Rig::start().await;
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    rig.time.pass(60);
    rig.whop.join("mem_2", "user_mara", "plan_scalemonthly");
    rig.whop.change("memberships", "mem_2", json!({"status": "expired"}));
    rig.whop.join("mem_3", "user_jonas", "plan_scalemonthly");
    let all = rig.list("user_mara").await.unwrap();
    let shown: Vec<_> =
        all.memberships.iter().map(|one| (one.membership_id.as_str(), one.has_access)).collect();
    assert_eq!(shown, [("mem_1", true), ("mem_2", false)]);
    let first = &all.memberships[0];
    assert_eq!(
        (first.product.as_str(), first.plan.as_str(), first.status()),
        ("prod_growthretainer", "growthmonthly", MembershipStatus::Active)
    );
    assert!(first.renew_time.is_some() && first.expire_time.is_none() && !first.cancel_at_period_end);
    assert!(!all.freshness.unwrap().stale);
    assert_eq!(rig.get("user_mara", "mem_1").await.unwrap(), *first);
    for id in ["mem_3", "mem_9", "../mem_1", ""] {
        assert_eq!(said(&rig.get("user_mara", id).await.unwrap_err()), NO_MEMBERSHIP, "{id}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn whoever_shows_no_checked_token_is_told_nothing() {
    let rig = Rig::start().await;
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    for caller in [None, caller("")] {
        let request = ListMembershipsRequest { caller };
        let refused = rig.client.clone().list_memberships(request).await.unwrap_err();
        assert_eq!(said(&refused), (Kind::Unauthenticated, Reason::UserTokenWrong));
    }
    assert_eq!(rig.list("user/../x").await.unwrap_err().code(), tonic::Code::InvalidArgument);
    assert!(rig.whop.asked("").is_empty());
    rig.stop().await;
}

#[tokio::test]
async fn an_answer_is_good_for_five_minutes_and_a_webhook_is_at_once() {
    let rig = Rig::start().await;
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    rig.list("user_mara").await.unwrap();
    let asked = rig.whop.asked(OF_MARA).len();
    rig.time.pass(299);
    rig.whop.change("memberships", "mem_1", json!({"status": "past_due"}));
    assert_eq!(rig.get("user_mara", "mem_1").await.unwrap().status(), MembershipStatus::Active);
    assert_eq!(rig.whop.asked(OF_MARA).len(), asked, "nobody asked whop");
    rig.tell("msg_1", "membership.updated", "memberships", "mem_1").await;
    rig.settle().await;
    assert_eq!(rig.get("user_mara", "mem_1").await.unwrap().status(), MembershipStatus::PastDue);
    rig.whop.change("memberships", "mem_1", json!({"status": "canceled"}));
    rig.time.pass(1);
    assert_eq!(rig.get("user_mara", "mem_1").await.unwrap().status(), MembershipStatus::Canceled);
    rig.stop().await;
}

#[tokio::test]
async fn while_whop_is_away_the_last_answer_is_marked_and_it_is_left_alone() {
    let rig = Rig::start().await;
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    let first = rig.list("user_mara").await.unwrap();
    rig.time.pass(301);
    rig.whop.go_down(503);
    let before = rig.whop.asked("").len();
    let stale = rig.list("user_mara").await.unwrap();
    assert_eq!(stale.memberships, first.memberships);
    let freshness = stale.freshness.unwrap();
    assert_eq!((freshness.stale, freshness.as_of), (true, first.freshness.unwrap().as_of));
    let asked = rig.whop.asked("").len();
    assert_eq!(asked, before + 2, "once, and once more");
    assert!(rig.list("user_mara").await.unwrap().freshness.unwrap().stale);
    assert_eq!(rig.whop.asked("").len(), asked, "for some seconds it is not asked");
    let unknown = rig.list("user_jonas").await.unwrap_err();
    assert_eq!(said(&unknown), (Kind::Unavailable, Reason::ProviderUnavailable), "nothing is known of Jonas");
    rig.whop.come_back();
    rig.time.pass(6);
    assert!(!rig.list("user_mara").await.unwrap().freshness.unwrap().stale);
    rig.stop().await;
}

#[tokio::test]
async fn whop_is_left_alone_for_as_long_as_it_says() {
    let rig = Rig::start().await;
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    rig.list("user_mara").await.unwrap();
    rig.time.pass(301);
    rig.whop.fail("GET /memberships", Fault::Busy(30));
    assert!(rig.list("user_mara").await.unwrap().freshness.unwrap().stale);
    rig.time.pass(29);
    assert!(rig.list("user_mara").await.unwrap().freshness.unwrap().stale);
    rig.time.pass(1);
    assert!(!rig.list("user_mara").await.unwrap().freshness.unwrap().stale);
    rig.stop().await;
}

#[tokio::test]
async fn ten_who_ask_at_once_ask_whop_once() {
    let rig = Rig::start().await;
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    let (release, held) = oneshot::channel();
    rig.whop.fail(OF_MARA, Fault::Held(held));
    let rig = std::sync::Arc::new(rig);
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let rig = rig.clone();
            tokio::spawn(async move { rig.list("user_mara").await.unwrap().memberships.len() })
        })
        .collect();
    rig.whop.until_asked(OF_MARA, 1).await;
    release.send(()).unwrap();
    for call in calls {
        assert_eq!(call.await.unwrap(), 1);
    }
    assert_eq!(rig.whop.asked(OF_MARA).len(), 1);
    std::sync::Arc::into_inner(rig).unwrap().stop().await;
}

#[tokio::test]
async fn access_follows_from_a_membership_else_whop_is_asked() {
    let rig = Rig::start().await;
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    let asks = || rig.whop.asked("GET /users").len();
    assert!(rig.access("user_mara", "prod_growthretainer").await.unwrap().has_access);
    assert_eq!(asks(), 0, "a membership says enough");
    assert!(!rig.access("user_mara", "prod_scaleretainer").await.unwrap().has_access);
    rig.whop.let_in("user_lena", "prod_scaleretainer");
    let team = rig.access("user_lena", "prod_scaleretainer").await.unwrap();
    assert_eq!((team.has_access, team.freshness.unwrap().stale, asks()), (true, false, 2));
    rig.whop.go_down(503);
    let away = rig.access("user_lena", "prod_scaleretainer").await.unwrap();
    assert_eq!((away.has_access, away.freshness.unwrap().stale), (false, true));
    let asked = asks();
    assert!(rig.access("user_mara", "prod_growthretainer").await.unwrap().has_access);
    assert!(rig.access("user_lena", "prod_scaleretainer").await.unwrap().freshness.unwrap().stale);
    assert_eq!(asks(), asked, "it is left alone");
    for wrong in ["", "..", "prod/x", "prod_1?x"] {
        assert_eq!(
            rig.access("user_mara", wrong).await.unwrap_err().code(),
            tonic::Code::InvalidArgument,
            "{wrong}"
        );
    }
    rig.stop().await;
}

#[tokio::test]
async fn payments_are_their_payers_alone_and_the_newest_comes_first() {
    let rig = Rig::start().await;
    for (id, user, amount) in
        [("pay_1", "user_mara", "10.00"), ("pay_2", "user_jonas", "20.00"), ("pay_3", "user_mara", "30.00")]
    {
        rig.whop.pay(id, user, "mem_1", amount);
        rig.tell(&format!("msg_{id}"), "payment.succeeded", "payments", id).await;
        rig.time.pass(60);
    }
    rig.whop.change("payments", "pay_1", json!({"refunded_amount": {"amount": "4.00", "currency": "eur"}}));
    rig.tell("msg_4", "payment.updated", "payments", "pay_1").await;
    rig.settle().await;
    let paid = |user: &str| {
        let request = ListPaymentsRequest { caller: caller(user) };
        let mut client = rig.client.clone();
        async move { Ok::<_, tonic::Status>(client.list_payments(request).await?.into_inner().payments) }
    };
    let of_mara = paid("user_mara").await.unwrap();
    let shown: Vec<_> = of_mara.iter().map(|one| (one.payment_id.as_str(), one.status.as_str())).collect();
    assert_eq!(shown, [("pay_3", "paid"), ("pay_1", "partially_refunded")]);
    let first = &of_mara[1];
    let minor = |money: &Option<proto::common::v1::Money>| money.as_ref().map(|money| money.minor_units);
    assert_eq!((minor(&first.amount), minor(&first.refunded)), (Some(1_000), Some(400)));
    assert_eq!((minor(&of_mara[0].refunded), first.membership_id.as_str()), (None, "mem_1"));
    assert_eq!(first.pay_time, first.create_time);
    assert_eq!(paid("user_jonas").await.unwrap().len(), 1);
    assert!(paid("user_eve").await.unwrap().is_empty());
    assert_eq!(said(&paid("").await.unwrap_err()), (Kind::Unauthenticated, Reason::UserTokenWrong));
    rig.time.pass(60);
    let person = Person { whop_user_ids: vec!["user_mara".to_owned()], ..Default::default() };
    rig.forget("era_1", person).await;
    assert!(paid("user_mara").await.unwrap().is_empty(), "whoever was forgotten has paid nothing");
    rig.stop().await;
}

#[tokio::test]
async fn a_licence_proves_itself_and_names_nobody() {
    let rig = Rig::start().await;
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    rig.whop.change("memberships", "mem_1", json!({"cancel_at_period_end": true}));
    rig.whop.join("mem_2", "user_mara", "plan_scalemonthly");
    rig.whop.change("memberships", "mem_2", json!({"status": "expired"}));
    let validate = |key: &str| {
        let request = ValidateLicenseRequest { caller: caller("user_jonas"), license_key: key.to_owned() };
        let mut client = rig.client.clone();
        async move {
            Ok::<_, tonic::Status>(client.validate_license(request).await?.into_inner().license.unwrap())
        }
    };
    let valid = validate(" KEY-mem_1 ").await.unwrap();
    assert_eq!(
        (valid.valid, valid.status(), valid.product_id.as_str()),
        (true, MembershipStatus::Active, "prod_growthretainer")
    );
    assert!(valid.expire_time.is_some(), "it ends with its period");
    let ended = validate("KEY-mem_2").await.unwrap();
    assert_eq!((ended.valid, ended.status()), (false, MembershipStatus::Expired));
    // The id of a membership is no key, and what leads out of the path is none either.
    for wrong in ["KEY-mem_9", "mem_1", "../users/me", "a b", "é"] {
        assert_eq!(validate(wrong).await.unwrap(), proto::whop::v1::License::default(), "{wrong}");
    }
    assert_eq!(said(&validate("").await.unwrap_err()).0, Kind::Invalid);
    assert_eq!(said(&validate(&"x".repeat(257)).await.unwrap_err()).0, Kind::Invalid);
    rig.stop().await;
}

#[tokio::test]
async fn the_operator_looks_up_who_is_who() {
    let rig = Rig::start().await;
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    let user = json!({"id": "user_mara", "username": "mara", "name": "Mara"});
    rig.whop.put("members", json!({"id": "mber_1", "user": user, "email": "mara@example.com"}));
    let find = |email: &str| {
        let request = FindMembersRequest { caller: None, email: email.to_owned() };
        let mut directory = rig.directory.clone();
        async move { Ok::<_, tonic::Status>(directory.find_members(request).await?.into_inner().members) }
    };
    let found = find("mara@example.com").await.unwrap();
    assert_eq!(
        (found.len(), found[0].whop_user_id.as_str(), found[0].memberships.len()),
        (1, "user_mara", 1)
    );
    assert!(find("jonas@example.com").await.unwrap().is_empty());
    assert_eq!(said(&find("mara").await.unwrap_err()).0, Kind::Invalid);
    let request = |key: &str| LookUpLicenseRequest { caller: None, license_key: key.to_owned() };
    let owned = rig.directory.clone().look_up_license(request("KEY-mem_1")).await.unwrap().into_inner();
    assert_eq!(
        (owned.license.unwrap().valid, owned.owner.unwrap().whop_user_id.as_str()),
        (true, "user_mara")
    );
    let none = rig.directory.clone().look_up_license(request("KEY-mem_2")).await.unwrap().into_inner();
    assert_eq!((none.license.unwrap().valid, none.owner), (false, None));
    rig.stop().await;
}
