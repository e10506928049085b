//! Two processes over one store and one spreadsheet, and the words in which the tests talk about them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use domain::{Row, Tab};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::Value;
use store::{Store, sqlite::Sqlite};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    book,
    door::{self, Door},
    process::{Fate, Gate, Process},
    sim::{Dice, Sim},
    web::Web,
};
use crate::{
    ledger::{HEAD, LEDGER, Ledger, cells, lease::Tenure, protocol::Head},
    rows::{self, RowKey, State},
    sheets,
};

/// A process that writes the ledger.
pub(super) struct Desk {
    pub(super) ledger: Arc<Ledger>,
    pub(super) gate: Arc<Gate>,
    pub(super) weather: Arc<Mutex<door::Weather>>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

/// Everything.
pub(super) struct World {
    pub(super) sim: Sim,
    pub(super) dice: Dice,
    pub(super) store: Arc<dyn Store>,
    pub(super) web: Arc<Web>,
    pub(super) desks: Vec<Desk>,
    pub(super) tally: Arc<door::Tally>,
    /// How wrong the clocks may be.
    pub(super) skew: SignedDuration,
    shared: bool,
    url: String,
    born: u32,
    /// What was acknowledged.
    rows: BTreeMap<RowKey, Row>,
    _dir: TempDir,
}

impl World {
    /// No process yet.
    pub(super) async fn new(seed: u64, shared: bool) -> Self {
        let (sim, dice, dir) = (Sim::new(), Dice::new(seed), tempfile::tempdir().unwrap());
        let clock = sim.clock(SignedDuration::ZERO);
        let store: Arc<dyn Store> =
            Arc::new(Sqlite::open(&dir.path().join("store.db"), crate::SCHEMA, clock).unwrap());
        let (web, url) = Web::start(sim.clone(), dice.clone()).await;
        Self {
            sim,
            dice,
            store,
            web,
            desks: Vec::new(),
            tally: Arc::default(),
            skew: SignedDuration::ZERO,
            shared,
            url,
            born: 0,
            rows: BTreeMap::new(),
            _dir: dir,
        }
    }

    /// Two processes over a shared store.
    pub(super) async fn of_two(seed: u64) -> Self {
        let mut world = Self::new(seed, true).await;
        for _ in 0..2 {
            let desk = world.open();
            world.desks.push(desk);
        }
        world
    }

    /// Starts a process.
    pub(super) fn open(&mut self) -> Desk {
        self.born += 1;
        let (name, gate, weather) = (format!("desk{}", self.born), Arc::<Gate>::default(), Arc::default());
        self.web.gates.lock().unwrap().insert(name.clone(), gate.clone());
        let vars = [
            ("GOOGLE_SHEETS_ID", "sheet".to_owned()),
            ("SHEETS_BASE_URL", format!("{}/{name}", self.url)),
            ("GOOGLE_ACCESS_TOKEN", "token".to_owned()),
        ];
        let vars = vars.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let config: crate::Config = chassis::config::load(&vars, []).unwrap();
        let store = Arc::new(self.door(gate.clone(), Arc::clone(&weather)));
        let skew = i64::try_from(self.dice.below(2_001)).unwrap() - 1_000;
        let clock = self.sim.clock(SignedDuration::from_millis(self.skew.as_millis() as i64 * skew / 1_000));
        let ledger = Ledger {
            timer: Arc::new(self.sim.clone()),
            ..Ledger::new(store, sheets::Client::new(&config), TimeZone::UTC, clock)
        };
        let (ledger, shutdown) = (Arc::new(ledger), CancellationToken::new());
        let life = ledger.clone().write(shutdown.clone());
        let task = tokio::spawn(Process::new(gate.clone(), life));
        Desk { ledger, gate, weather, shutdown, task }
    }

    fn door(&self, gate: Arc<Gate>, weather: Arc<Mutex<door::Weather>>) -> Door {
        Door {
            inner: self.store.clone(),
            shared: self.shared,
            gate,
            weather,
            tally: self.tally.clone(),
            sim: self.sim.clone(),
            dice: self.dice.clone(),
        }
    }

    /// Ends a process in peace and starts another in its place.
    pub(super) async fn replace(&mut self, at: usize) {
        self.desks[at].shutdown.cancel();
        let deadline = self.sim.elapsed() + Duration::from_secs(600);
        while !self.desks[at].task.is_finished() {
            assert!(self.sim.elapsed() < deadline, "a process does not end");
            self.sim.calm().await;
            self.sim.advance(Duration::from_secs(1));
        }
        self.desks[at] = self.open();
    }

