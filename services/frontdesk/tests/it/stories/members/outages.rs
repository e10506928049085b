//! Whop is away for a while, or takes no more calls: webhooks are taken, the rows follow, and members see what was last.

use std::time::Duration;

use sandbox::{Fault, FaultKind, Outcome, Provider};
use serde_json::{Value, json};

use super::{ACTIONS, MEMBERSHIP, PORTAL, id, lives::Life};
use crate::{
    stories::{scripts::Script, sheet::Sheet},
    story::answer::Answer,
    world::{World, until},
};

/// So long Whop says nothing where it hangs.
const HANGS: Duration = Duration::from_millis(500);

fn away(world: &World, kind: FaultKind, count: u32) {
    world.sandbox().inject(Fault { provider: Provider::Whop, path: None, count, kind });
}

/// Plays a story while Whop does this to the next calls, and compares.
async fn ends_the_same(life: Life, kinds: &[FaultKind], expected: &Sheet) {
    let world = World::shop().await;
    for kind in kinds {
        away(&world, kind.clone(), 3);
    }
    Script::Members(life).play(&world, async || {}).await;
    world.faults_met().await;
    world.sheet_becomes(expected).await;
    let log = world.sandbox().webhooks(Provider::Whop).log();
    assert!(log.len() >= 3 && log.iter().all(|sent| sent.outcome == Outcome::Answered(200)), "{log:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whop_that_is_away_loses_nothing() {
    let kinds = [
        FaultKind::Status(503),
        FaultKind::Hang(HANGS),
        FaultKind::RateLimited { retry_after_s: Some(1) },
        FaultKind::RateLimited { retry_after_s: None },
        FaultKind::Reset,
    ];
    for life in [Life::Debt, Life::Upgrade] {
        let expected = Script::Members(life).in_order().await;
        ends_the_same(life, &kinds, &expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_sees_what_was_last_while_whop_is_away_and_is_told_so() {
    let world = World::shop().await;
    let club = world.sandbox().club();
    let membership = id(&club.join("user_mara", "plan_growthmonthly").unwrap());
    let fresh = world.seen_by("mara", MEMBERSHIP).await;
    assert_eq!((&fresh["stale"], &fresh["memberships"][0]["status"]), (&json!(false), &json!("active")));
    world.at_rest().await;

    away(&world, FaultKind::Status(503), u32::MAX);
    club.renew(&membership, false).unwrap();
    // The webhook says that what is known is old; what is newer cannot be had.
    let taken = || {
        let log = world.sandbox().webhooks(Provider::Whop).log();
        log.iter().any(|sent| sent.kind == "membership.updated" && sent.outcome == Outcome::Answered(200))
    };
    until("the webhook is taken", taken).await;
    let last = world.seen_by("mara", MEMBERSHIP).await;
    assert_eq!(last["memberships"], fresh["memberships"], "{last}");
    let actions = world.seen_by("mara", ACTIONS).await;
    assert_eq!(actions["actions"].as_array().unwrap().len(), 3, "no contract is noted: {actions}");
    let page = Answer::of(world.through_whop("mara", reqwest::Method::GET, "/portal")).await;
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.text.contains("Growth Retainer"), "{page:?}");
    world.session_of("mara").await;
    // of whom nothing is known: neither yes nor no
    world.session_in(PORTAL, "jonas").await.problem(503, "PROVIDER_UNAVAILABLE");

    world.sandbox().clear_faults();
    let becomes = |word: &str| world.lines("subscriptions").iter().any(|line| line["status"] == word);
    until("what happened meanwhile is in the books", || becomes("past_due")).await;
    let now = world.seen_by("mara", MEMBERSHIP).await;
    assert_eq!(
        (&now["stale"], &now["memberships"][0]["status"]),
        (&Value::Bool(false), &json!("past_due")),
        "{now}"
    );
    world.stop().await;
}
