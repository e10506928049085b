//! Forgetting a person.

use std::sync::Arc;

use proto::common::v1::Person;
use providers::{erasure::Forgets as _, forgotten};
use store::{Work, erasing::Erasures};

use super::world::{World, ann, documents, order, owner};
use crate::till::Meeting;

const ALL: &[&str] = &["checkouts", "payments", "subscriptions", "traces", "till_tasks", "tellings"];

async fn forget(world: &World, person: &Person) -> std::collections::BTreeMap<String, i64> {
    let time = world.time.clone();
    let erasures = Erasures::new(world.store.clone(), Arc::new(move || time.now()));
    while let Some(waits) = world.till.forget(person, &erasures, "era_1").await.unwrap() {
        assert!(!waits.is_empty());
    }
    erasures.get("era_1").await.unwrap().erased
}

async fn text(world: &World) -> String {
    serde_json::to_string(&documents(&*world.store, ALL).await).unwrap()
}

#[tokio::test]
async fn names_go_and_amounts_stay_whatever_stripe_tells_later() {
    let world = World::start().await;
    let link = world.consult().await;
    let (intent, subscription) = {
        let intent = world.stripe.books().pay(&link.session);
        world.hear("checkout.session.completed", &link.session).await;
        let growth = world.till.create(ann(), order("r2", "growth")).await.unwrap();
        let (subscription, ..) = world.stripe.books().subscribe(&growth.session);
        world.hear("checkout.session.completed", &growth.session).await;
        (intent, subscription)
    };
    world.work().await;
    world.tell().await;
    let before = text(&world).await;
    for name in ["vis_ann", "ann@example.com", "Ann Archer", "ses_1"] {
        assert!(before.contains(name), "{name}");
    }
    let person = Person { visitor_ids: vec!["vis_ann".into()], ..Person::default() };
    let erased = forget(&world, &person).await;
    assert_eq!((erased["checkouts"], erased["payments"], erased["subscriptions"]), (2, 2, 1));
    let gone = |text: &str| {
        for name in ["vis_ann", "ann@example.com", "Ann Archer", "49 30 123456", "ses_1"] {
            assert!(!text.contains(name), "{name} in {text}");
        }
    };
    gone(&text(&world).await);
    assert!(!text(&world).await.contains("\"key\""), "no trace is left");
    world.stripe.books().refund(&intent, 5_000);
    let charge = world.stripe.books().charge_of(&intent);
    world.hear("charge.refunded", &charge).await;
    world.hear("checkout.session.completed", &link.session).await;
    let (renewal, _) = world.stripe.books().invoice(&subscription, 149_000);
    world.hear("invoice.paid", &renewal).await;
    world.hear("customer.subscription.updated", &subscription).await;
    gone(&text(&world).await);
    let kept = documents(&*world.store, &["payments"]).await;
    assert_eq!(kept[&intent]["refunded"]["minor"], 5_000, "the books go on");
    assert_eq!(kept[&intent]["amount"]["minor"], 15_000);
    assert_eq!(kept.len(), 3);
    assert_eq!(forget(&world, &person).await, erased, "what is gone counts once");
}

#[tokio::test]
async fn whoever_paid_without_a_link_is_known_by_their_address() {
    let world = World::start().await;
    {
        let mut books = world.stripe.books();
        let intent = books.intent(1_000, "eur", serde_json::json!({}));
        books.succeed(&intent);
    }
    let intent = world.stripe.books().things.keys().find(|id| id.starts_with("pi_")).unwrap().clone();
    world.hear("payment_intent.succeeded", &intent).await;
    let other = Person { emails: vec!["bob@example.com".into()], ..Person::default() };
    assert!(forget(&world, &other).await.is_empty());
    assert!(text(&world).await.contains("ann@example.com"));
    let person = Person { emails: vec!["ann@example.com".into()], ..Person::default() };
    assert_eq!(forget(&world, &person).await["payments"], 1);
    assert!(!text(&world).await.contains("ann@example.com"));
    world.stripe.books().refund(&intent, 100);
    world.hear("payment_intent.succeeded", &intent).await;
    assert!(!text(&world).await.contains("ann@example.com"), "and stays forgotten");
    let told = world.payment().await;
    let (party, payment) = (told.party.unwrap(), told.payment.unwrap());
    assert_eq!((party.email.as_str(), payment.status.as_str()), ("", "partially_refunded"));
}

#[tokio::test]
async fn whoever_paid_is_known_by_their_phone_in_whatever_notation() {
    let world = World::start().await;
    let link = world.consult().await;
    world.stripe.books().pay(&link.session);
    world.hear("checkout.session.completed", &link.session).await;
    assert!(text(&world).await.contains("49 30 123456"));
    let other = Person { phones: vec!["+49 30 123457".into()], ..Person::default() };
    assert!(forget(&world, &other).await.is_empty());
    let person = Person { phones: vec!["0049 (0)30/12 34 56".into()], ..Person::default() };
    assert_eq!(forget(&world, &person).await["payments"], 1);
    assert!(!text(&world).await.contains("49 30 123456"));
}

