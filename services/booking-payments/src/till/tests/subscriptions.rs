//! Subscriptions and their invoices.

use super::world::{World, ann, order};
use crate::till::Status;

#[tokio::test]
async fn a_subscription_is_a_row_and_each_invoice_is_one() {
    let world = World::start().await;
    let link = world.link("growth").await;
    let (subscription, invoice, intent) = world.stripe.books().subscribe(&link.session);
    world.hear("checkout.session.completed", &link.session).await;
    world.hear("payment_intent.succeeded", &intent).await;
    world.hear("customer.subscription.created", &subscription).await;
    let stored = world.stored(&link.id).await;
    assert_eq!((stored.status, &stored.payment), (Status::Paid, &invoice));
    let told = world.payment().await;
    let payment = told.payment.unwrap();
    assert_eq!((payment.payment_id.as_str(), payment.status.as_str()), (invoice.as_str(), "paid"));
    assert!(payment.metadata.contains(&subscription) && payment.metadata.contains(&link.id));
    assert_eq!(told.party.unwrap().visitor_id, "vis_ann");
    let told = world.told.subscriptions.lock().unwrap().clone();
    assert_eq!(told.len(), 1);
    let (party, told) = (told[0].party.clone().unwrap(), told[0].subscription.clone().unwrap());
    assert_eq!((party.visitor_id.as_str(), party.email.as_str()), ("vis_ann", "ann@example.com"));
    assert_eq!((told.product.as_str(), told.plan.as_str()), ("Growth Retainer", "1490.00 EUR a month"));
    assert_eq!((told.status.as_str(), told.mrr.unwrap().minor_units), ("active", 149_000));
    assert_eq!(told.renew_time.unwrap().seconds, 1_800_000_000 + 2_592_000);
    assert_eq!(told.cancel_time, None);
}

#[tokio::test]
async fn a_renewal_belongs_to_whoever_subscribed_and_leaves_the_link_alone() {
    let world = World::start().await;
    let link = world.link("growth").await;
    let (subscription, first, _) = world.stripe.books().subscribe(&link.session);
    world.hear("checkout.session.completed", &link.session).await;
    world.tell().await;
    let (second, _) = world.stripe.books().invoice(&subscription, 149_000);
    world.hear("invoice.paid", &second).await;
    world.tell().await;
    let told = world.told.payments.lock().unwrap().clone();
    let ids: Vec<_> = told.iter().map(|told| told.payment.clone().unwrap().payment_id).collect();
    assert_eq!(ids, [first.as_str(), second.as_str()]);
    assert!(told.iter().all(|told| told.party.as_ref().unwrap().visitor_id == "vis_ann"));
    assert_eq!(world.stored(&link.id).await.payment, first);
}

#[tokio::test]
async fn a_subscription_that_is_called_off_brings_nothing() {
    let world = World::start().await;
    let link = world.link("growth").await;
    let (id, ..) = world.stripe.books().subscribe(&link.session);
    world.stripe.books().thing(&id)["cancel_at_period_end"] = true.into();
    world.hear("customer.subscription.updated", &id).await;
    world.tell().await;
    {
        let mut books = world.stripe.books();
        let thing = books.thing(&id);
        (thing["status"], thing["canceled_at"]) = ("canceled".into(), 1_800_000_500.into());
        thing["ended_at"] = 1_802_592_000.into();
    }
    world.hear("customer.subscription.deleted", &id).await;
    world.tell().await;
    let told = world.told.subscriptions.lock().unwrap().clone();
    let told: Vec<_> = told.into_iter().map(|told| told.subscription.unwrap()).collect();
    assert_eq!(
        (told[0].renew_time, told[0].mrr.as_ref().unwrap().minor_units),
        (None, 149_000),
        "until it ends"
    );
    assert_eq!((told[1].status.as_str(), told[1].mrr.as_ref().unwrap().minor_units), ("canceled", 0));
    assert_eq!(told[1].cancel_time.unwrap().seconds, 1_800_000_500);
    assert_eq!((told[0].end_time, told[1].end_time.unwrap().seconds), (None, 1_802_592_000));
    assert!(told[1].version > told[0].version);
}

