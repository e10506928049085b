//! Links: made once, for what the catalogue says, and ended.

use domain::{Kind, Reason};

use super::world::{World, ann, fault, order, owner};
use crate::till::{Order, Status};

#[tokio::test]
async fn a_link_asks_for_what_the_catalogue_says_and_no_more() {
    let world = World::start().await;
    let link = world.link("automation-audit").await;
    assert_eq!(link.status, Status::Open);
    assert_eq!(link.url, format!("https://checkout.stripe.com/c/pay/{}", link.session));
    let form = world.stripe.books().form.clone();
    let token = form["success_url"].strip_prefix("https://desk.example/checkout/fd1.r.").unwrap().to_owned();
    assert!(!token.contains('/') && form["success_url"] == form["cancel_url"]);
    let expected = [
        ("mode", "payment"),
        ("client_reference_id", link.id.as_str()),
        ("expires_at", "1800003600"),
        ("line_items[0][quantity]", "1"),
        ("line_items[0][price_data][currency]", "eur"),
        ("line_items[0][price_data][unit_amount]", "49000"),
        ("line_items[0][price_data][product_data][name]", "Automation Audit"),
        ("line_items[0][price_data][product_data][description]", link.item.description.as_str()),
        ("metadata[checkout]", link.id.as_str()),
        ("metadata[visitor]", "vis_ann"),
        ("metadata[session]", "ses_1"),
        ("payment_intent_data[metadata][checkout]", link.id.as_str()),
        ("payment_intent_data[metadata][visitor]", "vis_ann"),
        ("payment_intent_data[metadata][session]", "ses_1"),
    ];
    for (name, value) in expected {
        assert_eq!(form.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert_eq!(form.len(), expected.len() + 2, "{form:?}");
}

#[tokio::test]
async fn a_price_of_stripes_is_named_and_a_subscription_says_how_often() {
    let world = World::start().await;
    let odd = providers::owner::Owner { workflow: "odd".into(), ..ann() };
    world.till.create(odd.clone(), order("r1", "priced")).await.unwrap();
    let form = world.stripe.books().form.clone();
    assert_eq!(form["line_items[0][price]"], "price_1");
    assert!(!form.keys().any(|name| name.contains("price_data")));
    world.till.create(ann(), order("r2", "growth")).await.unwrap();
    let form = world.stripe.books().form.clone();
    assert_eq!(form["mode"], "subscription");
    assert_eq!(form["line_items[0][price_data][recurring][interval]"], "month");
    assert!(form.contains_key("subscription_data[metadata][checkout]"));
    assert!(!form.keys().any(|name| name.starts_with("payment_intent_data")));
    let refused = world.till.create(odd, order("r3", "half")).await.unwrap_err();
    assert_eq!(fault(refused).0, Kind::Internal, "Stripe cannot be asked for half of ten fils");
}

#[tokio::test]
async fn what_is_not_sold_is_not_asked_for() {
    let world = World::start().await;
    for item in ["launch", "nothing", ""] {
        let refused = world.till.create(ann(), order("r1", item)).await.unwrap_err();
        assert_eq!(fault(refused), (Kind::NotFound, Reason::ItemNotSold), "{item}");
    }
    let refused =
        world.till.create(ann(), Order { start: Some(world.time.now()), ..order("r1", "launch-deposit") });
    assert_eq!(fault(refused.await.unwrap_err()), (Kind::Invalid, Reason::InvalidValue));
    assert!(world.stripe.books().asked.is_empty());
}

#[tokio::test]
async fn the_same_request_is_one_link_and_another_content_is_refused() {
    let world = World::start().await;
    let one = world.link("automation-audit").await;
    world.time.advance(60);
    assert_eq!(world.link("automation-audit").await, one);
    assert_eq!(world.stripe.books().asked.len(), 1, "nobody was asked again");
    let reused = world.till.create(ann(), order("r1", "launch-deposit")).await.unwrap_err();
    assert_eq!(fault(reused), (Kind::Conflict, Reason::RequestIdReused));
    let other = world.till.create(owner("vis_bob"), order("r1", "automation-audit")).await.unwrap();
    assert_ne!(other.id, one.id, "a request id is its caller's");
    assert_ne!(world.till.create(ann(), order("r2", "automation-audit")).await.unwrap().id, one.id);
}

#[tokio::test]
async fn two_at_once_are_one_link() {
    let world = World::start().await;
    let (one, other) = tokio::join!(world.link("automation-audit"), world.link("automation-audit"));
    assert_eq!(one, other);
    assert_eq!(world.stripe.books().things.len(), 1);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_asked_for_again_with_the_same_key() {
    let world = World::start().await;
    world.stripe.books().losing.extend([500]);
    let link = world.link("automation-audit").await;
    assert_eq!(link.status, Status::Open);
    let books = world.stripe.books();
    assert_eq!((books.things.len(), books.keys.len(), books.asked.len()), (1, 1, 2));
}

#[tokio::test]
async fn a_task_asks_again_when_the_caller_is_gone() {
    let world = World::start().await;
    world.stripe.books().refusing.extend([(503, "none"), (503, "none")]);
    let lost = world.till.create(ann(), order("r1", "automation-audit")).await.unwrap_err();
    assert_eq!(fault(lost), (Kind::Unavailable, Reason::ProviderUnavailable));
    assert_eq!(world.work().await, 0, "not yet");
    world.time.advance(60);
    world.work().await;
    assert_eq!(world.stripe.books().things.len(), 1);
    let asked = world.stripe.books().asked.len();
    let link = world.link("automation-audit").await;
    assert_eq!(
        (link.status, world.stripe.books().asked.len()),
        (Status::Open, asked),
        "it was there already"
    );
    assert_eq!(world.stripe.books().form["expires_at"], "1800003600", "as was asked for the first time");
}

#[tokio::test]
async fn what_is_refused_is_forgotten_and_may_be_asked_for_anew() {
    let world = World::start().await;
    world.stripe.books().refusing.extend([(400, "price_inactive")]);
    let refused = world.till.create(ann(), order("r1", "automation-audit")).await.unwrap_err();
    assert_eq!(fault(refused), (Kind::Internal, Reason::ProviderRefused));
    world.time.advance(60);
    assert_eq!(world.work().await, 0, "nothing is left to be done");
    assert_eq!(world.till.create(ann(), order("r1", "launch-deposit")).await.unwrap().status, Status::Open);
}

#[tokio::test]
async fn a_key_in_use_is_no_refusal() {
    let world = World::start().await;
    world.stripe.books().refusing.extend([(409, "idempotency_key_in_use")]);
    let busy = world.till.create(ann(), order("r1", "automation-audit")).await.unwrap_err();
    assert_eq!(fault(busy), (Kind::Unavailable, Reason::ProviderUnavailable));
    world.time.advance(60);
    world.work().await;
    assert_eq!(world.stripe.books().things.len(), 1);
    assert_eq!(world.link("automation-audit").await.status, Status::Open);
}

#[tokio::test]
async fn a_link_that_is_never_made_ends() {
    let world = World::start().await;
    world.stripe.books().refusing.extend([(503, "none"), (503, "none")]);
    world.till.create(ann(), order("r1", "automation-audit")).await.unwrap_err();
    world.time.advance(3_600);
    assert_eq!(world.work().await, 1);
    assert_eq!(world.link("automation-audit").await.status, Status::Expired);
    assert_eq!(world.stripe.books().asked.len(), 2, "Stripe makes no link that has ended");
}

#[tokio::test]
async fn a_link_ends_when_it_is_called_off_or_nobody_pays() {
    let world = World::start().await;
    let link = world.link("automation-audit").await;
    for _ in 0..2 {
        let ended = world.till.expire(&ann(), &link.id).await.unwrap();
        assert_eq!((ended.status, ended.pay_url(world.time.now())), (Status::Canceled, ""));
    }
    let other = world.till.create(ann(), order("r2", "automation-audit")).await.unwrap();
    world.stripe.books().expire(&other.session);
    world.hear("checkout.session.expired", &other.session).await;
    assert_eq!(world.stored(&other.id).await.status, Status::Expired);
    assert_eq!(world.till.expire(&ann(), &other.id).await.unwrap().status, Status::Expired, "it stays so");
}

#[tokio::test]
async fn what_was_called_off_ends_also_where_stripe_was_away() {
    let world = World::start().await;
    let link = world.link("automation-audit").await;
    world.stripe.books().refusing.extend([(503, "none"), (503, "none")]);
    let lost = world.till.expire(&ann(), &link.id).await.unwrap_err();
    assert_eq!(fault(lost).0, Kind::Unavailable);
    assert_eq!((world.work().await, world.stored(&link.id).await.status), (0, Status::Open), "not yet");
    world.time.advance(60);
    // It fails once more, which Stripe answers again and again under the same key.
    world.stripe.books().failing.push_back(500);
    assert_eq!(world.work().await, 0);
    world.time.advance(600);
    // It is refused, and the link is still open.
    world.stripe.books().refusing.push_back((400, "none"));
    assert_eq!(world.work().await, 0);
    world.time.advance(600);
    assert_eq!(world.work().await, 1);
    assert_eq!(world.stored(&link.id).await.status, Status::Canceled);
    assert_eq!(world.stripe.books().things[&link.session]["status"], "expired");
    world.time.advance(600);
    assert_eq!(world.work().await, 0, "it is done");
}

#[tokio::test]
async fn what_is_paid_cannot_be_called_off() {
    let world = World::start().await;
    let link = world.link("automation-audit").await;
    world.stripe.books().pay(&link.session);
    let refused = world.till.expire(&ann(), &link.id).await.unwrap_err();
    assert_eq!(fault(refused), (Kind::Precondition, Reason::StateWrong));
    assert_eq!(world.stored(&link.id).await.status, Status::Paid, "and it is known at once");
}

#[tokio::test]
async fn a_link_that_would_charge_another_amount_is_not_given_out() {
    let world = World::start().await;
    let odd = || providers::owner::Owner { workflow: "odd".into(), ..ann() };
    world.stripe.books().total = Some(200);
    let refused = world.till.create(odd(), order("r1", "priced")).await.unwrap_err();
    assert_eq!(fault(refused), (Kind::Internal, Reason::Internal));
    assert!(world.stripe.books().things.values().all(|session| session["status"] == "expired"));
    world.time.advance(60);
    assert_eq!(world.work().await, 0, "nothing is left to be done");
    world.stripe.books().total = Some(100);
    let made = world.till.create(odd(), order("r1", "priced")).await.unwrap();
    assert_eq!((made.status, made.amount().to_string().as_str()), (Status::Open, "1.00 EUR"));
}
