//! The inbox over SQLite.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use super::{Forgotten, INBOX, Inbox, LONGEST_BODY, Mentions, Message, NEWEST, Taken};
use crate::{
    Clock, Error, Schema, Store,
    erasing::{self, Erasures},
    queue::{Handler, Next, State, Trouble, Worker},
    sqlite::Sqlite,
};

const SCHEMA: Schema = Schema {
    version: 1,
    indexes: &[INBOX.index(), &NEWEST],
    expiring: &[INBOX.collection(), erasing::COLLECTION],
};
const ANN: &str = "ann@canary.example";

struct Desk {
    inbox: Inbox,
    store: Arc<dyn Store>,
    clock: Clock,
    now: Arc<Mutex<Timestamp>>,
    hand: Arc<Hand>,
    _dir: TempDir,
}

/// Fails where the test says so.
#[derive(Default)]
struct Hand {
    fails: Mutex<Option<Trouble>>,
    done: Mutex<Vec<Message>>,
}

#[async_trait::async_trait]
impl Handler<Message> for Hand {
    async fn handle(&self, _: &str, message: &Message) -> Result<Next, Trouble> {
        if let Some(trouble) = self.fails.lock().unwrap().clone() {
            return Err(trouble);
        }
        self.done.lock().unwrap().push(message.clone());
        Ok(Next::Done)
    }
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let now: Arc<Mutex<Timestamp>> = Arc::new(Mutex::new("2026-03-01T12:00:00Z".parse().unwrap()));
        let read = now.clone();
        let clock: Clock = Arc::new(move || *read.lock().unwrap());
        let store: Arc<dyn Store> =
            Arc::new(Sqlite::open(&dir.path().join("it.db"), SCHEMA, clock.clone()).unwrap());
        let inbox = Inbox::new(store.clone(), clock.clone());
        Self { inbox, store, clock, now, hand: Arc::default(), _dir: dir }
    }

    fn worker(&self) -> Worker<Message> {
        Worker::new(&INBOX, self.store.clone(), self.clock.clone(), self.hand.clone())
    }

    async fn take(&self, key: &str, body: &str) -> Taken {
        *self.now.lock().unwrap() += SignedDuration::from_secs(1);
        self.inbox.take("stripe", key, "charge.refunded", body.as_bytes()).await.unwrap()
    }

    async fn listed(&self, state: Option<State>) -> Vec<String> {
        let mut bodies = Vec::new();
        let mut after = None;
        loop {
            let page = self.inbox.list(state, 2, after).await.unwrap();
            bodies.extend(page.jobs.iter().map(|listed| {
                String::from_utf8(listed.payload.as_ref().unwrap().body.bytes().to_vec()).unwrap()
            }));
            after = page.next;
            if after.is_none() {
                return bodies;
            }
        }
    }

    async fn forget(&self, person: &str) -> Forgotten {
        let erasures = self.erasures();
        let person = Mentions::new([person]);
        self.inbox.forget(&self.worker(), &person, &erasures, "era_1", Instant::now()).await.unwrap()
    }

    fn erasures(&self) -> Erasures {
        Erasures::new(self.store.clone(), self.clock.clone())
    }
}

#[tokio::test]
async fn a_message_is_taken_once() {
    let desk = Desk::new();
    let first = desk.take("evt_1", "a").await;
    assert!(first.id.as_str().starts_with("inb_") && !first.duplicate);
    let again = desk.take("evt_1", "something else").await;
    assert_eq!((&again.id, again.duplicate), (&first.id, true));
    let theirs = desk.inbox.take("calcom", "evt_1", "x", b"b").await.unwrap();
    assert!(theirs.id != first.id && !theirs.duplicate, "another source, another message");
    assert_eq!(desk.worker().tick(10).await.unwrap().done["inbox"], 2);
    assert!(desk.take("evt_1", "a").await.duplicate, "what is done is known");
    let seen: Vec<_> = desk.hand.done.lock().unwrap().iter().map(|m| m.body.bytes().to_vec()).collect();
    assert_eq!(seen, [b"a", b"b"]);
}

#[tokio::test]
async fn what_was_parked_is_tried_anew_when_it_comes_again() {
    let desk = Desk::new();
    let first = desk.take("evt_1", "a").await;
    *desk.hand.fails.lock().unwrap() = Some(Trouble::hopeless("no such thing"));
    desk.worker().tick(10).await.unwrap();
    let parked = desk.inbox.get(first.id.as_str()).await.unwrap().unwrap();
    assert_eq!(parked.state, State::Parked);
    *desk.hand.fails.lock().unwrap() = None;
    let again = desk.take("evt_1", "b").await;
    assert_eq!((&again.id, again.duplicate), (&first.id, false));
    let waiting = desk.inbox.get(first.id.as_str()).await.unwrap().unwrap();
    assert_eq!((waiting.state, waiting.tries, waiting.problem.as_str()), (State::Waiting, 0, ""));
    assert_eq!(waiting.received_at, parked.received_at, "it first came then");
    assert!(desk.take("evt_1", "c").await.duplicate, "it waits already");
    assert_eq!(desk.worker().tick(10).await.unwrap().done["inbox"], 1);
    assert!(desk.take("evt_1", "c").await.duplicate, "it is done");
}

