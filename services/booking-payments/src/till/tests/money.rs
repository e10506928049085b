//! What became of single payments.

use domain::Money;
use providers::{owner::Owner, provider::Provider as _};

use super::world::{World, ann, order};
use crate::till::Status;

#[tokio::test]
async fn a_link_that_is_paid_is_one_row_with_its_link_and_its_payer() {
    let world = World::start().await;
    let link = world.link("automation-audit").await;
    let intent = world.stripe.books().pay(&link.session);
    world.hear("checkout.session.completed", &link.session).await;
    let stored = world.stored(&link.id).await;
    assert_eq!((stored.status, stored.payment.as_str()), (Status::Paid, intent.as_str()));
    let told = world.payment().await;
    let (party, payment) = (told.party.unwrap(), told.payment.unwrap());
    assert_eq!((payment.status.as_str(), payment.method.as_str()), ("paid", "card"));
    assert_eq!(payment.version, 1_800_000_000_000_000, "later than any that a store of before had");
    assert_eq!((payment.provider.as_str(), payment.invoice_id.as_str()), ("stripe", ""));
    let amount = payment.amount.unwrap();
    assert_eq!((amount.minor_units, amount.currency_code.as_str()), (49_000, "EUR"));
    assert_eq!(payment.pay_time.unwrap().seconds, 1_800_000_000);
    assert_eq!(payment.refunded, None);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&payment.metadata).unwrap(),
        serde_json::json!({"item": "automation-audit", "checkout": link.id})
    );
    assert_eq!(
        (party.visitor_id.as_str(), party.session_id.as_str(), party.page.as_str()),
        ("vis_ann", "ses_1", "/services")
    );
    assert_eq!(
        (party.email.as_str(), party.name.as_str(), party.claimed),
        ("ann@example.com", "Ann Archer", true)
    );
    for kind in ["checkout.session.completed", "checkout.session.async_payment_succeeded"] {
        world.hear(kind, &link.session).await;
    }
    world.hear("payment_intent.succeeded", &intent).await;
    world.tell().await;
    assert_eq!(world.told.payments.lock().unwrap().len(), 1, "the rest was no news");
}

#[tokio::test]
async fn money_on_its_way_is_fulfilled_when_it_comes() {
    let world = World::start().await;
    let link = world.link("automation-audit").await;
    let intent = world.stripe.books().pay_later(&link.session);
    world.hear("checkout.session.completed", &link.session).await;
    assert_eq!(world.stored(&link.id).await.status, Status::Pending);
    let told = world.payment().await.payment.unwrap();
    assert_eq!((told.status.as_str(), told.pay_time), ("pending", None));
    world.stripe.books().succeed(&intent);
    world.hear("checkout.session.async_payment_succeeded", &link.session).await;
    assert_eq!(world.stored(&link.id).await.status, Status::Paid);
    let told = world.payment().await.payment.unwrap();
    assert_eq!((told.status.as_str(), told.version), ("paid", 1_800_000_000_000_001));
}

#[tokio::test]
async fn money_that_does_not_come_is_a_failed_payment() {
    let world = World::start().await;
    let link = world.link("automation-audit").await;
    let intent = world.stripe.books().pay_later(&link.session);
    world.stripe.books().fail(&intent);
    world.hear("checkout.session.async_payment_failed", &link.session).await;
    assert_eq!(world.stored(&link.id).await.status, Status::Failed);
    assert_eq!(world.payment().await.payment.unwrap().status, "failed");
}

#[tokio::test]
async fn refunds_add_up() {
    let world = World::start().await;
    let link = world.link("automation-audit").await;
    let intent = world.stripe.books().pay(&link.session);
    let charge = world.stripe.books().charge_of(&intent);
    for (by, refunded, status) in [
        (0, 0, "paid"),
        (9_000, 9_000, "partially_refunded"),
        (10_000, 19_000, "partially_refunded"),
        (30_000, 49_000, "refunded"),
    ] {
        world.stripe.books().refund(&intent, by);
        world.hear("charge.refunded", &charge).await;
        let told = world.payment().await.payment.unwrap();
        assert_eq!(told.status, status);
        assert_eq!(told.amount.unwrap().minor_units, 49_000, "what was charged stays");
        assert_eq!(told.refunded.map_or(0, |refunded| refunded.minor_units), refunded);
    }
    let told = world.payment().await.payment.unwrap();
    assert!(!told.metadata.contains("refunded"), "it is stated beside: {}", told.metadata);
}

#[tokio::test]
async fn a_dispute_is_open_then_lost_or_won() {
    let world = World::start().await;
    let link = world.link("automation-audit").await;
    let intent = world.stripe.books().pay(&link.session);
    world.stripe.books().refund(&intent, 9_000);
    for (dispute, status) in [
        ("warning_needs_response", "partially_refunded"),
        ("needs_response", "disputed"),
        ("under_review", "disputed"),
        ("lost", "lost"),
        ("won", "partially_refunded"),
    ] {
        world.stripe.books().dispute(&intent, dispute);
        world.hear("charge.dispute.closed", "").await;
        assert_eq!(world.payment().await.payment.unwrap().status, status, "{dispute}");
    }
}

