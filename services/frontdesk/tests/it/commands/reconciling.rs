//! `frontdesk reconcile`: what no webhook brought.

use sandbox::{Fault, FaultKind, INTRO_CALL, Provider, Visit};
use serde_json::{Value, json};

use super::{Ran, run};
use crate::world::World;

async fn ask(world: &World, args: &[&str]) -> Ran {
    let dir = world.dir.path().display().to_string();
    run(world.dir.path(), &[("FRONTDESK_DIR", &dir)], args).await
}

/// What was found at a provider.
#[track_caller]
fn of<'a>(found: &'a Value, provider: &str) -> &'a Value {
    let providers = found["providers"].as_array().unwrap();
    providers.iter().find(|found| found["provider"] == provider).unwrap_or_else(|| panic!("{found}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_webhook_brought_is_found_and_brought_into_the_books() {
    let world = World::set_up().await;
    world.sandbox().webhooks(Provider::CalCom).lose(usize::MAX);
    let calendar = world.sandbox().calendar();
    let visit = Visit {
        event_type: INTRO_CALL,
        start: calendar.free(INTRO_CALL, 14)[0],
        name: "Ann Example".into(),
        email: "ann@example.com".into(),
        time_zone: "Europe/Berlin".into(),
        metadata: serde_json::Map::new(),
        page_was_open: false,
    };
    let uid = calendar.book(&visit).unwrap();
    let found = ask(&world, &["reconcile", "--since", "2d", "--json"]).await.json(0);
    let (calcom, stripe) = (of(&found, "calcom"), of(&found, "stripe"));
    assert_eq!(
        (&calcom["missed"], &calcom["problem"], &calcom["more"]),
        (&json!(1), &json!(""), &json!(false))
    );
    let shown = calcom["missed_ids"][0].as_str().unwrap();
    let shown = ask(&world, &["inbox", "show", shown, "--json"]).await.json(0);
    assert!(shown["body"].to_string().contains(&uid), "{shown}");
    assert_eq!((&stripe["missed"], &stripe["problem"]), (&json!(0), &json!("")), "{stripe}");
    world.lines_when("bookings", 1).await;

    let again = ask(&world, &["reconcile", "--since", "2d", "--provider", "calcom", "--json"]).await.json(0);
    assert_eq!(
        (again["providers"].as_array().unwrap().len(), &of(&again, "calcom")["missed"]),
        (1, &json!(0))
    );
    let words = ask(&world, &["reconcile"]).await;
    assert_eq!(words.code, 0, "{}", words.err);
    assert!(
        words.out.starts_with("provider  seen  missed") && words.out.contains("\nstripe"),
        "{}",
        words.out
    );
    assert_eq!(world.lines("bookings").len(), 1);
    let inbox = ask(&world, &["inbox", "list", "--service", "booking-payments", "--json"]).await.json(0);
    let [message] = &inbox["messages"].as_array().unwrap()[..] else { panic!("{inbox}") };
    assert_eq!((&message["source"], &message["state"]), (&json!("calcom"), &json!("done")));
    assert_eq!(message["message_id"], calcom["missed_ids"][0]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_cannot_be_asked_is_said_and_the_other_one_is_looked_at() {
    let world = World::set_up().await;
    let kind = FaultKind::Status(503);
    world.sandbox().inject(Fault { provider: Provider::CalCom, path: None, count: 100, kind });
    let found = ask(&world, &["reconcile", "--since", "1h", "--json"]).await.json(1);
    assert!(of(&found, "calcom")["problem"].as_str().unwrap().contains("calcom is unavailable"), "{found}");
    assert_eq!(of(&found, "stripe")["problem"], "");
    world.sandbox().clear_faults();
    world.stop().await;
}
