//! What came of messages: those that were given up, those that were done and came to nothing, those that fit no key.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use store::{
    Work,
    inbox::{INBOX, Inbox, Message},
    queue::{Handler, Next, State, Trouble, Worker},
};

use super::world::World;
use crate::till::{FOLLOWED, payment::PAYMENTS};
use providers::{
    provider::{Provider, Verified},
    reconciliation::{Reconciliation, Report},
    webhooks::Providers,
};

/// A world with an inbox.
struct Desk {
    world: World,
    inbox: Inbox,
    worker: Worker<Message>,
    reconciliation: Reconciliation,
    begin: Timestamp,
}

/// Says that everything is done, and does nothing.
struct Deaf;

#[async_trait::async_trait]
impl Handler<Message> for Deaf {
    async fn handle(&self, _: &str, _: &Message) -> Result<Next, Trouble> {
        Ok(Next::Done)
    }
}

impl Desk {
    async fn start() -> Self {
        let world = World::start().await;
        let (store, clock) = (world.store.clone(), world.time.clock());
        let providers = Providers::new(vec![Arc::new(world.till.clone())]);
        let inbox = Inbox::new(store.clone(), clock.clone());
        let worker = Worker::new(&INBOX, store.clone(), clock.clone(), Arc::new(providers.clone()));
        let reconciliation =
            Reconciliation { providers, inbox: inbox.clone(), worker: worker.clone(), store, clock };
        let begin = world.time.now();
        Self { world, inbox, worker, reconciliation, begin }
    }

    /// A message arrives; false if nothing is to be done about it.
    async fn take(&self, body: &[u8]) -> bool {
        let event = crate::stripe::Event::read(body).unwrap();
        let kept = Provider::keep(&self.world.till, body);
        !self.inbox.take("stripe", &event.id, &event.kind, &kept).await.unwrap().duplicate
    }

    /// What waits is worked on.
    async fn work(&self) {
        self.worker.tick(100).await.unwrap();
    }

    /// Somebody looks, from the beginning on.
    async fn look(&self) -> Report {
        let report = self.reconciliation.look(&self.world.till, Some(self.begin)).await.unwrap();
        self.work().await;
        report
    }

    async fn states(&self) -> Vec<(State, String)> {
        let page = self.inbox.list(None, 25, None).await.unwrap();
        page.jobs.into_iter().map(|job| (job.state, job.problem)).collect()
    }

    /// Works until everything is given up.
    async fn give_up(&self) {
        for _ in 0..100 {
            self.work().await;
            if self.states().await.iter().all(|(state, _)| *state == State::Parked) {
                return;
            }
            self.world.time.advance(3_600);
        }
        panic!("it is tried for ever");
    }

    /// A link is paid: the message of it.
    async fn paid(&self) -> Vec<u8> {
        let link = self.world.link("automation-audit").await;
        let mut books = self.world.stripe.books();
        books.pay(&link.session);
        books.event("checkout.session.completed", &link.session)
    }

    async fn status(&self) -> String {
        self.world.payment().await.payment.unwrap().status
    }

    fn has_no_row(&self) -> bool {
        self.world.told.payments.lock().unwrap().is_empty()
    }
}

#[tokio::test]
async fn what_was_given_up_is_tried_again_by_a_look_and_when_it_is_sent_again() {
    for is_sent in [false, true] {
        let desk = Desk::start().await;
        let body = desk.paid().await;
        // The key was wrong for a day.
        desk.world.stripe.books().refusing.extend(vec![(401, "none"); 100]);
        assert!(desk.take(&body).await);
        desk.give_up().await;
        assert!(desk.has_no_row());
        desk.world.stripe.books().refusing.clear();
        if is_sent {
            assert!(desk.take(&body).await, "it is no duplicate of anything");
            desk.work().await;
        } else {
            let found = desk.look().await;
            assert_eq!((found.seen, found.missed, found.problem.as_str()), (1, 1, ""));
        }
        assert_eq!(desk.status().await, "paid");
        assert_eq!(desk.states().await, [(State::Done, String::new())], "it is the same message");
        assert_eq!(desk.look().await.missed, 0, "now the row is right");
        assert!(!desk.take(&body).await);
    }
}

#[tokio::test]
async fn what_was_done_and_came_to_nothing_is_found_and_what_is_right_is_not_taken_again() {
    let desk = Desk::start().await;
    let (store, clock) = (desk.world.store.clone(), desk.world.time.clock());
    let deaf = Worker::new(&INBOX, store, clock, Arc::new(Deaf));
    let body = desk.paid().await;
    desk.take(&body).await;
    deaf.tick(10).await.unwrap();
    assert_eq!(desk.states().await, [(State::Done, String::new())]);
    assert_eq!(desk.look().await.missed, 1, "the row is missing");
    assert_eq!(desk.status().await, "paid");
    assert_eq!(desk.look().await.missed, 0);

    desk.world.time.advance(60);
    let refund = {
        let mut books = desk.world.stripe.books();
        let intent = books.things.keys().find(|id| id.starts_with("pi_")).unwrap().clone();
        books.refund(&intent, 4_000);
        let charge = books.charge_of(&intent);
        books.event("charge.refunded", &charge)
    };
    desk.take(&refund).await;
    deaf.tick(10).await.unwrap();
    let found = desk.look().await;
    assert_eq!((found.seen, found.missed), (2, 1), "the row is older");
    assert_eq!(desk.status().await, "partially_refunded");
    let asked = desk.world.stripe.books().asked.len();
    assert_eq!(desk.look().await.missed, 0);
    assert_eq!(desk.world.stripe.books().asked.len(), asked + 2, "nothing was asked for but the events");
}

