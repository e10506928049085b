//! Webhooks and the list of events.

use std::collections::HashMap;

use domain::{Kind, Reason};
use jiff::Timestamp;
use providers::provider::Provider as _;

use super::world::{SECRET, World};
use crate::stripe::header;

#[tokio::test]
async fn only_what_stripe_signed_is_read() {
    let world = World::start().await;
    let now = world.time.now();
    let body = world.stripe.books().event("checkout.session.completed", "cs_1");
    let with = |value: String| HashMap::from([("stripe-signature".to_owned(), value)]);
    let signed = with(header(SECRET, world.time.seconds(), &body));
    let verified = world.till.verify(&signed, &body, now).unwrap();
    assert!(verified.key.starts_with("evt_"));
    assert_eq!(verified.kind, "checkout.session.completed");
    for headers in [
        HashMap::new(),
        with(header("whsec_other", world.time.seconds(), &body)),
        with(header(SECRET, world.time.seconds() - 301, &body)),
        with(header(SECRET, world.time.seconds(), b"{}")),
        HashMap::from([("x-stripe-signature".to_owned(), header(SECRET, world.time.seconds(), &body))]),
    ] {
        let fault = world.till.verify(&headers, &body, now).unwrap_err();
        assert_eq!((fault.kind, fault.reason), (Kind::Unauthenticated, Reason::SignatureWrong));
    }
    let fault =
        world.till.verify(&with(header(SECRET, world.time.seconds(), b"[]")), b"[]", now).unwrap_err();
    assert_eq!(fault.reason, Reason::Malformed, "signed, and no event");
}

#[tokio::test]
async fn a_look_brings_what_no_webhook_brought_the_oldest_first() {
    let world = World::start().await;
    let link = world.link("automation-audit").await;
    let since = world.time.now();
    let intent = {
        let mut books = world.stripe.books();
        let intent = books.pay(&link.session);
        books.event("payment_intent.succeeded", &intent);
        intent
    };
    world.time.advance(10);
    world.stripe.books().event("checkout.session.completed", &link.session);
    let found = world.till.look(since).await.unwrap();
    assert_eq!((found.seen, found.more), (2, false));
    let kinds: Vec<_> = found.missed.iter().map(|(verified, _)| verified.kind.as_str()).collect();
    assert_eq!(kinds, ["payment_intent.succeeded", "checkout.session.completed"]);
    for (verified, body) in &found.missed {
        world.till.follow(&verified.kind, body).await.unwrap();
    }
    assert_eq!(world.payment().await.payment.unwrap().payment_id, intent);
    assert_eq!(world.stored(&link.id).await.payment, intent);
    assert!(found.until.unwrap() >= since);
}

#[tokio::test]
async fn many_events_are_looked_at_in_portions_and_none_is_left_out() {
    let world = World::start().await;
    let since = world.time.now();
    for _ in 0..1_500 {
        world.time.advance(1);
        world.stripe.books().event("payment_intent.succeeded", "pi_x");
    }
    let (mut keys, mut from, mut looks): (Vec<String>, Timestamp, usize) = (Vec::new(), since, 0);
    loop {
        let found = world.till.look(from).await.unwrap();
        keys.extend(found.missed.into_iter().map(|(verified, _)| verified.key));
        from = found.until.unwrap();
        looks += 1;
        if !found.more {
            break;
        }
        assert!(found.seen <= 500 && looks < 20);
    }
    let number = |key: &String| key.trim_start_matches("evt_").parse::<usize>().unwrap();
    assert!(keys.is_sorted_by_key(number), "the oldest come first");
    keys.dedup();
    assert_eq!(keys.len(), 1_500);
    assert!(looks > 1);
}

#[tokio::test]
async fn full_seconds_that_follow_each_other_are_looked_at_one_by_one() {
    let world = World::start().await;
    let since = world.time.now();
    for _ in 0..3 {
        for _ in 0..300 {
            world.stripe.books().event("payment_intent.succeeded", "pi_x");
        }
        world.time.advance(1);
    }
    let (mut seen, mut from, mut looks) = (0, since, 0);
    loop {
        let found = world.till.look(from).await.unwrap();
        (seen, looks) = (seen + found.seen, looks + 1);
        if !found.more {
            break;
        }
        assert!(found.until.unwrap() > from && looks < 20, "it comes no further");
        from = found.until.unwrap();
    }
    assert_eq!(seen, 900, "none is left out, and none is looked at twice");
}
