//! Reading back what people typed.
//!
//! The columns in which a person's word is the last are read whole now and then, and before a batch changes one of
//! their cells. The invariant: it is read only while no batch's outcome is open, so that a cell which shows something
//! else than it should was typed by a person. Google has no conditional write: what is typed in the moment between
//! that read and the batch is lost.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use domain::{Cell, Tab};
use store::{Attempts, Work};
use tokio::time::Instant;

use super::{
    cells,
    compose::Placed,
    layout::{Place, find_columns, header_range},
    locate,
    trouble::Trouble,
    writer::Writer,
};
use crate::{
    leads,
    rows::{ROWS, RowKey, hand},
    sheets::body::GridRange,
};

/// How often people's columns are read while somebody is at them or rows are written; one read.
const WHILE_BUSY: Duration = Duration::from_secs(60);
/// How often else.
const WHILE_IDLE: Duration = Duration::from_secs(600);
/// How long after the last sign of life the ledger counts as busy.
const BUSY_FOR: Duration = Duration::from_secs(900);
/// The tabs that have such columns.
const PEOPLES: [Tab; 2] = [Tab::Contacts, Tab::Leads];
/// A cell that is still not understood so soon after it was read is not read again at once.
const FRESH: Duration = Duration::from_millis(500);
/// Rows of one look into the store.
const AT_ONCE: usize = 100;

/// What was seen of people's columns; lost, everything is compared again.
#[derive(Debug)]
pub(super) struct Sweep {
    last: Instant,
    busy: Instant,
    /// Lines that show what they should, so that nobody has to look them up in the store.
    sound: HashMap<RowKey, Vec<String>>,
}

// === impl Sweep ===

impl Sweep {
    pub(super) fn new(now: Instant) -> Self {
        Self { last: now, busy: now, sound: HashMap::new() }
    }

    /// Rows were written.
    pub(super) fn note_life(&mut self, now: Instant) {
        self.busy = now;
    }

    /// Whether they were read just now.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        now.duration_since(self.last) < FRESH
    }

    /// How long it is until people's columns are to be read.
    pub(super) fn rest(&self, now: Instant) -> Duration {
        let busy = now.duration_since(self.busy) < BUSY_FOR;
        let every = if busy { WHILE_BUSY } else { WHILE_IDLE };
        (self.last + every).duration_since(now)
    }

    /// The columns may have been written to by somebody else.
    pub(super) fn forget(&mut self) {
        self.sound.clear();
    }

    /// A line was written to: what it showed before tells nothing any more.
    pub(super) fn forget_line(&mut self, key: &RowKey) {
        self.sound.remove(key);
    }
}

/// How the spreadsheet shows a cell of people's columns, which hold text.
fn shows(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => cells::cut(text),
        _ => String::new(),
    }
}

/// The id column and people's columns of a tab, in this order.
fn swept(place: &Place, tab: Tab) -> Vec<(&'static str, GridRange)> {
    let names = ["id"].into_iter().chain(hand::columns(tab).iter().copied());
    names.map(|name| (name, place.column_range(place.columns[name]))).collect()
}