    /// Lets the stopped go on and puts new processes in the places of the dead.
    pub(super) async fn revive(&mut self) {
        for at in 0..self.desks.len() {
            self.desks[at].gate.resume();
            if self.desks[at].gate.is_dead() {
                self.desks[at] = self.open();
            }
        }
    }

    /// Takes rows in through a process that can; answers when they are acknowledged.
    pub(super) async fn take(&mut self, at: usize, rows: Vec<Row>, faults: u64) {
        let weather = Arc::new(Mutex::new(door::Weather { faults, ..Default::default() }));
        let door = self.door(Arc::default(), weather);
        let mut tries = 0;
        while rows::upsert_all(&door, &rows).await.is_err() {
            tries += 1;
            assert!(tries < 100, "rows are never taken");
        }
        if !self.desks[at].gate.is_stopped() && !self.desks[at].gate.is_dead() {
            self.desks[at].ledger.wake();
        }
        for row in rows {
            self.rows.insert(RowKey { tab: row.tab, id: row.id.clone() }, row);
        }
    }

    /// A row's last acknowledged version.
    pub(super) fn version(&self, tab: Tab, id: &str) -> u64 {
        self.rows.get(&RowKey { tab, id: id.to_owned() }).map_or(0, |row| row.version)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.sim.clock(SignedDuration::ZERO)()
    }

    /// Lets so much time pass.
    pub(super) async fn pass(&self, time: Duration) {
        let until = self.sim.elapsed() + time;
        loop {
            self.sim.calm().await;
            let left = until.saturating_sub(self.sim.elapsed());
            if left.is_zero() {
                return;
            }
            self.sim.advance(left);
        }
    }

    pub(super) async fn head(&self) -> Head {
        LEDGER.get(&*self.store, HEAD).await.unwrap().unwrap().value
    }

    /// Lets time pass until all rows are written; answers how long it took.
    pub(super) async fn all_written(&self) -> Duration {
        let begin = self.sim.elapsed();
        loop {
            self.sim.calm().await;
            if let Some(found) = LEDGER.get(&*self.store, HEAD).await.unwrap() {
                let waits = rows::oldest(&*self.store, State::Pending, 1).await.unwrap();
                if waits.is_empty() && found.value.open.is_none() && !found.value.tabs.is_empty() {
                    return self.sim.elapsed() - begin;
                }
            }
            let waited = self.sim.elapsed() - begin;
            assert!(waited < Duration::from_secs(900), "rows still wait: {:?}", self.head().await);
            self.sim.advance(Duration::from_secs(1));
        }
    }

    /// Every acknowledged row stands in the spreadsheet once, with its cells, and nothing else does.
    pub(super) fn check(&self, when: &str) {
        let book = self.web.book.lock().unwrap();
        for tab in Tab::ALL {
            let lines = book.titled(tab.as_str()).map_or(&[][..], |sheet| &sheet.lines[1..]);
            let mut expected: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
            for (key, row) in self.rows.iter().filter(|(key, _)| key.tab == tab) {
                expected.insert(&key.id, shown(row));
            }
            for line in lines {
                let id = line[0].as_str().unwrap();
                let Some(cells) = expected.remove(id) else {
                    panic!("{when}: {tab} has {id} twice, or nobody gave it")
                };
                let mut found = line.clone();
                found.resize(cells.len(), Value::Null);
                assert_eq!(found, cells, "{when}: {tab} {id}");
            }
            assert!(expected.is_empty(), "{when}: {tab} lacks {:?}", expected.keys());
        }
    }

    pub(super) fn commits(&self) -> u64 {
        self.tally.commits.load(Ordering::Relaxed)
    }

    pub(super) fn reads(&self) -> u64 {
        self.tally.reads.load(Ordering::Relaxed)
    }

    /// Which process holds the lease.
    pub(super) async fn holder(&self) -> Option<usize> {
        let head = self.head().await;
        let owns = |tenure: &Tenure| tenure.owns(head.lease.as_ref());
        self.desks.iter().position(|desk| owns(&desk.ledger.tenure))
    }

    pub(super) fn meet(&self, at: usize, fate: Fate) {
        self.desks[at].gate.meet(fate);
    }
}

/// A row's values in the order of its tab's columns.
fn shown(row: &Row) -> Vec<Value> {
    let cell = |column: &&str| {
        let cell = row.cells.get(*column).unwrap_or(&domain::Cell::Empty);
        book::value(&serde_json::to_value(cells::render(cell, &TimeZone::UTC)).unwrap())
    };
    row.tab.columns().iter().map(cell).collect()
}
