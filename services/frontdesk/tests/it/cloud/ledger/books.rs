//! Two writers and two gateways, and the ways between them, Firestore and the spreadsheet.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    middleware::{Next, from_fn},
};
use tokio::time::sleep;

use super::detour::{Detour, mark};
use crate::{
    cloud::{
        emulator,
        fleet::{Ground, INSTANCES, drain, front, instances},
        relay::Relay,
    },
    processes::child::{Process, host},
    world::{lines, until},
};

const WRITES_NOW: &str = "this process writes the ledger now";
/// How long everything may take to be written in the end.
const CATCHING_UP: Duration = Duration::from_secs(60);

pub(super) struct Books {
    pub(super) ground: Ground,
    pub(super) writers: Vec<(Process, SocketAddr)>,
    pub(super) gateways: [(Process, SocketAddr); 2],
    /// Each writer's own way to Firestore.
    pub(super) firestore: Vec<Relay>,
    /// Each writer's own way to the spreadsheet.
    bases: Vec<String>,
    /// In front of both writers.
    sheets: Relay,
    /// Who began a batch, in order.
    journal: Journal,
    /// Where a batch can be kept back.
    pub(super) detour: Detour,
    /// What those said who were killed.
    said: String,
}

type Journal = Arc<Mutex<Vec<usize>>>;

/// What became of batches.
#[derive(Debug)]
pub(super) struct Marks {
    /// Batches of rows that were asked for.
    pub(super) rows: usize,
    /// Batches that somebody wanted to be void, to find out what became of them.
    pub(super) settled: usize,
    /// Batches of rows whose number was void when they arrived.
    pub(super) refused_late: usize,
}

impl Books {
    pub(super) async fn open() -> Self {
        let ground = Ground::new().await;
        ground.sandbox.set_quota(100_000, 100_000);
        let (journal, detour) = (Journal::default(), Detour::default());
        let (mut firestore, mut bases) = (Vec::new(), Vec::new());
        for writer in 0..INSTANCES {
            firestore.push(Relay::over(&[emulator()]).await);
            bases.push(way_to_the_sheet(&ground, writer, &journal, &detour).await);
        }
        let mut ways = firestore.iter().zip(&bases).cycle();
        let start = || {
            let (firestore, base) = ways.next().expect("it goes round");
            ground.writer(firestore.address, base)
        };
        let writers = instances("sheets-writer", start).await;
        let sheets = front(&writers).await;
        // Sessions and chats are no part of this.
        let nowhere = "http://127.0.0.1:9";
        let gateways = instances("gateway", || ground.gateway(nowhere, &sheets.url(), nowhere)).await;
        let gateways = gateways.try_into().unwrap_or_else(|_| panic!("as many as there are instances"));
        Self { ground, writers, gateways, firestore, bases, sheets, journal, detour, said: String::new() }
    }

    /// How many batches were begun.
    pub(super) fn batches(&self) -> usize {
        self.journal.lock().unwrap().len()
    }

    /// Waits for the next batch; whose it is.
    pub(super) async fn next_batch(&self) -> usize {
        let before = self.batches();
        until("a batch", || self.batches() > before).await;
        self.journal.lock().unwrap()[before]
    }

    /// Waits until this writer has begun so many batches more.
    pub(super) async fn writes(&self, writer: usize, batches: usize) {
        let count = || self.journal.lock().unwrap().iter().filter(|by| **by == writer).count();
        let before = count();
        until("the other one writes", || count() >= before + batches).await;
    }

    /// Kills a writer at once.
    pub(super) async fn kill(&mut self, writer: usize) {
        self.writers[writer].0.kill().await;
        self.said += &self.writers[writer].0.said();
    }

    /// Starts a writer that was killed, somewhere else.
    pub(super) async fn start_again(&mut self, writer: usize) {
        let mut process = self.ground.writer(self.firestore[writer].address, &self.bases[writer]);
        let address = process.address("sheets-writer").await;
        self.sheets.set_upstream(writer, address);
        self.writers[writer] = (process, address);
    }

    /// Waits until a tab has so many lines.
    pub(super) async fn caught_up(&self, tab: &str, count: usize) {
        let deadline = Instant::now() + CATCHING_UP;
        while lines(&self.ground.sandbox, tab).len() < count {
            assert!(Instant::now() < deadline, "lines are missing in {tab}: {}", self.logs());
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends all processes with nothing cut off: what the writers hold is in the sheet by then, or was never taken.
    pub(super) async fn drain(&mut self) {
        for (process, _) in self.gateways.iter_mut().chain(&mut self.writers) {
            drain(process).await;
        }
    }

    /// How often a process began to write that had not.
    pub(super) fn takeovers(&self) -> usize {
        self.logs().matches(WRITES_NOW).count()
    }

    /// What became of the batches, as the spreadsheet has it.
    pub(super) fn marks(&self) -> Marks {
        let mut marks = Marks { rows: 0, settled: 0, refused_late: 0 };
        let mut void = BTreeSet::new();
        for asked in self.ground.sandbox.requests() {
            let Some((number, value)) = mark(&asked.body) else { continue };
            let is_rows = value.ends_with(":rows");
            marks.rows += usize::from(is_rows);
            marks.settled += usize::from(!is_rows);
            marks.refused_late += usize::from(is_rows && asked.status == Some(400) && void.contains(&number));
            if !is_rows && asked.status == Some(200) {
                void.insert(number);
            }
        }
        marks
    }

    /// What was asked for under a number, rows or a void, and the status that it was answered with.
    pub(super) fn answers(&self, number: i64) -> Vec<(&'static str, u16)> {
        let asked = self.ground.sandbox.requests();
        let of = |asked: &sandbox::Asked| {
            let (_, value) = mark(&asked.body).filter(|(other, _)| *other == number)?;
            Some((if value.ends_with(":rows") { "rows" } else { "void" }, asked.status?))
        };
        asked.iter().filter_map(of).collect()
    }

    /// All that the writers said.
    pub(super) fn logs(&self) -> String {
        self.writers
            .iter()
            .map(|(process, _)| process.said())
            .fold(self.said.clone(), |all, said| all + &said)
    }
}

/// A way to the spreadsheet that notes whose batches come.
async fn way_to_the_sheet(ground: &Ground, writer: usize, journal: &Journal, detour: &Detour) -> String {
    let (journal, detour) = (Arc::clone(journal), detour.clone());
    let note = from_fn(move |request: Request, next: Next| {
        let (journal, detour) = (Arc::clone(&journal), detour.clone());
        async move {
            let is_batch = request.uri().path().ends_with(":batchUpdate");
            let (head, body) = request.into_parts();
            // A batch counts when all of it is there: then it is done even if its sender is gone.
            let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
            let request = Request::from_parts(head, Body::from(body.clone()));
            if is_batch {
                journal.lock().unwrap().push(writer);
                if let Some(end) = detour.take(writer, &request, &body, &next) {
                    return end;
                }
            }
            next.run(request).await
        }
    });
    host(ground.sandbox.providers().layer(note)).await
}
