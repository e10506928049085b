//! Messages doubled, lost in part, and in every order end in the same documents and statements.

use std::collections::BTreeMap;

use proptest::prelude::*;
use providers::provider::Provider as _;
use serde_json::Value;

use super::world::{World, documents};

/// What there is in the end: the documents, and the last statement of each thing, but for the number of changes.
async fn end(world: &World) -> (BTreeMap<String, Value>, BTreeMap<String, String>) {
    while world.work().await > 0 {}
    world.tell().await;
    let mut documents = documents(&*world.store, &["checkouts", "payments", "subscriptions"]).await;
    documents.values_mut().for_each(|document| {
        document.as_object_mut().unwrap().remove("version");
    });
    let mut told = BTreeMap::new();
    for request in world.told.payments.lock().unwrap().iter().cloned() {
        let mut payment = request.payment.unwrap();
        payment.version = 0;
        told.insert(payment.payment_id.clone(), format!("{payment:?} {:?}", request.party));
    }
    for request in world.told.subscriptions.lock().unwrap().iter().cloned() {
        let mut subscription = request.subscription.unwrap();
        subscription.version = 0;
        told.insert(subscription.subscription_id.clone(), format!("{subscription:?} {:?}", request.party));
    }
    (documents, told)
}

/// Everything that happens to a consult and a subscription; between the messages of `between`, the state is looked at.
async fn story(order: &[usize], late: usize) -> (BTreeMap<String, Value>, BTreeMap<String, String>) {
    let world = World::start().await;
    let consult = world.consult().await;
    let growth = world.till.create(super::world::ann(), super::world::order("r2", "growth")).await.unwrap();
    let (intent, bodies) = {
        let mut books = world.stripe.books();
        let intent = books.pay(&consult.session);
        let charge = books.charge_of(&intent);
        let (subscription, invoice, paying) = books.subscribe(&growth.session);
        let bodies = [
            ("checkout.session.completed", consult.session.as_str()),
            ("payment_intent.succeeded", &intent),
            ("charge.refunded", &charge),
            ("checkout.session.completed", &growth.session),
            ("customer.subscription.created", &subscription),
            ("invoice.paid", &invoice),
            ("payment_intent.succeeded", &paying),
        ]
        .map(|(kind, id)| books.event(kind, id));
        (intent, bodies)
    };
    for (place, index) in order.iter().enumerate() {
        if place == late {
            world.stripe.books().refund(&intent, 4_000);
            world.work().await;
        }
        world.till.follow("", &bodies[*index]).await.unwrap();
    }
    if late >= order.len() {
        world.stripe.books().refund(&intent, 4_000);
    }
    // The message of the last change comes after it, as often and as late as it likes.
    world.till.follow("", &bodies[2]).await.unwrap();
    end(&world).await
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn every_order_ends_the_same(
        order in Just((0..7).chain(0..7).collect::<Vec<usize>>()).prop_shuffle(),
        late in 0..15_usize,
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let expected = runtime.block_on(story(&[0, 1, 2, 3, 4, 5, 6], 0));
        prop_assert_eq!(expected.0.len(), 5, "two links, two payments, one subscription");
        prop_assert_eq!(expected.1.len(), 3);
        prop_assert_eq!(runtime.block_on(story(&order, late)), expected);
    }
}
