//! What became of a payment or a meeting is told in the chat in which it was asked for: once, however often webhooks come,
//! and also when the chat was away.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use chassis::Link;
use domain::token::{Keys, Purpose};
use jiff::Timestamp;
use proto::{
    booking::v1::{Checkout, CreateCheckoutRequest, payment_service_client::PaymentServiceClient},
    common::v1::{Caller, TickRequest, operations_service_client::OperationsServiceClient},
};
use sandbox::{Outcome, STRATEGY_CONSULT, Sandbox, Side, Told};
use serde_json::{Value, json};

use super::{
    desk::{Guest, WORKFLOW, is_idle, starts},
    scripts::SENDERS,
};
use crate::{
    chat::{
        LEAD,
        talk::{Talk, request},
    },
    processes::fleet::{self, Fleet},
    world::{PATIENCE, World, until},
};

/// Somebody who talks on the site, and whom the agent serves.
struct Visitor {
    guest: Guest,
    talk: Talk,
    thread: String,
}

// === impl Visitor ===

impl Visitor {
    /// Says hello at a gateway which keeps its keys in `dir`.
    async fn welcome(number: u32, gateway: &str, dir: &Path) -> Self {
        let talk = Talk::begin(gateway, &json!({"modes": ["self_hosted"]})).await;
        let (thread, _) = talk.create("Hello!").await;
        let keys = Keys::parse(std::fs::read_to_string(dir.join("token-keys")).unwrap().trim()).unwrap();
        let claims = keys.open(Purpose::ClientSecret, &talk.secret, Timestamp::now()).unwrap();
        let mut guest = Guest::new(number);
        guest.caller = Caller {
            visitor_id: claims.subject,
            workflow: WORKFLOW.to_owned(),
            session_id: claims.session_id.unwrap(),
            ..guest.caller
        };
        Self { guest, talk, thread }
    }

    /// The agent makes a link for a consult in their thread.
    async fn asks_to_pay(&self, till: &Link, start: Timestamp) -> Checkout {
        let order = self.guest.order("strategy-consult", Some(start));
        let order = CreateCheckoutRequest { thread_id: self.thread.clone(), ..order };
        let answer = PaymentServiceClient::new(till.clone()).create_checkout(order).await.unwrap();
        answer.into_inner().checkout.unwrap()
    }

    /// They pay a link at Stripe.
    fn pays(&self, sandbox: &Sandbox, link: &Checkout) {
        let sessions = sandbox.till().all("checkout.session").unwrap();
        let session = sessions.iter().find(|session| session["client_reference_id"] == *link.checkout_id);
        sandbox.till().pay(session.unwrap()["id"].as_str().unwrap(), &self.guest.email).unwrap();
    }

    /// The notices in their thread, line by line.
    async fn notices(&self) -> Vec<Vec<String>> {
        let thread = request("threads.get_by_id", json!({"thread_id": self.thread}));
        let thread = self.talk.whole(&thread).await;
        assert_eq!(thread["items"]["has_more"], false, "{thread}");
        let items = thread["items"]["data"].as_array().unwrap();
        let cards = items.iter().filter(|item| item["type"] == "widget");
        let lines = |card: &Value| card["copy_text"].as_str().unwrap().lines().map(str::to_owned).collect();
        cards.map(lines).collect()
    }