#[tokio::test]
async fn a_row_that_is_gone_or_older_than_it_was_is_fetched_again() {
    let desk = Desk::start().await;
    let body = desk.paid().await;
    desk.take(&body).await;
    desk.work().await;
    let id = desk.world.payment().await.payment.unwrap().payment_id;
    let mut work = Work::new(&*desk.world.store);
    let mut payment = work.get(&PAYMENTS, &id).await.unwrap().unwrap();
    (payment.version, payment.method) = (payment.version - 1, "cash".into());
    work.put(&PAYMENTS, &id, &payment);
    assert!(matches!(work.commit().await.unwrap(), store::Commit::Done(_)));
    assert_eq!(desk.look().await.missed, 1);
    assert_eq!(desk.world.payment().await.payment.unwrap().method, "card");
    let mut work = Work::new(&*desk.world.store);
    work.get(&PAYMENTS, &id).await.unwrap().unwrap();
    work.delete(&PAYMENTS, &id);
    assert!(matches!(work.commit().await.unwrap(), store::Commit::Done(_)));
    assert_eq!(desk.look().await.missed, 1);
    assert_eq!(desk.look().await.missed, 0);
}

#[tokio::test]
async fn what_rightly_leaves_no_row_is_not_taken_again() {
    let desk = Desk::start().await;
    let body = {
        let mut books = desk.world.stripe.books();
        let intent = books.intent(1_000, "eur", serde_json::json!({}));
        let thing = books.thing(&intent);
        (thing["status"], thing["latest_charge"]) =
            ("requires_payment_method".into(), serde_json::Value::Null);
        books.event("payment_intent.payment_failed", &intent)
    };
    desk.take(&body).await;
    desk.work().await;
    assert!(desk.has_no_row() && FOLLOWED.get(&*desk.world.store, "pi_1").await.unwrap().is_some());
    assert_eq!(desk.look().await.missed, 0);
}

#[tokio::test]
async fn what_stripe_does_not_know_is_tried_for_a_day_and_given_up_with_the_reason() {
    let desk = Desk::start().await;
    for kind in crate::stripe::TYPES.iter().filter(|kind| !kind.starts_with("charge.dispute")) {
        let prefix = if kind.starts_with("refund.") { "charge" } else { "id" };
        let body = serde_json::json!({
            "id": format!("evt_{}", kind.replace('.', "_")), "type": kind, "created": 1_800_000_000,
            "data": {"object": {prefix: "gone_1"}},
        });
        desk.take(body.to_string().as_bytes()).await;
    }
    desk.work().await;
    assert!(desk.states().await.iter().all(|(state, _)| *state == State::Waiting), "it may be mended");
    desk.give_up().await;
    for (_, problem) in desk.states().await {
        assert_eq!(
            problem,
            "stripe does not know what the event is about: is the webhook of the same account and mode as the key?"
        );
    }
    assert!(desk.has_no_row());
}

#[tokio::test]
async fn an_event_of_the_other_mode_than_the_keys_is_told_without_asking() {
    let desk = Desk::start().await;
    let mut event: serde_json::Value = serde_json::from_slice(&desk.paid().await).unwrap();
    event["livemode"] = true.into();
    let asked = desk.world.stripe.books().asked.len();
    desk.take(event.to_string().as_bytes()).await;
    desk.work().await;
    let problem = "the event is of stripe's other mode, test or live, than the key";
    assert_eq!(desk.states().await, [(State::Waiting, problem.to_owned())]);
    assert_eq!(desk.world.stripe.books().asked.len(), asked);
    event["livemode"] = false.into();
    desk.world.till.follow("", event.to_string().as_bytes()).await.unwrap();
    assert_eq!(desk.status().await, "paid");
}

#[tokio::test]
async fn a_look_further_back_than_stripe_lists_says_so_whoever_asked_for_it() {
    let desk = Desk::start().await;
    let days = |days: i64| desk.world.time.now() - SignedDuration::from_hours(24 * days);
    let problem = "stripe lists the events of the last 30 days; what is older was not looked at";
    for (since, said) in [(days(31), problem), (days(30), ""), (days(1), "")] {
        let found = desk.reconciliation.look(&desk.world.till, Some(since)).await.unwrap();
        assert_eq!(found.problem, said);
    }
    desk.reconciliation.look(&desk.world.till, None).await.unwrap();
    desk.world.time.advance(31 * 86_400);
    let found = desk.reconciliation.look(&desk.world.till, None).await.unwrap();
    assert_eq!((found.problem.as_str(), found.more), (problem, false), "it was off for so long");
    let found = desk.reconciliation.look(&desk.world.till, None).await.unwrap();
    assert_eq!(found.problem, "");
}

#[tokio::test]
async fn events_of_all_types_are_listed_the_oldest_first() {
    let desk = Desk::start().await;
    let mut expected = Vec::new();
    for kind in crate::stripe::TYPES.iter().rev().filter(|kind| !kind.starts_with("charge.dispute")) {
        desk.world.time.advance(1);
        let object = serde_json::json!({"id": "it_1", "charge": "ch_1"});
        desk.world.stripe.books().things.insert("it_1".into(), object);
        desk.world.stripe.books().event(kind, "it_1");
        expected.push((*kind).to_owned());
    }
    let found = desk.world.till.look(desk.begin).await.unwrap();
    let kinds = found.missed.into_iter().map(|(Verified { kind, .. }, _)| kind);
    assert_eq!(kinds.collect::<Vec<_>>(), expected);
}
