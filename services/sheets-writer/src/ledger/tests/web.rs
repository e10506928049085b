//! The spreadsheet over HTTP, with everything that can happen on the way there and back.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{Method, StatusCode, Uri},
};
use serde_json::Value;

use super::{
    book::{Book, Refused},
    process::Gate,
    sim::{Dice, Sim},
};
use crate::ledger::timer::Timer as _;

/// What calls meet.
#[derive(Clone, Copy, Default)]
pub(super) struct Weather {
    /// Percent of the calls that meet something.
    pub(super) faults: u64,
    /// Every call takes so long.
    pub(super) slow: Duration,
}

/// What happened.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) landed: u64,
    pub(super) voids: u64,
    /// Batches whose number was taken.
    pub(super) refused: u64,
    /// Batches that came after their caller had been told something else, and landed or were refused all the same.
    pub(super) late: u64,
}

/// The spreadsheet's server.
pub(super) struct Web {
    pub(super) book: Mutex<Book>,
    pub(super) weather: Mutex<Weather>,
    pub(super) tally: Mutex<Tally>,
    /// Who asks, by the first part of the path.
    pub(super) gates: Mutex<BTreeMap<String, Arc<Gate>>>,
    sim: Sim,
    dice: Dice,
}

enum Fault {
    Slow(Duration),
    Down,
    Lost,
    Late(Duration),
    Quota,
}

type Answer = (StatusCode, String);

impl Web {
    /// Serves an empty spreadsheet at the URL that is answered.
    pub(super) async fn start(sim: Sim, dice: Dice) -> (Arc<Self>, String) {
        let web = Arc::new(Self {
            book: Mutex::default(),
            weather: Mutex::default(),
            tally: Mutex::default(),
            gates: Mutex::default(),
            sim,
            dice,
        });
        let listener = chassis::bind(Ipv4Addr::LOCALHOST.into(), 0).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(web.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (web, url)
    }

    fn fault(&self, writes: bool) -> Option<Fault> {
        let Weather { faults, slow } = *self.weather.lock().unwrap();
        if !slow.is_zero() {
            return Some(Fault::Slow(slow));
        }
        let most = if writes { 6 } else { 3 };
        self.dice.percent(faults).then(|| match self.dice.below(most) {
            0 => Fault::Slow(self.dice.seconds(0, 30)),
            1 => Fault::Down,
            2 => Fault::Quota,
            3 => Fault::Lost,
            _ => Fault::Late(self.dice.seconds(0, 40)),
        })
    }

    async fn work(self: Arc<Self>, method: Method, path: String, body: Value) -> Answer {
        let busy = self.sim.busy();
        match self.fault(path.ends_with(":batchUpdate")) {
            None => self.apply(&method, &path, &body, false),
            Some(Fault::Slow(time)) => {
                drop(busy);
                self.sim.sleep(time).await;
                let _busy = self.sim.busy();
                self.apply(&method, &path, &body, false)
            }
            Some(Fault::Down) => (StatusCode::SERVICE_UNAVAILABLE, String::new()),
            Some(Fault::Quota) => (StatusCode::TOO_MANY_REQUESTS, String::new()),
            Some(Fault::Lost) => {
                self.apply(&method, &path, &body, false);
                (StatusCode::BAD_GATEWAY, String::new())
            }
            Some(Fault::Late(time)) => {
                tokio::spawn(async move {
                    self.sim.sleep(time).await;
                    self.apply(&method, &path, &body, true);
                });
                (StatusCode::GATEWAY_TIMEOUT, String::new())
            }
        }
    }

    fn apply(&self, method: &Method, path: &str, body: &Value, late: bool) -> Answer {
        let mut book = self.book.lock().unwrap();
        let done = if path.ends_with(":batchUpdate") {
            let done = book.batch(body);
            self.count(body, done.is_ok(), late);
            done
        } else if path.ends_with(":batchGetByDataFilter") {
            book.values(body)
        } else if let Some((_, id)) = path.split_once("/developerMetadata/") {
            let Some(value) = book.marks.get(&id.parse().unwrap()) else {
                return (StatusCode::NOT_FOUND, String::new());
            };
            Ok(serde_json::json!({"metadataValue": value}))
        } else {
            assert_eq!((method, path), (&Method::GET, "v4/spreadsheets/sheet"));
            Ok(book.describe())
        };
        match done {
            Ok(value) => (StatusCode::OK, value.to_string()),
            Err(Refused) => (StatusCode::BAD_REQUEST, String::new()),
        }
    }

    fn count(&self, body: &Value, done: bool, late: bool) {
        let mut tally = self.tally.lock().unwrap();
        let mark = &body["requests"][0]["createDeveloperMetadata"]["developerMetadata"]["metadataValue"];
        let void = mark.as_str().unwrap().ends_with(":void");
        match (done, void) {
            (true, true) => tally.voids += 1,
            (true, false) => tally.landed += 1,
            (false, true) => {}
            (false, false) => tally.refused += 1,
        }
        tally.late += u64::from(late);
    }
}

async fn answer(State(web): State<Arc<Web>>, method: Method, uri: Uri, body: Bytes) -> Answer {
    let (name, path) = uri.path()[1..].split_once('/').unwrap();
    let gate = web.gates.lock().unwrap().get(name).unwrap().clone();
    gate.step();
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    // A task of its own: what has arrived is done even when the caller ends.
    let answer = tokio::spawn(web.work(method, path.to_owned(), body)).await.unwrap();
    gate.step();
    answer
}
