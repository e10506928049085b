//! What becomes of a membership, row by row.

use reqwest::Method;
use sandbox::{Generation, Provider};
use serde_json::{Value, json};

use super::{ACTIONS, MEMBERSHIP, id};
use crate::{
    commands::run,
    story::answer::Answer,
    world::{World, until},
};

const MARA: &str = "user_mara";

/// The row of this id, once it says all this.
async fn row<const N: usize>(world: &World, tab: &str, id: &str, says: [(&str, Value); N]) -> Value {
    let fits = |line: &Value| line["id"] == id && says.iter().all(|(column, value)| line[*column] == *value);
    let found = || world.lines(tab).into_iter().find(|line| fits(line));
    until(&format!("{id} says {says:?}"), || found().is_some()).await;
    found().unwrap()
}

/// A membership whose status is this, with its share of the income of a month.
async fn stands(world: &World, membership: &str, status: &str, mrr: Value) -> Value {
    row(world, "subscriptions", membership, [("status", json!(status)), ("mrr", mrr)]).await
}

/// The newest payment at Whop.
fn newest_payment(world: &World) -> String {
    id(&world.sandbox().club().payments().unwrap()[0])
}

#[tokio::test(flavor = "multi_thread")]
async fn who_joins_is_in_the_books_whichever_webhooks_whop_sends() {
    for generation in [Generation::Dated, Generation::Legacy, Generation::Underscored] {
        let world = World::shop().await;
        let club = world.sandbox().club();
        club.speak(generation);
        let membership = id(&club.join(MARA, "plan_growthmonthly").unwrap());
        let subscription = stands(&world, &membership, "active", json!(1490)).await;
        let payment = row(&world, "payments", &newest_payment(&world), [("status", json!("paid"))]).await;
        world.at_rest().await;
        let [contact] = &world.lines("contacts")[..] else { panic!("{generation:?}: one person") };
        assert_eq!(contact["email"], "mara@example.com");
        for row in [&subscription, &payment] {
            assert_eq!((&row["contact_id"], &row["provider"]), (&contact["id"], &json!("whop")), "{row}");
        }
        assert_eq!(
            (&subscription["product"], &subscription["plan"]),
            (&json!("Growth Retainer"), &json!("Growth, monthly"))
        );
        assert!(subscription["renews_at"].as_f64() > subscription["started_at"].as_f64(), "{subscription}");
        assert_eq!(subscription["canceled_at"], Value::Null);
        assert_eq!((&payment["amount"], &payment["currency"]), (&json!(1490), &json!("EUR")));
        assert!(payment["metadata"].as_str().unwrap().contains(&membership), "{payment}");
        let log = world.sandbox().webhooks(Provider::Whop).log();
        assert!(log.iter().all(|sent| sent.outcome == sandbox::Outcome::Answered(200)), "{log:?}");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_brings_nothing_until_it_is_paid() {
    let world = World::shop().await;
    let club = world.sandbox().club();
    let membership = id(&club.join(MARA, "plan_growthtrial").unwrap());
    let trial = stands(&world, &membership, "trialing", json!(0)).await;
    world.at_rest().await;
    assert_eq!(world.lines("payments").len(), 0);
    club.renew(&membership, true).unwrap();
    let paid = stands(&world, &membership, "active", json!(1490)).await;
    assert!(paid["renews_at"].as_f64() > trial["renews_at"].as_f64(), "{paid}");
    row(&world, "payments", &newest_payment(&world), [("status", json!("paid"))]).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_fails_is_owed_and_made_good() {
    let world = World::shop().await;
    let club = world.sandbox().club();
    let membership = id(&club.join(MARA, "plan_growthyearly").unwrap());
    // 14,900 a year
    stands(&world, &membership, "active", json!(1241.67)).await;
    club.renew(&membership, false).unwrap();
    stands(&world, &membership, "past_due", json!(1241.67)).await;
    let owed = newest_payment(&world);
    let failed = row(&world, "payments", &owed, [("status", json!("failed"))]).await;
    assert_eq!(failed["paid_at"], Value::Null);
    club.renew(&membership, true).unwrap();
    stands(&world, &membership, "active", json!(1241.67)).await;
    let paid = row(&world, "payments", &owed, [("status", json!("paid"))]).await;
    assert!(paid["paid_at"].is_number(), "{paid}");
    world.at_rest().await;
    assert_eq!((world.lines("payments").len(), world.lines("subscriptions").len()), (2, 1));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_never_paid_expires_and_a_look_says_that_nobody_asks_for_it() {
    let world = World::shop().await;
    let club = world.sandbox().club();
    let membership = id(&club.join(MARA, "plan_growthmonthly").unwrap());
    club.renew(&membership, false).unwrap();
    stands(&world, &membership, "past_due", json!(1490)).await;
    let owed = newest_payment(&world);
    row(&world, "payments", &owed, [("status", json!("failed"))]).await;
    club.period_ends(&membership).unwrap();
    stands(&world, &membership, "expired", json!(0)).await;
    // Whop has no webhook for a payment that is void
    let dir = world.dir.path().display().to_string();
    let look = ["reconcile", "--provider", "whop", "--since", "1h", "--json"];
    let found = run(world.dir.path(), &[("FRONTDESK_DIR", &dir)], &look).await.json(0);
    let [whop] = &found["providers"].as_array().unwrap()[..] else { panic!("{found}") };
    assert_eq!((&whop["provider"], &whop["missed"]), (&json!("whop"), &json!(1)), "{found}");
    row(&world, "payments", &owed, [("status", json!("canceled"))]).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_cancels_in_the_portal_and_is_gone_with_the_period() {
    let world = World::shop().await;
    let club = world.sandbox().club();
    let membership = id(&club.join(MARA, "plan_growthmonthly").unwrap());
    stands(&world, &membership, "active", json!(1490)).await;
    let path = format!("/api/portal/memberships/{membership}/cancel");
    let cancel =
        async |body: Value| Answer::of(world.through_whop("mara", Method::POST, &path).json(&body)).await;
    for unclear in [json!({}), json!({"confirmed": false}), json!({"confirmed": "true"})] {
        assert_eq!(cancel(unclear).await.status, 400);
    }
    assert_eq!(club.memberships().unwrap()[0]["cancel_at_period_end"], false, "nobody has said so");
    for _ in 0..2 {
        let cancelled = cancel(json!({"confirmed": true})).await.ok();
        assert_eq!(
            (&cancelled["cancel_at_period_end"], &cancelled["has_access"]),
            (&json!(true), &json!(true))
        );
    }
    until("the books know", || world.lines("subscriptions")[0]["canceled_at"].is_number()).await;
    stands(&world, &membership, "active", json!(1490)).await;
    assert_eq!(world.seen_by("mara", MEMBERSHIP).await["memberships"][0]["cancel_at_period_end"], true);
    club.period_ends(&membership).unwrap();
    let gone = stands(&world, &membership, "canceled", json!(0)).await;
    assert_eq!(gone["renews_at"], Value::Null, "{gone}");
    let seen = world.seen_by("mara", MEMBERSHIP).await;
    assert_eq!(seen["memberships"][0]["has_access"], false, "{seen}");
    assert_eq!(world.seen_by("mara", ACTIONS).await["actions"], json!([]));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_back_is_said_of_its_payment() {
    let world = World::shop().await;
    let club = world.sandbox().club();
    let membership = id(&club.join(MARA, "plan_playbooklife").unwrap());
    let lifelong = stands(&world, &membership, "completed", json!(0)).await;
    assert_eq!(lifelong["renews_at"], Value::Null);
    let payment = newest_payment(&world);
    row(&world, "payments", &payment, [("status", json!("paid"))]).await;
    club.refund(&payment, Some(10_000)).unwrap();
    row(&world, "payments", &payment, [("status", json!("partially_refunded"))]).await;
    club.refund(&payment, None).unwrap();
    row(&world, "payments", &payment, [("status", json!("refunded"))]).await;
    world.at_rest().await;
    assert_eq!(world.lines("payments").len(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_is_bought_by_the_portals_link() {
    let world = World::shop().await;
    let club = world.sandbox().club();
    let old = id(&club.join(MARA, "plan_growthmonthly").unwrap());
    stands(&world, &old, "active", json!(1490)).await;
    let upgrade = format!("{ACTIONS}/upgrade");
    let press = async || {
        let request = world.through_whop("mara", Method::POST, &upgrade).header("idempotency-key", "once");
        Answer::of(request).await.ok()["url"].as_str().unwrap().to_owned()
    };
    let url = press().await;
    assert_eq!(press().await, url, "once is the same link");
    let checkout = url.split(['/', '?', '=']).find(|part| part.starts_with("ch_"));
    let new = id(&club.buy(checkout.unwrap_or_else(|| panic!("{url}")), MARA).unwrap());
    club.upgrade(&old, "plan_growthyearly").unwrap();
    stands(&world, &new, "active", json!(3490)).await;
    stands(&world, &old, "active", json!(1241.67)).await;
    club.revoke(&old).unwrap();
    stands(&world, &old, "canceled", json!(0)).await;
    world.at_rest().await;
    assert_eq!((world.lines("payments").len(), world.lines("contacts").len()), (3, 1));
    let actions = world.seen_by("mara", ACTIONS).await;
    let named: Vec<_> = actions["actions"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
    assert!(!named.contains(&json!("upgrade")), "there is nothing above it: {actions}");
    world.stop().await;
}
