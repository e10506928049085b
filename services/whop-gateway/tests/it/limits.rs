//! What one member asks for too often is refused to that member alone.

use domain::{Kind, Reason};
use proto::whop::v1::ValidateLicenseRequest;

use super::rig::{Rig, caller, said};

const LIMITED: (Kind, Reason) = (Kind::RateLimited, Reason::RateLimited);
const HELP: (&str, &str) = ("Help", "Please");

async fn with_two() -> Rig {
    let rig = Rig::start().await;
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    rig.whop.join("mem_2", "user_jonas", "plan_growthmonthly");
    rig.whop.file("folder_growth", "growth.pdf");
    rig
}

/// What Whop was asked to do.
fn done(rig: &Rig) -> usize {
    rig.whop.asked("POST").len()
}

#[tokio::test]
async fn what_members_do_is_counted_over_all_that_they_may_do() {
    let rig = with_two().await;
    let opened = rig.ask_for_help("user_mara", "r1", HELP).await.unwrap();
    for by in ["r2", "r3"] {
        rig.ask_for_help("user_mara", by, HELP).await.unwrap();
    }
    for by in ["r4", "r5"] {
        rig.upgrade("user_mara", "upgrade", by).await.unwrap();
    }
    let before = done(&rig);
    for refused in [
        rig.ask_for_help("user_mara", "r6", HELP).await.unwrap_err(),
        rig.upgrade("user_mara", "upgrade", "r6").await.unwrap_err(),
        rig.cancel("user_mara", "mem_1", "r6", true).await.unwrap_err(),
    ] {
        assert_eq!(said(&refused), LIMITED);
        let fault = chassis::status::fault(&refused);
        let (wait, quota) = (fault.retry_after.unwrap().as_secs(), fault.quota.unwrap());
        assert!((1..=360).contains(&wait), "a tenth of an hour at most: {wait}");
        assert_eq!((quota.limit, quota.remaining), (10, 0));
    }
    assert_eq!(done(&rig), before, "whop is asked nothing");
    assert_eq!(
        rig.ask_for_help("user_mara", "r1", HELP).await.unwrap(),
        opened,
        "what is known costs nothing"
    );
    rig.ask_for_help("user_jonas", "r1", HELP).await.unwrap();
    rig.stop().await;
}

#[tokio::test]
async fn who_may_not_do_something_uses_up_nothing() {
    let rig = with_two().await;
    for by in 0..8 {
        let by = format!("r{by}");
        rig.ask_for_help("user_lena", &by, HELP).await.unwrap_err();
        rig.upgrade("user_mara", "support", &by).await.unwrap_err();
        rig.cancel("user_mara", "mem_1", &by, false).await.unwrap_err();
        rig.cancel("user_mara", "mem_2", &by, true).await.unwrap_err();
    }
    rig.cancel("user_mara", "mem_1", "r9", true).await.unwrap();
    rig.stop().await;
}

#[tokio::test]
async fn what_is_asked_of_others_for_a_member_is_counted_and_what_is_kept_is_not() {
    let rig = with_two().await;
    for _ in 0..30 {
        rig.list("user_mara").await.unwrap();
    }
    // One was the list.
    for _ in 1..20 {
        rig.files("user_mara", "files").await.unwrap();
    }
    let asked = rig.whop.asked("").len();
    let request = ValidateLicenseRequest { caller: caller("user_mara"), license_key: "KEY-mem_1".to_owned() };
    for refused in [
        rig.files("user_mara", "files").await.unwrap_err(),
        rig.access("user_mara", "prod_scaleretainer").await.unwrap_err(),
        rig.client.clone().validate_license(request).await.unwrap_err(),
    ] {
        assert_eq!(said(&refused), LIMITED);
        assert_eq!(chassis::status::fault(&refused).quota.unwrap().limit, 60);
    }
    rig.time.pass(301);
    let stale = rig.list("user_mara").await.unwrap();
    assert_eq!((stale.memberships.len(), stale.freshness.unwrap().stale), (1, true), "what is known is told");
    assert_eq!(rig.whop.asked("").len(), asked, "nobody was asked");
    assert_eq!(rig.files("user_jonas", "files").await.unwrap().len(), 1);
    rig.stop().await;
}
