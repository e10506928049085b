//! While Whop is away: what it said last is told, as long as it can still be true.

use domain::{Kind, Reason};
use proto::whop::v1::ValidateLicenseRequest;
use serde_json::json;

use super::{
    rig::{Rig, caller, said},
    whop::Fault,
};

const AWAY: (Kind, Reason) = (Kind::Unavailable, Reason::ProviderUnavailable);

#[tokio::test]
async fn access_ends_when_it_was_said_to_end() {
    let rig = Rig::start().await;
    let ends = |hours: i64| json!(rig.time.now() + jiff::SignedDuration::from_hours(hours));
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    rig.whop.change(
        "memberships",
        "mem_1",
        json!({"cancel_at_period_end": true, "current_period_end": ends(2)}),
    );
    rig.whop.join("mem_2", "user_mara", "plan_scalemonthly");
    rig.whop.change("memberships", "mem_2", json!({"status": "completed", "expires_at": ends(3)}));
    rig.time.pass(1);
    rig.whop.join("mem_3", "user_mara", "plan_playbooklife");
    rig.whop.change("memberships", "mem_3", json!({"current_period_end": ends(1)}));
    let has = async || -> Vec<String> {
        let all = rig.list("user_mara").await.unwrap();
        assert!(all.freshness.unwrap().stale);
        all.memberships.into_iter().filter(|one| one.has_access).map(|one| one.membership_id).collect()
    };
    rig.list("user_mara").await.unwrap();
    rig.whop.go_down(503);
    rig.time.pass(2 * 3_600 - 2);
    assert_eq!(has().await, ["mem_3", "mem_2", "mem_1"]);
    assert!(rig.access("user_mara", "prod_growthretainer").await.unwrap().has_access);
    rig.time.pass(1);
    assert_eq!(has().await, ["mem_3", "mem_2"], "a period that renews ends nothing");
    assert!(!rig.access("user_mara", "prod_growthretainer").await.unwrap().has_access);
    assert!(rig.actions("user_mara").await.iter().all(|action| action.membership_id != "mem_1"));
    rig.time.pass(3_600);
    assert_eq!(has().await, ["mem_3"]);
    rig.whop.come_back();
    rig.time.pass(61);
    let all = rig.list("user_mara").await.unwrap();
    assert!(all.memberships.iter().all(|one| one.has_access), "whop's word counts, whatever the time is");
    rig.stop().await;
}

#[tokio::test]
async fn nothing_is_done_by_what_was_said_more_than_a_day_ago() {
    let rig = Rig::start().await;
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    rig.whop.file("folder_growth", "growth.pdf");
    rig.list("user_mara").await.unwrap();
    rig.whop.go_down(503);
    rig.time.pass(24 * 3_600);
    assert!(!rig.actions("user_mara").await.is_empty());
    rig.time.pass(1);
    assert_eq!(rig.ids("user_mara").await, ["mem_1"], "it is told, with its time");
    let posts = rig.whop.asked("POST").len();
    for refused in [
        rig.files("user_mara", "files").await.unwrap_err(),
        rig.files("user_mara", "").await.unwrap_err(),
        rig.upgrade("user_mara", "upgrade", "r1").await.unwrap_err(),
        rig.ask_for_help("user_mara", "r1", ("Help", "Please")).await.unwrap_err(),
        rig.try_actions("user_mara").await.unwrap_err(),
        rig.cancel("user_mara", "mem_1", "r1", true).await.unwrap_err(),
    ] {
        assert_eq!(said(&refused), AWAY);
    }
    assert_eq!((rig.whop.asked("POST").len(), rig.whop.asked("GET /drive").len()), (posts, 0));
    rig.whop.come_back();
    rig.time.pass(61);
    assert_eq!(rig.files("user_mara", "files").await.unwrap().len(), 1);
    rig.stop().await;
}

#[tokio::test]
async fn whop_rests_for_everybody_and_not_for_longer_because_they_ask() {
    let rig = Rig::start().await;
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    let license = async || {
        let request = ValidateLicenseRequest { caller: caller("user_lena"), license_key: "KEY-mem_1".into() };
        rig.client.clone().validate_license(request).await
    };
    rig.list("user_mara").await.unwrap();
    rig.whop.fail("GET /users", Fault::Busy(30));
    let asked = rig.whop.asked("").len();
    assert!(rig.access("user_mara", "prod_scaleretainer").await.unwrap().freshness.unwrap().stale);
    assert_eq!(rig.whop.asked("").len(), asked + 1);
    for _ in 0..3 {
        rig.time.pass(9);
        assert!(rig.access("user_mara", "prod_scaleretainer").await.unwrap().freshness.unwrap().stale);
        for refused in [rig.list("user_jonas").await.unwrap_err(), license().await.unwrap_err()] {
            assert_eq!(said(&refused).1, Reason::ProviderRateLimited, "nothing is known of it");
        }
    }
    assert_eq!(rig.whop.asked("").len(), asked + 1, "nobody asks it");
    rig.time.pass(3);
    assert!(!rig.access("user_mara", "prod_scaleretainer").await.unwrap().freshness.unwrap().stale);
    rig.whop.fail("GET /memberships/KEY-mem_1", Fault::Busy(10));
    assert_eq!(said(&license().await.unwrap_err()).1, Reason::ProviderRateLimited);
    assert_eq!(said(&rig.list("user_jonas").await.unwrap_err()).1, Reason::ProviderRateLimited);
    rig.time.pass(10);
    assert!(license().await.unwrap().into_inner().license.unwrap().valid);
    rig.stop().await;
}