    /// Waits until so many notices stand in their thread.
    async fn is_told(&self, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.notices().await.len() < count {
            assert!(Instant::now() < deadline, "{:?}", self.notices().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// That of a paid consult is all they were told.
    async fn was_told_of(&self, consult: &Checkout) {
        let notices = self.notices().await;
        let [notice] = &notices[..] else { panic!("one notice: {notices:?}") };
        let [title, item, paid, when] = &notice[..] else { panic!("{notice:?}") };
        assert_eq!((title.as_str(), item.as_str()), ("Paid and booked", "Item: Strategy Consult"));
        assert_eq!(paid, "Paid: 150.00 EUR");
        assert!(when.starts_with("When: ") && when.ends_with(" (Europe/Berlin)"), "{when} of {consult:?}");
    }
}

/// Every webhook goes out twice from now on.
fn duplicate(sandbox: &Sandbox) {
    SENDERS.iter().for_each(|sender| sandbox.webhooks(*sender).duplicate());
}

/// Waits until webhooks have arrived: each was sent twice and taken twice.
async fn arrive_twice(sandbox: &Sandbox) {
    until("webhooks arrive", || SENDERS.iter().all(|sender| sandbox.webhooks(*sender).under_way() == 0))
        .await;
    let log: Vec<_> = SENDERS.iter().flat_map(|sender| sandbox.webhooks(*sender).log()).collect();
    assert!(log.len() >= 2, "{log:?}");
    for sent in &log {
        assert_eq!(sent.outcome, Outcome::Answered(200), "{sent:?}");
        assert_eq!(log.iter().filter(|other| other.id == sent.id).count(), 2, "{sent:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_paid_and_moved_is_told_in_its_thread_once() {
    let world = World::talkative().await;
    world.look_is_over().await;
    let (sandbox, till) = (world.sandbox(), world.till());
    let ann = Visitor::welcome(71, &format!("http://{}", world.system.gateway), world.dir.path()).await;
    let bob = Visitor::welcome(72, &format!("http://{}", world.system.gateway), world.dir.path()).await;
    let starts = starts(sandbox, STRATEGY_CONSULT);
    let link = ann.asks_to_pay(&till, starts[0]).await;
    duplicate(sandbox);
    ann.pays(sandbox, &link);
    ann.is_told(1).await;
    arrive_twice(sandbox).await;
    world.at_rest().await;
    ann.was_told_of(&link).await;

    let [booking] = &sandbox.calendar().bookings()[..] else { panic!("one meeting") };
    sandbox.calendar().reschedule(booking["uid"].as_str().unwrap(), starts[4], Side::Host, None).unwrap();
    ann.is_told(2).await;
    arrive_twice(sandbox).await;
    world.at_rest().await;
    let notices = ann.notices().await;
    assert_eq!((notices.len(), notices[1][0].as_str()), (2, "Your meeting was moved"), "{notices:?}");
    assert_eq!(bob.notices().await, Vec::<Vec<String>>::new(), "it is nothing of his");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_team_is_told_of_each_once_with_the_conversations_and_without_names() {
    let wishes = [("LIMIT_CHAT", "off"), ("LIMIT_NOTICES", "off"), ("NOTIFY_EVENTS", "all")];
    let world = World::with(&wishes).await;
    world.look_is_over().await;
    let (sandbox, till) = (world.sandbox(), world.till());
    let ann = Visitor::welcome(74, &format!("http://{}", world.system.gateway), world.dir.path()).await;
    ann.talk.say(&ann.thread, LEAD).await;
    let link = ann.asks_to_pay(&till, starts(sandbox, STRATEGY_CONSULT)[0]).await;
    duplicate(sandbox);
    let sessions = sandbox.till().all("checkout.session").unwrap();
    sandbox.till().fail(sessions[0]["id"].as_str().unwrap()).unwrap();
    // of a lead and of this, by two ways
    until("the team knows of the failure", || sandbox.told().unwrap().len() == 4).await;
    ann.pays(sandbox, &link);
    ann.is_told(1).await;
    arrive_twice(sandbox).await;
    world.at_rest().await;
    until("everybody is told", || sandbox.told().unwrap().len() >= 8).await;

    let told = sandbox.told().unwrap();
    let said = |told: &Told| {
        let subject = told.letter.as_ref().map_or("", |letter| letter.subject.as_str());
        format!("{subject}\n{}", told.text)
    };
    for title in ["A new lead", "A payment failed", "A payment came", "A meeting was booked"] {
        let of_it = told.iter().filter(|told| said(told).contains(title));
        let mut ways: Vec<_> = of_it.map(|told| told.way.as_str()).collect();
        ways.sort_unstable();
        assert_eq!(ways, ["email", "slack"], "{title}: {told:#?}");
    }
    assert_eq!(told.len(), 8, "{told:#?}");
    // a payment and a meeting know who asked for them, and not in which of their conversations
    let conversations = [("thread", &ann.thread), ("visitor", &ann.guest.caller.visitor_id)];
    let conversations = conversations.map(|(name, id)| format!("/operator?{name}={id}"));
    for told in &told {
        let all = said(told);
        assert!(conversations.iter().any(|conversation| all.contains(conversation)), "{all}");
        let personal = ["Ann Example", "ann@example.com", "Guest74", &ann.guest.email];
        assert!(!personal.iter().any(|word| all.contains(word)), "{all}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_paid_while_the_chat_was_away_is_told_once() {
    let mut fleet = Fleet::start().await;
    fleet::aim_webhooks(&fleet.sandbox, &fleet.url());
    let sandbox = fleet.sandbox.clone();
    let till = Link::new(&format!("http://{}", fleet.till_address).parse().unwrap()).unwrap();
    let ann = Visitor::welcome(73, &fleet.url(), &fleet.dir.path().join(".frontdesk")).await;
    let link = ann.asks_to_pay(&till, starts(&sandbox, STRATEGY_CONSULT)[0]).await;
    OperationsServiceClient::new(till.clone()).tick(TickRequest {}).await.unwrap();

    fleet.agent.kill().await;
    duplicate(&sandbox);
    ann.pays(&sandbox, &link);
    until("it is booked", || sandbox.calendar().bookings().len() == 1).await;
    arrive_twice(&sandbox).await;
    fleet.till.says("chat-agent took no telling").await;

    let writer = format!("http://{}", fleet.writer_address);
    fleet.agent = fleet::agent(fleet.dir.path(), &fleet.base, &writer, fleet.agent_address.port());
    fleet.agent.address("chat-agent").await;
    ann.is_told(1).await;
    is_idle(&till).await;
    ann.was_told_of(&link).await;
}