#[tokio::test]
async fn a_dispute_about_a_part_costs_that_part_and_no_more() {
    let world = World::start().await;
    let link = world.link("automation-audit").await;
    let intent = world.stripe.books().pay(&link.session);
    for (dispute, amount, refund, status, gone) in [
        ("needs_response", 9_000, 0, "disputed", 0),
        ("lost", 9_000, 0, "partially_refunded", 9_000),
        ("lost", 9_000, 10_000, "partially_refunded", 19_000),
        ("lost", 9_000, 30_000, "lost", 40_000),
        ("won", 9_000, 0, "partially_refunded", 40_000),
    ] {
        world.stripe.books().dispute_part(&intent, dispute, amount);
        world.stripe.books().refund(&intent, refund);
        world.hear("charge.dispute.closed", "").await;
        let told = world.payment().await.payment.unwrap();
        let refunded = told.refunded.map_or(0, |refunded| refunded.minor_units);
        assert_eq!((told.status.as_str(), refunded), (status, gone), "{dispute}");
        let lost = (dispute == "lost" && status != "lost").then_some("90.00 EUR");
        let metadata: serde_json::Value = serde_json::from_str(&told.metadata).unwrap();
        assert_eq!(metadata["lost"].as_str(), lost, "the rest was refunded by us");
    }
}

#[tokio::test]
async fn an_invoice_that_a_charge_pays_by_itself_is_refunded_and_disputed_too() {
    let world = World::start().await;
    let (invoice, charge) = {
        let mut books = world.stripe.books();
        books.things.insert("sub_x".into(), serde_json::json!({"metadata": {}, "id": "sub_x", "status": "active", "created": 1, "currency": "eur", "items": {"data": []}}));
        let (invoice, intent) = books.invoice("sub_x", 5_000);
        let charge = books.charge_of(&intent);
        books.thing(&charge)["payment_intent"] = serde_json::Value::Null;
        let link = serde_json::json!({"id": "inpay_1", "invoice": invoice, "payment": {"type": "charge", "charge": charge}});
        books.lists.insert("invoice_payments", vec![link]);
        (invoice, charge)
    };
    world.hear("charge.refunded", &charge).await;
    world.tell().await;
    assert!(world.told.payments.lock().unwrap().is_empty(), "nobody knows yet what it paid");
    world.hear("invoice.paid", &invoice).await;
    let told = world.payment().await.payment.unwrap();
    assert_eq!((told.status.as_str(), told.method.as_str()), ("paid", "card"));
    world.stripe.books().thing(&charge)["amount_refunded"] = 2_000.into();
    world.hear("charge.refunded", &charge).await;
    let told = world.payment().await.payment.unwrap();
    assert_eq!((told.status.as_str(), told.refunded.unwrap().minor_units), ("partially_refunded", 2_000));
}

#[tokio::test]
async fn a_refund_that_fails_and_an_inquiry_that_becomes_a_dispute_are_heard_of() {
    let world = World::start().await;
    let link = world.link("automation-audit").await;
    let intent = world.stripe.books().pay(&link.session);
    let charge = world.stripe.books().charge_of(&intent);
    let refund =
        serde_json::json!({"id": "re_1", "object": "refund", "charge": charge, "payment_intent": intent});
    world.stripe.books().things.insert("re_1".into(), refund);
    world.stripe.books().refund(&intent, 9_000);
    world.hear("charge.refunded", &charge).await;
    assert_eq!(world.payment().await.payment.unwrap().status, "partially_refunded");
    world.stripe.books().refund(&intent, -9_000);
    world.hear("refund.failed", "re_1").await;
    assert_eq!(world.payment().await.payment.unwrap().status, "paid");
    world.stripe.books().dispute(&intent, "warning_needs_response");
    world.hear("charge.dispute.created", "").await;
    assert_eq!(world.payment().await.payment.unwrap().status, "paid", "no money has moved");
    world.stripe.books().dispute(&intent, "needs_response");
    world.hear("charge.dispute.updated", "").await;
    assert_eq!(world.payment().await.payment.unwrap().status, "disputed");
}

