//! Any order: versions of rows that come reordered and again, while batches with older ones land, end in the newest.
//!
//! The rows are payments, which several sources tell of in versions of their own owner, and leads, in which a person's
//! word counts.

use std::sync::Arc;

use domain::{
    Cells, Row, Tab,
    id::LedgerId,
    tab::{Lead, Payment},
};
use jiff::Timestamp;
use proptest::{prelude::*, test_runner::TestRunner};
use store::{Commit, Precondition, Store, sqlite::Sqlite};

use crate::{
    ledger::{
        HEAD, LEDGER,
        closing::Closing,
        protocol::{Carried, Head, Step},
    },
    rows::{self, ROWS, RowDoc, RowKey, State},
};

/// Schedules of one case, one row each: 1,024 in all, 10,000 with `PROPTEST_CASES=2500`.
const AT_ONCE: usize = 4;

/// What happens to a row.
#[derive(Clone, Copy, Debug)]
enum Turn {
    /// This version comes, perhaps again.
    Told(u64),
    /// A batch is composed of what waits.
    Composed,
    /// The batch that was composed lands.
    Landed,
}

fn schedule() -> impl Strategy<Value = (bool, Vec<Turn>)> {
    let turns = (2..7_u64, prop::collection::vec(1..7_u64, 0..5)).prop_flat_map(|(versions, again)| {
        let told = (1..=versions).chain(again.into_iter().map(move |version| version.min(versions)));
        let told: Vec<Turn> = told.map(Turn::Told).collect();
        (
            Just(told).prop_shuffle(),
            prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..8),
        )
            .prop_map(|(mut turns, batches)| {
                for (lands, place) in batches {
                    let turn = if lands { Turn::Landed } else { Turn::Composed };
                    turns.insert(place.index(turns.len() + 1), turn);
                }
                turns
            })
    });
    (any::<bool>(), turns)
}

/// A row in one of its versions; some columns change with each, some seldom.
fn row(lead: bool, id: &str, version: u64) -> Row {
    let (id, now) = (id.to_owned(), Timestamp::UNIX_EPOCH);
    let status = ["open", "paid", "refunded"][version as usize / 2 % 3].to_owned();
    if lead {
        let score = Some(version as f64 / 10.0);
        return Row::of(&Lead { id, status, score, intent: "buy".into(), ..Lead::default() }, version, now);
    }
    Row::of(&Payment { id, status, invoice_id: format!("in_{version}"), ..Payment::default() }, version, now)
}

/// One row between its owner and the spreadsheet.
struct Desk {
    store: Arc<dyn Store>,
    key: RowKey,
    /// What the row's line shows.
    line: Option<Cells>,
    /// A batch on its way, and the cells that it brings.
    batch: Option<(Carried, Cells)>,
}

impl Desk {
    async fn doc(&self) -> RowDoc {
        ROWS.get(&*self.store, &self.key.doc_id()).await.unwrap().unwrap().value
    }

    async fn compose(&mut self) {
        if self.batch.is_some() || ROWS.get(&*self.store, &self.key.doc_id()).await.unwrap().is_none() {
            return;
        }
        let doc = self.doc().await;
        if doc.state == State::Pending {
            let columns = doc.changed.keys().cloned().collect();
            let line = doc.landed.then_some(1);
            let carried = Carried { key: self.key.clone(), version: doc.version, line, columns };
            self.batch = Some((carried, doc.cells));
        }
    }

    async fn land(&mut self) -> Result<(), String> {
        let Some((carried, cells)) = self.batch.take() else { return Ok(()) };
        if carried.line.is_some() != self.line.is_some() {
            return Err(format!("the line is {:?}, and a batch has {carried:?}", self.line));
        }
        match &mut self.line {
            None => self.line = Some(cells),
            Some(line) => {
                line.extend(cells.into_iter().filter(|(column, _)| carried.columns.contains(column)))
            }
        }
        let head = LEDGER.get(&*self.store, HEAD).await.unwrap().unwrap().value;
        let closing = Closing { landed: vec![carried], ..Closing::default() };
        let step = Step { expected: head.clone(), next: head, closing };
        step.commit(&*self.store).await.map_err(|trouble| trouble.to_string())
    }

    async fn end(&mut self, newest: Row) -> Result<(), String> {
        self.land().await?;
        self.compose().await;
        self.land().await?;
        let doc = self.doc().await;
        let shown = self.line.clone().unwrap_or_default();
        if (doc.version, &doc.cells, doc.state) != (newest.version, &newest.cells, State::Written) {
            return Err(format!("{doc:?} is not {newest:?}"));
        }
        let differs = newest.cells.iter().find(|(column, cell)| shown.get(*column) != Some(cell));
        differs.map_or(Ok(()), |differs| Err(format!("the line shows {shown:?}, and should {differs:?}")))
    }
}

async fn hold(store: Arc<dyn Store>, id: String, (lead, turns): (bool, Vec<Turn>)) -> Result<(), String> {
    let tab = if lead { Tab::Leads } else { Tab::Payments };
    let mut desk = Desk { store, key: RowKey { tab, id: id.clone() }, line: None, batch: None };
    let (mut newest, mut accepted) = (0, 0);
    for turn in &turns {
        match turn {
            Turn::Told(version) => {
                let new = rows::upsert_all(&*desk.store, &[row(lead, &id, *version)]).await.unwrap();
                accepted += u32::from(*version > newest);
                if (new == 1) != (*version > newest) {
                    return Err(format!("version {version} after {newest}: {new} in {turns:?}"));
                }
                newest = newest.max(*version);
            }
            Turn::Composed => desk.compose().await,
            Turn::Landed => desk.land().await?,
        }
    }
    assert!(accepted > 0);
    desk.end(row(lead, &id, newest)).await.map_err(|why| format!("{why}\n  after {turns:?}"))
}

#[test]
fn versions_in_any_order_end_in_the_newest() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    // Memory where there is some: what is asked here is not the disk.
    let memory = std::path::Path::new("/dev/shm");
    let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let store: Arc<dyn Store> =
        Arc::new(Sqlite::open(&dir.path().join("books.db"), crate::SCHEMA, store::system_clock()).unwrap());
    let head = Head::new(LedgerId::generate(Timestamp::UNIX_EPOCH), "sheet".into());
    let made = runtime.block_on(store.commit(vec![LEDGER.put(HEAD, &head, Precondition::Absent)])).unwrap();
    assert!(matches!(made, Commit::Done(_)));
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let runs = std::cell::Cell::new(0);
    let schedules = prop::collection::vec(schedule(), AT_ONCE);
    let tried = TestRunner::new(config).run(&schedules, |schedules| {
        let held = runtime.block_on(async {
            let mut holding = tokio::task::JoinSet::new();
            for schedule in schedules {
                runs.set(runs.get() + 1);
                holding.spawn(hold(store.clone(), format!("row_{}", runs.get()), schedule));
            }
            holding.join_all().await
        });
        held.into_iter().collect::<Result<(), String>>().map_err(TestCaseError::fail)
    });
    tried.unwrap();
}