#[tokio::test]
async fn what_was_done_is_taken_again_only_by_whoever_knows_that_it_came_to_nothing() {
    let desk = Desk::new();
    desk.take("evt_1", "a").await;
    desk.worker().tick(10).await.unwrap();
    let again = || desk.inbox.take_again("stripe", "evt_1", "x", b"a");
    assert!(!again().await.unwrap().duplicate);
    assert!(again().await.unwrap().duplicate, "it waits already");
    assert_eq!(desk.worker().tick(10).await.unwrap().done["inbox"], 1);
    assert_eq!(desk.hand.done.lock().unwrap().len(), 2);
    assert!(!desk.inbox.take_again("stripe", "evt_2", "x", b"a").await.unwrap().duplicate, "it never came");
}

#[tokio::test]
async fn deliveries_at_the_same_moment_are_one() {
    let desk = Desk::new();
    let takes = (0..20).map(|_| desk.inbox.take("stripe", "evt_1", "x", b"a"));
    let taken = futures_util::future::join_all(takes).await;
    assert_eq!(taken.iter().filter(|taken| !taken.as_ref().unwrap().duplicate).count(), 1);
}

#[tokio::test]
async fn a_body_is_kept_byte_for_byte_and_has_an_end() {
    let desk = Desk::new();
    let nasty: Vec<u8> = (0..LONGEST_BODY).map(|at| if at % 2 == 0 { b'"' } else { 0xff }).collect();
    let taken = desk.inbox.take("stripe", "evt_1", "x", &nasty).await.unwrap();
    let found = desk.inbox.get(taken.id.as_str()).await.unwrap().unwrap();
    assert_eq!(found.payload.unwrap().body.bytes(), nasty);
    let longer = vec![b'a'; LONGEST_BODY + 1];
    assert!(matches!(desk.inbox.take("stripe", "evt_2", "x", &longer).await, Err(Error::Invalid(_))));
    assert!(desk.inbox.get("inb_unknown").await.unwrap().is_none());
    assert!(desk.inbox.get("../x").await.unwrap().is_none());
}

#[tokio::test]
async fn the_newest_are_listed_first_and_by_state() {
    let desk = Desk::new();
    for key in ["1", "2", "3"] {
        desk.take(key, key).await;
    }
    desk.worker().tick(10).await.unwrap();
    *desk.hand.fails.lock().unwrap() = Some(Trouble::hopeless("no such thing"));
    desk.take("4", "4").await;
    desk.worker().tick(10).await.unwrap();
    desk.take("5", "5").await;
    assert_eq!(desk.listed(None).await, ["5", "4", "3", "2", "1"]);
    assert_eq!(desk.listed(Some(State::Done)).await, ["3", "2", "1"]);
    assert_eq!(desk.listed(Some(State::Parked)).await, ["4"]);
    let page = desk.inbox.list(None, 2, None).await.unwrap();
    assert_eq!(page.jobs[0].next_at, Some((desk.clock)()));
    assert_eq!((page.jobs[1].problem.as_str(), page.jobs[1].next_at), ("no such thing", None));
    assert!(matches!(desk.inbox.list(None, 2, Some("?".into())).await, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn a_person_is_forgotten_in_portions_and_the_others_stay() {
    let desk = Desk::new();
    for key in 0..25 {
        let body = if key % 2 == 0 { format!("{{\"email\":\"{ANN}\"}}") } else { "{}".to_owned() };
        desk.take(&key.to_string(), &body).await;
    }
    desk.worker().tick(100).await.unwrap();
    let mut rounds = 1;
    while desk.forget(ANN).await == Forgotten::More {
        rounds += 1;
    }
    assert_eq!(rounds, 3);
    assert_eq!(desk.erasures().get("era_1").await.unwrap().erased["inbox"], 13);
    let bodies = desk.listed(None).await;
    assert_eq!(bodies.iter().filter(|body| body.is_empty()).count(), 13);
    assert_eq!(bodies.iter().filter(|body| *body == "{}").count(), 12);
    assert!(desk.take("0", "again").await.duplicate, "that it came is known");
    assert_eq!(desk.forget(ANN).await, Forgotten::All);
    assert_eq!(desk.erasures().get("era_1").await.unwrap().erased["inbox"], 13, "it counts once");
}

#[tokio::test]
async fn what_waits_is_worked_on_before_it_is_forgotten() {
    let desk = Desk::new();
    *desk.hand.fails.lock().unwrap() = Some(Trouble::new("stripe is away"));
    desk.take("waits", ANN).await;
    assert_eq!(desk.forget(ANN).await, Forgotten::Waiting);
    assert_eq!(desk.listed(None).await, [ANN], "it is not lost");
    *desk.hand.fails.lock().unwrap() = None;
    assert_eq!(desk.forget(ANN).await, Forgotten::All);
    assert_eq!(desk.listed(None).await, [""]);
    assert_eq!(desk.hand.done.lock().unwrap()[0].body.bytes(), ANN.as_bytes());

    let desk = Desk::new();
    *desk.hand.fails.lock().unwrap() = Some(Trouble::hopeless("no"));
    desk.take("parked", ANN).await;
    assert_eq!(desk.forget(ANN).await, Forgotten::All);
    assert_eq!(desk.listed(Some(State::Parked)).await, [""], "it is parked and says nothing");
}
