//! Books, deliveries and a clock that is told what time it is.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use domain::Tab;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use store::{Clock, Store};
use tempfile::TempDir;

use super::receiver::Received;
use crate::{
    deliveries::{
        Address, Deliveries, Destination, Guard, Keys, Post,
        destination::Wants,
        lane::Lane,
        record::{self, Record, State},
    },
    ingest::{self, Delivery, Rules},
    rows,
};

pub(super) const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
/// What receivers may take here; long enough for a busy machine.
const PATIENCE: Duration = Duration::from_millis(400);

pub(super) struct Bench {
    pub(super) store: Arc<dyn Store>,
    pub(super) deliveries: Arc<Deliveries>,
    pub(super) rules: Rules,
    lanes: Vec<Lane>,
    time: Arc<Mutex<Timestamp>>,
    _dir: TempDir,
}

/// A destination that wants all.
pub(super) fn destination(name: &str, url: &str) -> Destination {
    Destination {
        name: name.to_owned(),
        address: Address::parse(url).unwrap(),
        keys: Some(Keys::parse([SECRET]).unwrap()),
        header: None,
        wants: Wants::default(),
    }
}

/// A store in a directory of its own, and a clock.
fn open(dir: &TempDir) -> (Arc<dyn Store>, Arc<Mutex<Timestamp>>, Rules) {
    let time = Arc::new(Mutex::new("2026-01-05T09:00:00Z".parse().unwrap()));
    let vars =
        [("GOOGLE_SHEETS_ID", "sheet".to_owned()), ("STORE", format!("sqlite:{}", dir.path().display()))];
    let vars = vars.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let config: crate::Config = chassis::config::load(&vars, []).unwrap();
    let store = config.store.open(crate::NAME, crate::SCHEMA, clock(&time)).unwrap();
    (store, time, Rules::new(&config))
}

fn clock(time: &Arc<Mutex<Timestamp>>) -> Clock {
    let time = time.clone();
    Arc::new(move || *time.lock().unwrap())
}

// === impl Bench ===

impl Bench {
    pub(super) fn new(destinations: Vec<Destination>) -> Self {
        Self::guarded(destinations, Guard { local: true })
    }

    pub(super) fn guarded(destinations: Vec<Destination>, guard: Guard) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (store, time, rules) = open(&dir);
        let mut bench = Self {
            deliveries: Arc::new(Deliveries::new(
                store.clone(),
                destinations,
                Post::new(guard, PATIENCE),
                clock(&time),
            )),
            store,
            rules,
            lanes: Vec::new(),
            time,
            _dir: dir,
        };
        bench.lanes = bench.lanes_of(&bench.deliveries);
        bench
    }

    /// As after a restart with other settings: same store, same time.
    pub(super) fn restart(&mut self, destinations: Vec<Destination>) {
        self.deliveries = self.process(self.store.clone(), destinations);
        self.lanes = self.lanes_of(&self.deliveries);
    }

    /// A process over a store of the test's.
    pub(super) fn process(&self, store: Arc<dyn Store>, destinations: Vec<Destination>) -> Arc<Deliveries> {
        let post = Post::new(Guard { local: true }, PATIENCE);
        Arc::new(Deliveries::new(store, destinations, post, clock(&self.time)))
    }

    pub(super) fn lanes_of(&self, deliveries: &Arc<Deliveries>) -> Vec<Lane> {
        deliveries.outlets().iter().map(|outlet| deliveries.lane(outlet.clone())).collect()
    }

    pub(super) fn now(&self) -> Timestamp {
        *self.time.lock().unwrap()
    }

    pub(super) fn pass(&self, time: SignedDuration) {
        *self.time.lock().unwrap() += time;
    }

    /// Takes events as if they had come in at the door.
    pub(super) async fn take(&self, events: Value) {
        self.take_under(&*self.deliveries.outbox(), events, "").await;
    }

    /// Takes events that have left a Frontdesk before.
    pub(super) async fn take_back(&self, events: Value) {
        self.take_under(&*self.deliveries.outbox(), events, "1").await;
    }

    async fn take_under(&self, store: &dyn Store, events: Value, hop: &str) {
        let body = events.to_string();
        let delivery = Delivery { body: body.as_bytes(), secret: "", from_loopback: true, hop };
        ingest::take(store, &self.rules, delivery, self.now()).await.unwrap();
    }

    /// Sends all that is due now; says when the next one is due.
    pub(super) async fn settle(&mut self) -> Option<Timestamp> {
        let now = self.now();
        let mut soonest = None;
        for lane in &mut self.lanes {
            loop {
                let before = due(&*self.store, now).await;
                let next = lane.fill(now).await.unwrap();
                lane.drain().await;
                if let Some(next) = next {
                    soonest = Some(soonest.map_or(next, |soonest: Timestamp| soonest.min(next)));
                }
                if next.is_some() || due(&*self.store, now).await == before {
                    break;
                }
            }
        }
        soonest
    }

    /// Lets time pass until nothing waits any more; how much it was.
    pub(super) async fn settle_all(&mut self) -> SignedDuration {
        let began = self.now();
        while let Some(next) = self.settle().await {
            let now = self.now();
            *self.time.lock().unwrap() = next.max(now);
        }
        self.now().duration_since(began)
    }

    /// How many events the books have.
    pub(super) async fn chat_events(&self) -> usize {
        let pending = rows::in_state(&*self.store, Tab::ChatEvents, rows::State::Pending, 100);
        pending.await.unwrap().len()
    }

    pub(super) async fn in_state(&self, state: State) -> Vec<Record> {
        let (found, next) = record::list(&*self.store, state, "", 1_000, None).await.unwrap();
        assert!(next.is_none());
        found.into_iter().map(|found| found.value).collect()
    }
}

async fn due(store: &dyn Store, now: Timestamp) -> usize {
    let (found, _) = record::list(store, State::Waiting, "", 1_000, None).await.unwrap();
    found.into_iter().filter(|found| found.value.due_at <= now).count()
}

/// Checks a request as a receiver does, by the published library.
pub(super) fn verify(received: &Received) {
    let header = |name: &str| received.headers[name].to_str().unwrap();
    let published = standardwebhooks::Webhook::new(SECRET).unwrap();
    let at = header("webhook-timestamp").parse().unwrap();
    let signed = published.sign(header("webhook-id"), at, &received.raw).unwrap();
    assert!(header("webhook-signature").split(' ').any(|given| given == signed));
    assert_eq!(header("x-frontdesk-hop"), "1");
    super::schema::check(&received.body);
}