#[tokio::test]
async fn a_link_that_is_open_lets_its_slot_go_and_others_stay() {
    let world = World::start().await;
    world.consult().await;
    world.till.create(owner("vis_bob"), order("r1", "automation-audit")).await.unwrap();
    forget(&world, &Person { visitor_ids: vec!["vis_ann".into()], ..Person::default() }).await;
    world.work().await;
    assert_eq!(world.calendar.done(), ["hold", "release"]);
    assert!(text(&world).await.contains("vis_bob"));
    assert!(world.till.list(&ann(), "", 10).await.unwrap().is_empty());
}

fn person() -> Person {
    Person { visitor_ids: vec!["vis_ann".into()], ..Person::default() }
}

#[tokio::test]
async fn a_link_of_somebody_forgotten_can_be_paid_no_more() {
    let world = World::start().await;
    let link = world.link("automation-audit").await;
    forget(&world, &person()).await;
    assert_eq!(world.work().await, 1);
    assert_eq!(world.stripe.books().things[&link.session]["status"], "expired");
    world.hear("checkout.session.expired", &link.session).await;
    world.tell().await;
    assert!(world.told.events.lock().unwrap().is_empty(), "nobody has paid");
}

#[tokio::test]
async fn money_of_somebody_forgotten_that_was_on_its_way_is_for_people() {
    for item in ["strategy-consult", "automation-audit"] {
        let world = World::start().await;
        let mut asked = world.consult_order("r1");
        if item != "strategy-consult" {
            asked = order("r1", item);
        }
        let link = world.till.create(ann(), asked).await.unwrap();
        let intent = world.stripe.books().pay_later(&link.session);
        world.hear("checkout.session.completed", &link.session).await;
        forget(&world, &person()).await;
        world.work().await;
        world.stripe.books().succeed(&intent);
        for _ in 0..2 {
            world.hear("checkout.session.async_payment_succeeded", &link.session).await;
            world.work().await;
        }
        world.tell().await;
        let told = world.told.events.lock().unwrap().clone();
        assert_eq!(told.len(), 1, "{item}");
        assert_eq!((&told[0]["outcome"], &told[0]["checkout_id"]), (&"needs_human".into(), &link.id.into()));
        assert_eq!(told[0]["type"], "payment.payer_forgotten", "{item}");
        assert!(!told[0].to_string().contains("vis_ann") && !told[0].to_string().contains("ses_1"));
        assert!(!world.calendar.done().contains(&"book".to_owned()), "nothing is booked for nobody");
    }
}

#[tokio::test]
async fn a_meeting_that_is_paid_and_not_booked_is_for_people() {
    let world = World::start().await;
    let link = world.consult().await;
    world.stripe.books().pay(&link.session);
    world.hear("checkout.session.completed", &link.session).await;
    forget(&world, &person()).await;
    world.time.advance(600);
    world.work().await;
    world.tell().await;
    assert_eq!(world.calendar.done(), ["hold"], "there is nobody to book for");
    let told = world.told.events.lock().unwrap().clone();
    assert_eq!((told.len(), &told[0]["outcome"]), (1, &"needs_human".into()));
    assert_eq!(told[0]["type"], "payment.payer_forgotten");
    let kept = documents(&*world.store, &["checkouts"]).await;
    assert_eq!(kept[&link.id]["meeting"], serde_json::to_value(Meeting::SlotLost).unwrap());
}

#[tokio::test]
async fn late_news_bring_nobody_back_who_was_forgotten() {
    let world = World::start().await;
    let paid = |world: &World| {
        let mut books = world.stripe.books();
        let intent = books.intent(1_000, "eur", serde_json::json!({}));
        books.succeed(&intent);
        intent
    };
    let before = paid(&world);
    world.time.advance(60);
    let mut work = Work::new(&*world.store);
    let person = Person { emails: vec!["Ann@example.com".into()], ..Person::default() };
    forgotten::note(&mut work, &person, world.time.now()).await.unwrap();
    assert!(matches!(work.commit().await.unwrap(), store::Commit::Done(_)));
    world.hear("payment_intent.succeeded", &before).await;
    assert!(!text(&world).await.contains("ann@example.com"));
    assert_eq!(documents(&*world.store, &["payments"]).await[&before]["erased"], true);
    world.time.advance(60);
    let after = paid(&world);
    world.hear("payment_intent.succeeded", &after).await;
    let kept = documents(&*world.store, &["payments"]).await;
    assert_eq!(kept[&after]["payer"]["email"], "ann@example.com", "who comes anew is known anew");
}