impl Writer<'_> {
    /// Reads people's columns; nothing may be open.
    pub(super) async fn sweep(&mut self) -> Result<(), Trouble> {
        self.sweep.last = self.now();
        let tabs = self.find_people_columns().await?;
        let Some(places) = &self.places else { return Ok(()) };
        let of = |tab: Tab| swept(&places[&tab], tab).into_iter().map(move |column| (tab, column));
        let columns: Vec<_> = tabs.into_iter().flat_map(of).collect();
        let ranges: Vec<GridRange> = columns.iter().map(|(_, (_, range))| range.clone()).collect();
        let found = locate::read_shown(&self.ledger.sheets, &ranges).await?;
        let mut texts: BTreeMap<Tab, Vec<Vec<String>>> = BTreeMap::new();
        for ((tab, (name, _)), column) in columns.into_iter().zip(found) {
            let mut column: Vec<String> =
                column.into_iter().map(|line| line.into_iter().next().unwrap_or_default()).collect();
            if column.first().is_none_or(|title| title.trim() != name) {
                // The columns have moved since their header was read; they are found anew.
                self.places = None;
                return Ok(());
            }
            column.remove(0);
            texts.entry(tab).or_default().push(column);
        }
        for (tab, columns) in texts {
            self.compare(tab, &columns).await?;
        }
        Ok(())
    }

    /// Reads the headers of the tabs that have columns of people's; answers those whose columns were found.
    async fn find_people_columns(&mut self) -> Result<Vec<Tab>, Trouble> {
        let Some(places) = &mut self.places else { return Ok(Vec::new()) };
        let tabs: Vec<Tab> = PEOPLES.into_iter().filter(|tab| places.contains_key(tab)).collect();
        let ranges: Vec<GridRange> = tabs.iter().map(|tab| header_range(places[tab].sheet_id)).collect();
        let mut found = Vec::new();
        for (tab, header) in tabs.into_iter().zip(locate::read(&self.ledger.sheets, &ranges).await?) {
            let header = header.into_iter().next().unwrap_or_default();
            if let (Ok(columns), Some(place)) = (find_columns(tab, &header), places.get_mut(&tab)) {
                if place.columns != columns {
                    self.lines.forget(tab);
                    place.columns = columns;
                }
                found.push(tab);
            }
        }
        Ok(found)
    }

    /// Compares the lines of a tab, given by columns, with what they should show.
    async fn compare(&mut self, tab: Tab, columns: &[Vec<String>]) -> Result<(), Trouble> {
        let (ids, own) = columns.split_first().expect("the id column is read first");
        let mut unsound: BTreeMap<RowKey, Vec<String>> = BTreeMap::new();
        let mut taken = HashSet::new();
        // The first of two equal ids counts, here as everywhere.
        for (line, id) in ids.iter().enumerate().filter(|(_, id)| !id.is_empty() && taken.insert(*id)) {
            let key = RowKey { tab, id: id.clone() };
            let texts: Vec<String> =
                own.iter().map(|column| column.get(line).cloned().unwrap_or_default()).collect();
            if self.sweep.sound.get(&key) != Some(&texts) {
                unsound.insert(key, texts);
            }
        }
        let unsound: Vec<_> = unsound.into_iter().collect();
        for rows in unsound.chunks(AT_ONCE) {
            self.take_typed(tab, rows).await?;
        }
        Ok(())
    }

    async fn take_typed(&mut self, tab: Tab, rows: &[(RowKey, Vec<String>)]) -> Result<(), Trouble> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.ledger.store);
            work.prefetch(rows.iter().map(|(key, _)| ROWS.key(key.doc_id())).collect()).await?;
            let (mut sound, mut typed) = (Vec::new(), 0);
            for (key, texts) in rows {
                let Some(mut doc) = work.get(&ROWS, &key.doc_id()).await? else { continue };
                let (before, status) = (typed, doc.typed.get("status").cloned());
                for (column, text) in hand::columns(tab).iter().zip(texts) {
                    if doc.is_typed(column, text, shows) {
                        doc.take(column, text);
                        typed += 1;
                    }
                }
                if typed > before {
                    work.put(&ROWS, &key.doc_id(), &doc);
                    if doc.typed.get("status") != status.as_ref() {
                        leads::heed_hand(&mut work, &doc, (self.ledger.clock)()).await?;
                    }
                }
                if doc.contested().next().is_none() {
                    sound.push((key.clone(), texts.clone()));
                }
            }
            if typed > 0 {
                // Whoever was stopped for long would take for typed what it wrote before another one wrote.
                self.prove(&mut work).await?;
            }
            if typed == 0 || attempts.commit(work).await? {
                self.sweep.sound.extend(sound);
                if typed > 0 {
                    self.sweep.busy = self.now();
                    tracing::info!(%tab, cells = typed, "people typed into the spreadsheet");
                }
                return Ok(());
            }
        }
    }

    /// Whether a person has typed into a cell that one of these rows would change.
    pub(super) async fn is_contested(&mut self, placed: &[Placed]) -> Result<bool, Trouble> {
        let Some(places) = &self.places else { return Ok(false) };
        let mut cells = Vec::new();
        let mut ranges = Vec::new();
        for Placed { doc, line } in placed {
            let Some(line) = line else { continue };
            for column in doc.contested() {
                let place = &places[&doc.tab];
                ranges.push(place.cell_range(*line, place.columns[column]));
                cells.push((doc, column));
            }
        }
        let found = locate::read_shown(&self.ledger.sheets, &ranges).await?;
        self.pace.note_reads(u32::from(!ranges.is_empty()));
        let text = |lines: Vec<Vec<String>>| lines.into_iter().flatten().next().unwrap_or_default();
        let mut is_contested = false;
        for ((doc, column), lines) in cells.into_iter().zip(found) {
            if doc.is_typed(column, &text(lines), shows) {
                // The sweep that follows must look at it.
                self.sweep.forget_line(&doc.key());
                is_contested = true;
            }
        }
        Ok(is_contested)
    }
}
