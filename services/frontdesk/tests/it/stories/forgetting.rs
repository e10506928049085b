//! Somebody who booked and paid is forgotten: the till forgets too, and no later webhook brings a word back.

use std::collections::BTreeSet;

use sandbox::{INTRO_CALL, STRATEGY_CONSULT, Side};
use serde_json::{Value, json};

use super::{desk::Guest, meetings::line_when};
use crate::{
    commands::{Ran, run},
    world::{World, until},
};

async fn ask(world: &World, args: &[&str]) -> Ran {
    let dir = world.dir.path().display().to_string();
    run(world.dir.path(), &[("FRONTDESK_DIR", &dir)], args).await
}

/// Everything that the stores hold, as a backup has it.
async fn backup(world: &World, name: &str) -> String {
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join(name);
    ask(world, &["backup", &file.display().to_string(), "--json"]).await.json(0);
    std::fs::read_to_string(file).unwrap()
}

/// Which of these marks of a guest stand in a text.
fn traces(guest: &Guest, text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    let first = guest.name.split(' ').next().unwrap().to_lowercase();
    let marks = [guest.email.to_lowercase(), first, guest.caller.visitor_id.clone()];
    marks.into_iter().filter(|mark| text.contains(mark.as_str())).collect()
}

/// The collections whose documents in a backup name a guest.
fn places(guest: &Guest, backup: &str) -> BTreeSet<String> {
    let naming = backup.lines().filter(|line| !traces(guest, line).is_empty());
    let place = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        format!("{}/{}", line["service"].as_str().unwrap(), line["collection"].as_str().unwrap())
    };
    naming.map(place).collect()
}

fn spreadsheet(world: &World) -> String {
    domain::Tab::ALL.map(|tab| json!(world.lines(tab.as_str())).to_string()).concat()
}

/// Ann booked, paid and subscribed, and so did nobody else; then she is forgotten.
struct Forgotten {
    world: World,
    ann: Guest,
    /// The meeting that was booked for her.
    meeting: String,
    payment: String,
    subscription: String,
}

impl Forgotten {
    async fn new() -> Self {
        let world = World::shop().await;
        let (ann, bob) = (Guest::new(81), Guest::new(82));
        let till = world.sandbox().till();
        let starts = world.starts(INTRO_CALL);
        let meeting = ann.book(&world, INTRO_CALL, starts[0]).await.uid;
        let consult = world.starts(STRATEGY_CONSULT)[4];
        let link = ann.checkout(&world, "strategy-consult", Some(consult)).await;
        till.pay(&world.session_id(&link.checkout_id), &ann.email).unwrap();
        let payment = line_when(&world, "payments", "status", "paid").await;
        let growth = ann.checkout(&world, "growth", None).await;
        let retainer = till.pay(&world.session_id(&growth.checkout_id), &ann.email).unwrap();
        bob.book(&world, INTRO_CALL, starts[3]).await;
        world.lines_when("payments", 2).await;
        world.lines_when("bookings", 3).await;
        world.at_rest().await;
        let before = backup(&world, "before.jsonl").await;
        assert_eq!(traces(&ann, &before).len(), 3);
        assert!(
            places(&ann, &before).contains("booking-payments/meetings"),
            "what is kept for good names her"
        );
        assert!(!places(&ann, &before).contains("booking-payments/inbox"), "of a webhook only ids are kept");
        assert!(traces(&ann, &spreadsheet(&world)).len() >= 2);

        let receipt = ask(&world, &["contacts", "erase", &ann.email, "--yes", "--json"]).await.json(0);
        assert_eq!(receipt["done"], true, "{receipt}");
        let services = receipt["services"].as_array().unwrap();
        let own = services.iter().find(|one| one["service"] == "booking-payments");
        let own = own.unwrap_or_else(|| panic!("the till is asked: {receipt}"));
        for kind in ["meetings", "checkouts", "payments", "subscriptions"] {
            assert!(own["erased"][kind].as_i64().unwrap_or_default() > 0, "{kind}: {own}");
        }
        world.at_rest().await;
        let after = backup(&world, "after.jsonl").await;
        assert_eq!(places(&ann, &after), BTreeSet::new());
        assert!(!traces(&bob, &after).is_empty() && !traces(&bob, &spreadsheet(&world)).is_empty());
        assert_eq!(traces(&ann, &spreadsheet(&world)), Vec::<String>::new());
        let [payment, subscription] = [&payment["id"], &retainer["subscription"]];
        let [payment, subscription] = [payment, subscription].map(|id| id.as_str().unwrap().to_owned());
        Self { world, ann, meeting, payment, subscription }
    }

    /// The providers know her still, and tell of her.
    async fn is_told_of(&self) {
        let Self { world, meeting, payment, subscription, .. } = self;
        let (calendar, till) = (world.sandbox().calendar(), world.sandbox().till());
        calendar.reschedule(meeting, world.starts(INTRO_CALL)[6], Side::Host, None).unwrap();
        let consult = calendar.bookings().into_iter().rfind(|one| one["duration"] == 60).unwrap();
        calendar.cancel(consult["uid"].as_str().unwrap(), Side::Attendee, None).unwrap();
        till.refund(payment, Some(1_000)).unwrap();
        till.renew(subscription, true).unwrap();
        until("what happened is told", || {
            let says = |tab: &str, word: &str| world.lines(tab).iter().any(|line| line["status"] == word);
            says("payments", "partially_refunded")
                && says("bookings", "canceled")
                && says("bookings", "rescheduled")
        })
        .await;
        world.lines_when("payments", 3).await;
        world.at_rest().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_booked_and_paid_is_forgotten_and_stays_so() {
    let forgotten = Forgotten::new().await;
    forgotten.is_told_of().await;
    let Forgotten { world, ann, .. } = forgotten;
    assert_eq!(traces(&ann, &spreadsheet(&world)), Vec::<String>::new());
    let named = places(&ann, &backup(&world, "later.jsonl").await);
    assert_eq!(named, BTreeSet::new(), "late webhooks bring her back");
    let amounts: Vec<_> = world.lines("payments").into_iter().map(|line| line["amount"].clone()).collect();
    assert!(amounts.contains(&json!(150)) && amounts.contains(&json!(1490)), "the books still add up");
    world.stop().await;
}