#[tokio::test]
async fn every_currency_is_counted_as_its_owner_does() {
    for (item, asked, minor, currency) in
        [("yen", "500", 500, "JPY"), ("dinar", "5120", 5_120, "KWD"), ("krona", "70000", 700, "ISK")]
    {
        let world = World::start().await;
        let odd = Owner { workflow: "odd".into(), ..ann() };
        let link = world.till.create(odd, order("r1", item)).await.unwrap();
        assert_eq!(world.stripe.books().form["line_items[0][price_data][unit_amount]"], asked, "{item}");
        let intent = world.stripe.books().pay(&link.session);
        world.stripe.books().refund(&intent, asked.parse().unwrap());
        world.hear("payment_intent.succeeded", &intent).await;
        let told = world.payment().await.payment.unwrap();
        for amount in [told.amount.unwrap(), told.refunded.unwrap()] {
            assert_eq!((amount.minor_units, amount.currency_code.as_str()), (minor, currency));
        }
        let kept = world.till.payment_of(&world.stored(&link.id).await).await.unwrap();
        assert_eq!(kept, None, "the link was not looked at yet");
        world.till.refresh_link(&link.id).await.unwrap();
        let kept = world.till.payment_of(&world.stored(&link.id).await).await.unwrap().unwrap();
        assert_eq!(kept.amount, Money { minor, currency: currency.parse().unwrap() });
    }
}

#[tokio::test]
async fn a_payment_with_an_invoice_is_the_invoices_row() {
    let world = World::start().await;
    let intent = {
        let mut books = world.stripe.books();
        books.things.insert("sub_x".into(), serde_json::json!({"metadata": {}, "id": "sub_x", "status": "active", "created": 1, "currency": "eur", "items": {"data": []}}));
        books.invoice("sub_x", 5_000).1
    };
    world.hear("payment_intent.succeeded", &intent).await;
    let told = world.payment().await;
    let payment = told.payment.unwrap();
    assert!(payment.payment_id.starts_with("in_") && payment.payment_id == payment.invoice_id, "{payment:?}");
    assert_eq!((payment.status.as_str(), payment.method.as_str()), ("paid", "card"));
    let party = told.party.unwrap();
    assert_eq!(
        (party.claimed, party.visitor_id.as_str(), party.email.as_str()),
        (false, "", "ann@example.com")
    );
    world.stripe.books().refund(&intent, 5_000);
    let charge = world.stripe.books().charge_of(&intent);
    world.hear("charge.refunded", &charge).await;
    assert_eq!(world.payment().await.payment.unwrap().status, "refunded");
}

#[tokio::test]
async fn a_link_noted_on_somebody_elses_payment_proves_nothing() {
    let world = World::start().await;
    let link = world.link("automation-audit").await;
    let forged = {
        let mut books = world.stripe.books();
        let intent = books.intent(1_000, "eur", serde_json::json!({"checkout": link.id}));
        books.succeed(&intent);
        intent
    };
    world.hear("payment_intent.succeeded", &forged).await;
    let party = world.payment().await.party.unwrap();
    assert_eq!((party.visitor_id.as_str(), party.session_id.as_str(), party.claimed), ("", "", false));
    assert_eq!(world.stored(&link.id).await.status, Status::Open);
}

#[tokio::test]
async fn what_nobody_has_tried_to_pay_is_nothing() {
    let world = World::start().await;
    let intent = {
        let mut books = world.stripe.books();
        let intent = books.intent(1_000, "eur", serde_json::json!({}));
        let thing = books.thing(&intent);
        (thing["status"], thing["latest_charge"]) =
            ("requires_payment_method".into(), serde_json::Value::Null);
        intent
    };
    world.hear("payment_intent.payment_failed", &intent).await;
    world
        .till
        .follow("plan.created", br#"{"id":"evt_1","type":"plan.created","data":{"object":{}}}"#)
        .await
        .unwrap();
    world.tell().await;
    assert!(world.told.payments.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_payment_that_turns_out_to_be_an_invoices_counts_once() {
    // The invoice is heard of, or nothing more is.
    for is_heard in [true, false] {
        let world = World::start().await;
        let link = world.link("growth").await;
        let (_, invoice, intent) = world.stripe.books().subscribe(&link.session);
        let links = world.stripe.books().lists.remove("invoice_payments").unwrap();
        world.hear("payment_intent.succeeded", &intent).await;
        assert_eq!(world.payment().await.payment.unwrap().payment_id, intent);
        world.stripe.books().lists.insert("invoice_payments", links);
        if is_heard {
            world.hear("invoice.paid", &invoice).await;
        }
        world.time.advance(120);
        assert_eq!(world.work().await, 1, "it is looked at once more");
        world.hear("payment_intent.succeeded", &intent).await;
        world.tell().await;
        let mut rows = std::collections::BTreeMap::new();
        for told in world.told.payments.lock().unwrap().iter() {
            let told = told.payment.clone().unwrap();
            rows.insert(told.payment_id.clone(), told);
        }
        let (row, superseded) = (&rows[&invoice], &rows[&intent]);
        assert_eq!((row.status.as_str(), superseded.status.as_str()), ("paid", "canceled"));
        assert_eq!((&superseded.invoice_id, superseded.pay_time), (&invoice, None));
        assert!(superseded.metadata.contains(&format!("\"superseded_by\":\"{invoice}\"")));
        assert!(superseded.version > 1_800_000_000_000_000, "it was told anew");
    }
}
