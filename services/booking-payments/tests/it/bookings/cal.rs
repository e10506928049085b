//! Cal.com over real HTTP: a small model of its slots, reservations and bookings.
//!
//! It refuses what Cal.com refuses, with the statuses of Cal.com's code: a taken start is 400 when it is booked and 422
//! when it is reserved, a reservation does not keep anybody from booking nor looks at hours or other event types, and renewing
//! one finds itself in its way. It may show bookings of a copy that is behind.

// A test beside the code takes this file as well, by its path.
#[path = "cal/desk.rs"]
mod desk;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
    task::JoinHandle,
};

/// Longest wait of a test for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// When the tests take place.
pub(crate) const TODAY: &str = "2026-10-20T06:00:00Z";
use desk::Desk;
pub(crate) use desk::Length;

/// What is booked.
pub(crate) const CONSULT: i64 = 7;
/// What is hidden from visitors.
pub(crate) const PAID: i64 = 9;
/// What is sold by link, and hidden at Cal.com.
pub(crate) const SOLD: i64 = 11;
/// The key that the service has.
pub(crate) const KEY: &str = "cal_test_key_of_the_tests";

/// The time of a test.
#[derive(Clone)]
pub(crate) struct Time(Arc<AtomicI64>);

impl Time {
    pub(crate) fn start() -> Self {
        Self(Arc::new(AtomicI64::new(TODAY.parse::<Timestamp>().unwrap().as_second())))
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
    }

    pub(crate) fn clock(&self) -> store::Clock {
        let time = self.clone();
        Arc::new(move || time.now())
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

/// What goes wrong with a request.
pub(crate) enum Fault {
    /// It is done and the answer is lost.
    Lost,
    /// It is not done and there is no answer.
    Dropped,
    /// There is no such thing yet, where it is read.
    Missing,
    /// It is answered as things are now, but later.
    Held(oneshot::Receiver<()>),
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) body: Value,
}

/// Cal.com.
pub(crate) struct Cal {
    pub(crate) addr: SocketAddr,
    desk: Arc<Mutex<Desk>>,
    asked: watch::Receiver<Vec<Asked>>,
    serving: JoinHandle<()>,
}

impl Cal {
    pub(crate) async fn start(time: Time) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (sender, asked) = watch::channel(Vec::new());
        let desk = Desk {
            time,
            asked: sender,
            faults: VecDeque::new(),
            bookings: Vec::new(),
            reservations: Vec::new(),
            made: 0,
            strict: false,
            copy: None,
            asks: false,
            length: Length::Any,
        };
        let desk = Arc::new(Mutex::new(desk));
        let router = Router::new().fallback(answer).with_state(desk.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { addr, desk, asked, serving }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap()
    }

    /// Lets something go wrong with the next request of this method whose path has `part`.
    pub(crate) fn fail(&self, method: Method, part: &'static str, fault: Fault) {
        self.desk().faults.push_back((method, part, fault));
    }

    /// How many requests of this method with `part` in their paths came.
    pub(crate) fn count(&self, method: &Method, part: &str) -> usize {
        self.asked
            .borrow()
            .iter()
            .filter(|asked| asked.method == *method && asked.path.contains(part))
            .count()
    }

    /// The newest request of this method with `part` in its path.
    pub(crate) fn newest(&self, method: &Method, part: &str) -> Asked {
        let asked = self.asked.borrow();
        let mut fitting = asked.iter().filter(|asked| asked.method == *method && asked.path.contains(part));
        fitting.next_back().unwrap().clone()
    }

    /// Waits until so many requests of this method with `part` in their paths came.
    pub(crate) async fn until_asked(&self, method: Method, part: &'static str, count: usize) {
        let mut asked = self.asked.clone();
        let arrived = asked.wait_for(|all| {
            all.iter().filter(|asked| asked.method == method && asked.path.contains(part)).count() >= count
        });
        tokio::time::timeout(PATIENCE, arrived).await.expect("cal.com is asked").unwrap();
    }

    /// Somebody books on the public page; its uid.
    pub(crate) fn book(&self, start: &str, email: &str, metadata: Value) -> String {
        let body = json!({
            "eventTypeId": CONSULT, "start": start, "metadata": metadata,
            "attendee": {"name": "Ann Lee", "email": email, "timeZone": "Europe/Berlin"},
        });
        let (status, answer) = self.desk().book(&body);
        assert_eq!(status, 201, "{answer}");
        answer["data"]["uid"].as_str().unwrap().to_owned()
    }

    /// The host moves a booking; the new uid.
    pub(crate) fn reschedule(&self, uid: &str, start: &str) -> String {
        let (status, answer) = self.desk().reschedule(uid, &json!({"start": start}));
        assert_eq!(status, 201, "{answer}");
        answer["data"]["uid"].as_str().unwrap().to_owned()
    }

    /// The host cancels a booking.
    pub(crate) fn cancel(&self, uid: &str) {
        assert_eq!(self.desk().cancel(uid).0, 200);
    }

    /// Changes a booking as only Cal.com can.
    pub(crate) fn change(&self, uid: &str, change: impl FnOnce(&mut Value)) {
        let mut desk = self.desk();
        let now = desk.tick();
        let booking = desk.find(uid).unwrap();
        booking["updatedAt"] = json!(now);
        change(booking);
    }

    /// From now on what is reserved cannot be booked either.
    pub(crate) fn be_strict(&self) {
        self.desk().strict = true;
    }

    /// From now on the host is asked before a meeting is booked.
    pub(crate) fn ask_first(&self) {
        self.desk().asks = true;
    }

    /// From now on this becomes of a reservation whose length is asked for.
    pub(crate) fn take_lengths(&self, length: Length) {
        self.desk().length = length;
    }

    /// From now on bookings are shown as they are now.
    pub(crate) fn fall_behind(&self) {
        let mut desk = self.desk();
        desk.copy = Some(desk.bookings.clone());
    }

    /// Bookings are shown as they are again.
    pub(crate) fn catch_up(&self) {
        self.desk().copy = None;
    }

    /// All bookings.
    pub(crate) fn bookings(&self) -> Vec<Value> {
        self.desk().bookings.clone()
    }

    /// How many slots are reserved.
    pub(crate) fn reserved(&self) -> usize {
        self.desk().reservations.len()
    }
}

impl Drop for Cal {
    fn drop(&mut self) {
        self.serving.abort();
        let left = self.desk().faults.len();
        assert!(std::thread::panicking() || left == 0, "{left} faults were never met");
    }
}

async fn answer(
    State(desk): State<Arc<Mutex<Desk>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    let (path, query) = (uri.path().to_owned(), uri.query().unwrap_or_default().to_owned());
    let (held, (status, answer)) = {
        let mut desk = desk.lock().unwrap();
        let asked = Asked { method: method.clone(), path: path.clone(), query, body };
        let fault = desk.fault(&asked);
        let answer = match fault {
            Some(Fault::Dropped) => (502, Value::Null),
            Some(Fault::Missing) => (404, Value::Null),
            _ => desk.answer(&asked, &headers),
        };
        desk.asked.send_modify(|all| all.push(asked));
        match fault {
            Some(Fault::Lost) => (None, (502, Value::Null)),
            Some(Fault::Held(release)) => (Some(release), answer),
            _ => (None, answer),
        }
    };
    if let Some(release) = held {
        release.await.unwrap();
    }
    (StatusCode::from_u16(status).unwrap(), axum::Json(answer)).into_response()
}
