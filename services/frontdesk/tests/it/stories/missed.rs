//! Webhooks that never come: reconciliation finds what they would have brought.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use proto::common::v1::{
    ProviderReconciliation, ReconcileRequest, reconciliation_service_client::ReconciliationServiceClient,
};
use sandbox::Outcome;
use serde_json::json;

use super::{
    desk::wire,
    scripts::{SENDERS, Script},
};
use crate::{commands::run, world::World};

/// Looks at the providers over the last two days, to the end; what was found by provider.
async fn reconcile(world: &World) -> HashMap<String, ProviderReconciliation> {
    let since = wire(Timestamp::now() - SignedDuration::from_hours(48));
    let mut found = HashMap::<String, ProviderReconciliation>::new();
    for mut service in world.followers().map(ReconciliationServiceClient::new) {
        let mut more = true;
        while more {
            let request = ReconcileRequest { since, ..ReconcileRequest::default() };
            let answer = service.reconcile(request).await.unwrap().into_inner();
            more = answer.providers.iter().any(|one| one.more);
            for one in answer.providers {
                assert_eq!(one.problem, "", "{}", one.provider);
                let all = found.entry(one.provider.clone()).or_default();
                all.missed += one.missed;
                all.seen += one.seen;
                all.missed_ids.extend(one.missed_ids);
            }
        }
    }
    found
}

pub(super) async fn is_made_good(script: Script) {
    let expected = script.in_order().await;
    let world = World::shop().await;
    for sender in SENDERS {
        world.sandbox().webhooks(sender).lose(usize::MAX);
    }
    script.play(&world, async || {}).await;
    let lost = |sender| {
        let log = world.sandbox().webhooks(sender).log();
        log.iter().filter(|sent| sent.outcome == Outcome::Lost).count()
    };
    assert!(SENDERS.iter().map(|sender| lost(*sender)).sum::<usize>() >= 3);
    world.at_rest().await;
    assert_ne!(world.sheet(), expected, "nothing has brought it yet");

    let found = reconcile(&world).await;
    let missed: i64 = found.values().map(|one| one.missed).sum();
    assert!(missed > 0, "{found:?}");
    for one in found.values() {
        assert_eq!(one.missed_ids.len(), usize::try_from(one.missed).unwrap(), "{one:?}");
        assert!(one.missed <= one.seen, "{one:?}");
    }
    world.sheet_becomes(&expected).await;
    let again = reconcile(&world).await;
    assert!(again.values().all(|one| one.missed == 0), "{again:?}");
    // What comes after all changes nothing.
    for sender in SENDERS {
        world.sandbox().webhooks(sender).deliver();
        world.sandbox().webhooks(sender).resend_lost();
    }
    world.delivered().await;
    world.sheet_becomes(&expected).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_webhooks_of_meetings_are_made_good() {
    is_made_good(Script::Meetings).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_webhooks_of_paid_consults_are_made_good() {
    is_made_good(Script::Consult).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_webhooks_of_lost_slots_are_made_good() {
    is_made_good(Script::Lost).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_webhooks_of_money_are_made_good() {
    is_made_good(Script::Money).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_webhooks_of_retainers_are_made_good() {
    is_made_good(Script::Retainer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_makes_them_good_as_well() {
    let expected = Script::Consult.in_order().await;
    let world = World::shop().await;
    for sender in SENDERS {
        world.sandbox().webhooks(sender).lose(usize::MAX);
    }
    Script::Consult.play(&world, async || {}).await;
    let dir = world.dir.path().display().to_string();
    let vars = [("FRONTDESK_DIR", dir.as_str())];
    let ask = async || run(world.dir.path(), &vars, &["reconcile", "--since", "2d", "--json"]).await.json(0);
    let found = ask().await;
    let missed = |found: &serde_json::Value| -> i64 {
        found["providers"].as_array().unwrap().iter().map(|one| one["missed"].as_i64().unwrap()).sum()
    };
    assert!(missed(&found) > 0, "{found}");
    world.sheet_becomes(&expected).await;
    let again = ask().await;
    assert_eq!(json!(missed(&again)), json!(0), "{again}");
    world.stop().await;
}
