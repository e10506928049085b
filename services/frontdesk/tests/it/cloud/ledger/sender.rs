//! A provider: it sends each event until it is acknowledged, to one gateway and then to the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep};

use crate::{story::answer::EVENTS, world::PATIENCE};

/// Visitors who talk, and people who book.
const SESSIONS: usize = 20;
const CONTACTS: usize = 7;
/// How many send at once, and how long each rests between two events.
const SENDERS: usize = 6;
const REST: Duration = Duration::from_millis(400);
/// One event in so many is a booking.
const BOOKING: usize = 5;

pub(super) struct Sender {
    shared: Arc<Shared>,
    tasks: Mutex<JoinSet<()>>,
}

struct Shared {
    http: Client,
    gateways: Vec<SocketAddr>,
    next: AtomicUsize,
    stop: AtomicBool,
    tries: AtomicUsize,
    answers: AtomicUsize,
    sent: Mutex<Vec<Value>>,
    acknowledged: Mutex<BTreeSet<String>>,
}

fn event(number: usize) -> Value {
    let first: Timestamp = "2025-10-28T16:00:00Z".parse().unwrap();
    let at = first + SignedDuration::from_secs(i64::try_from(number).unwrap());
    let id = format!("ev-{number}");
    if number.is_multiple_of(BOOKING) {
        return json!({
            "id": id, "type": "calendar.booked", "contact_id": format!("c_{}", number / BOOKING % CONTACTS),
            "occurred_at": at.to_string(), "event_start": (at + SignedDuration::from_hours(48)).to_string(),
            "meeting_type": "Consult 30", "cal_provider": "cal.com", "cal_event_id": format!("uid-{number}"),
        });
    }
    json!({
        "id": id, "type": "chat.turn", "session_id": format!("s-{}", number % SESSIONS),
        "message": format!("message {number}"), "score": 0.9, "occurred_at": at.to_string(),
    })
}

// === impl Sender ===

impl Sender {
    pub(super) fn start(gateways: &[SocketAddr]) -> Self {
        let shared = Arc::new(Shared {
            http: chassis::http::client(),
            gateways: gateways.to_vec(),
            next: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            tries: AtomicUsize::new(0),
            answers: AtomicUsize::new(0),
            sent: Mutex::default(),
            acknowledged: Mutex::default(),
        });
        let tasks = (0..SENDERS).map(|_| Arc::clone(&shared).send()).collect();
        Self { shared, tasks: Mutex::new(tasks) }
    }

    /// Ids of the events that were acknowledged.
    pub(super) fn acknowledged(&self) -> BTreeSet<String> {
        self.shared.acknowledged.lock().unwrap().clone()
    }

    /// How often nobody acknowledged.
    pub(super) fn unanswered(&self) -> usize {
        self.shared.tries.load(Ordering::Relaxed) - self.shared.answers.load(Ordering::Relaxed)
    }

    /// Sends what was begun until it is acknowledged; all events.
    pub(super) async fn stop(&self) -> Vec<Value> {
        self.shared.stop.store(true, Ordering::Relaxed);
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap());
        tasks.join_all().await;
        self.shared.sent.lock().unwrap().clone()
    }

    /// Sends everything again; all of it is known.
    pub(super) async fn repeat_all(&self) {
        let sent = self.shared.sent.lock().unwrap().clone();
        for (number, events) in sent.chunks(100).enumerate() {
            let answer =
                self.shared.deliver(number, &json!(events)).await.expect("nothing is wrong any more");
            assert_eq!(
                (&answer["accepted"], &answer["duplicates"]),
                (&json!(0), &json!(events.len())),
                "{answer}"
            );
        }
    }

    /// Of each session, the time of its newest turn; sorted.
    pub(super) fn last_touches(&self) -> Vec<String> {
        let sent = self.shared.sent.lock().unwrap();
        let mut newest = BTreeMap::<&str, &str>::new();
        for event in sent.iter().filter(|event| event["type"] == "chat.turn") {
            let [session, at] = ["session_id", "occurred_at"].map(|name| event[name].as_str().unwrap());
            let entry = newest.entry(session).or_insert(at);
            *entry = at.max(entry);
        }
        let mut times: Vec<String> = newest.values().map(|at| (*at).to_owned()).collect();
        times.sort();
        times
    }
}

// === impl Shared ===

impl Shared {
    async fn send(self: Arc<Self>) {
        while !self.stop.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let event = event(number);
            self.sent.lock().unwrap().push(event.clone());
            let mut gateway = number;
            while self.deliver(gateway, &event).await.is_none() {
                gateway += 1;
                sleep(REST).await;
            }
            sleep(REST).await;
        }
    }

    /// The answer, if the events were acknowledged.
    async fn deliver(&self, gateway: usize, events: &Value) -> Option<Value> {
        self.tries.fetch_add(1, Ordering::Relaxed);
        let url = format!("http://{}{EVENTS}", self.gateways[gateway % self.gateways.len()]);
        let answer = self.http.post(url).json(events).timeout(PATIENCE).send().await.ok()?;
        let answer: Value = (answer.status() == 202).then_some(answer)?.json().await.ok()?;
        let ids = answer["ids"].as_array().expect("an acknowledgement names the events");
        let ids = ids.iter().map(|id| id.as_str().expect("an id is a text").to_owned());
        self.acknowledged.lock().unwrap().extend(ids);
        self.answers.fetch_add(1, Ordering::Relaxed);
        Some(answer)
    }
}