#[tokio::test]
async fn an_invoice_that_is_not_paid_has_failed_and_a_trials_is_nothing() {
    let world = World::start().await;
    let link = world.link("growth").await;
    let (_, invoice, _) = world.stripe.books().subscribe(&link.session);
    for (amount, expected) in [(0, None), (149_000, Some("failed"))] {
        {
            let mut books = world.stripe.books();
            let thing = books.thing(&invoice);
            (thing["status"], thing["amount_paid"], thing["amount_due"]) =
                ("open".into(), 0.into(), amount.into());
        }
        world.hear("invoice.payment_failed", &invoice).await;
        world.tell().await;
        let told = world.told.payments.lock().unwrap().clone();
        assert_eq!(told.last().map(|told| told.payment.clone().unwrap().status).as_deref(), expected);
    }
}

#[tokio::test]
async fn a_subscription_without_a_link_is_its_customers() {
    let world = World::start().await;
    let link = world.link("growth").await;
    let (id, ..) = world.stripe.books().subscribe(&link.session);
    world.stripe.books().thing(&id)["metadata"] = serde_json::json!({});
    world.hear("customer.subscription.created", &id).await;
    world.tell().await;
    let party = world.told.subscriptions.lock().unwrap()[0].party.clone().unwrap();
    assert_eq!((party.email.as_str(), party.name.as_str()), ("office@example.com", "Office"));
    assert_eq!((party.visitor_id.as_str(), party.claimed), ("", false), "what the provider says is no claim");
}

#[tokio::test]
async fn what_falls_between_two_units_in_a_month_is_rounded() {
    let world = World::start().await;
    let odd = providers::owner::Owner { workflow: "odd".into(), ..ann() };
    let link = world.till.create(odd, order("r1", "krona-a-year")).await.unwrap();
    let (id, ..) = world.stripe.books().subscribe(&link.session);
    world.stripe.books().thing(&id)["currency"] = "isk".into();
    world.hear("customer.subscription.created", &id).await;
    world.tell().await;
    let told = world.told.subscriptions.lock().unwrap()[0].subscription.clone().unwrap();
    let mrr = told.mrr.unwrap();
    assert_eq!((mrr.minor_units, mrr.currency_code.as_str()), (8_333, "ISK"), "of 100000 a year");
    assert_eq!(told.plan, "100000 ISK a year");
}

#[tokio::test]
async fn a_subscription_that_ends_before_it_is_due_does_not_renew() {
    let world = World::start().await;
    let link = world.link("growth").await;
    let (id, ..) = world.stripe.books().subscribe(&link.session);
    let due = 1_800_000_000 + 2_592_000;
    for (end, renews) in [(due + 1, true), (due, false), (due - 1, false)] {
        world.stripe.books().thing(&id)["cancel_at"] = end.into();
        world.hear("customer.subscription.updated", &id).await;
        world.tell().await;
        let told = world.told.subscriptions.lock().unwrap().last().unwrap().subscription.clone().unwrap();
        assert_eq!(told.renew_time.is_some(), renews, "{end}");
    }
}

#[tokio::test]
async fn a_link_whose_first_invoice_is_not_paid_has_failed() {
    for (status, attempt, expected) in [
        ("open", "requires_payment_method", Status::Failed),
        ("open", "processing", Status::Pending),
        ("uncollectible", "requires_payment_method", Status::Failed),
        ("void", "canceled", Status::Failed),
        ("draft", "processing", Status::Pending),
    ] {
        let world = World::start().await;
        let link = world.link("growth").await;
        {
            let mut books = world.stripe.books();
            let (_, invoice, intent) = books.subscribe(&link.session);
            books.thing(&link.session)["payment_status"] = "unpaid".into();
            books.thing(&intent)["status"] = attempt.into();
            let thing = books.thing(&invoice);
            (thing["status"], thing["amount_paid"]) = (status.into(), 0.into());
        }
        world.hear("checkout.session.completed", &link.session).await;
        assert_eq!(world.stored(&link.id).await.status, expected, "{status} {attempt}");
    }
}
