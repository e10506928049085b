//! Filling a spreadsheet from the store: a tab that was deleted, or a whole new spreadsheet.
//!
//! First every row is put back to where it waits for its first line, page by page, then the tab is made and the rows
//! go out as any others do. The invariant: a row is put back only while no batch is open and nothing shows it: its tab
//! is gone, or the spreadsheet is another one; and by a commit that proves that nobody has taken over.

use std::collections::BTreeMap;

use domain::Tab;
use serde::{Deserialize, Serialize};
use store::{Attempts, Collection, Store, Work};

use super::{
    HEAD, LEDGER, Ledger, layout,
    protocol::{Carries, Head},
    trouble::Trouble,
    writer::{Pause, Writer},
};
use crate::rows::{self, ROWS, RowDoc};

/// What is to be filled; one document.
const REBUILDS: Collection<Rebuilds> = Collection::new("rebuilds");
const ALL: &str = "all";
/// Rows of one commit.
const PAGE: u32 = 100;

/// How far the filling of each tab has come.
type Rebuilds = BTreeMap<Tab, Rebuild>;

/// How far the filling of one tab has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Rebuild {
    /// Rows that were put back.
    rows: u64,
    /// The page that comes next.
    after: Option<String>,
    /// All of them were put back.
    done: bool,
}

async fn wanted(store: &dyn Store) -> Result<Rebuilds, store::Error> {
    Ok(REBUILDS.get(store, ALL).await?.map(|found| found.value).unwrap_or_default())
}

// === impl Ledger ===

impl Ledger {
    /// Has `tabs` filled from the store wherever the spreadsheet has none of their rows; what is under way goes on.
    pub(crate) async fn rebuild(&self, tabs: &[Tab]) -> Result<(), store::Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            let mut rebuilds = work.get(&REBUILDS, ALL).await?.unwrap_or_default();
            for tab in tabs {
                rebuilds.entry(*tab).or_default();
            }
            work.put(&REBUILDS, ALL, &rebuilds);
            if attempts.commit(work).await? {
                self.look_again();
                return Ok(());
            }
        }
    }

    /// What is being filled, in words.
    pub(super) async fn rebuilding(&self) -> Result<String, store::Error> {
        let told = |(tab, rebuild): (Tab, Rebuild)| {
            let stage = if rebuild.done { "all rows wait" } else { "rows are put back" };
            format!("{tab}: {stage} ({})", rebuild.rows)
        };
        Ok(wanted(&*self.store).await?.into_iter().map(told).collect::<Vec<_>>().join("; "))
    }
}

impl Writer<'_> {
    /// Whether a whole new spreadsheet is to be filled.
    pub(super) async fn may_move(&self) -> Result<bool, Trouble> {
        Ok(wanted(&*self.ledger.store).await?.len() == Tab::ALL.len())
    }

    /// Which of our tabs that are gone is to be filled; requests for tabs that stand have had their time.
    pub(super) async fn next_rebuild(&self) -> Result<Option<Tab>, Trouble> {
        let (Some(places), store) = (&self.places, &*self.ledger.store) else { return Ok(None) };
        let rebuilds = wanted(store).await?;
        let (stand, gone): (Vec<Tab>, Vec<Tab>) = rebuilds.keys().partition(|tab| places.contains_key(tab));
        if !stand.is_empty() {
            self.finish_rebuilds(&stand).await?;
        }
        Ok(gone.into_iter().find(|tab| self.head().tabs.contains_key(tab)))
    }

    async fn finish_rebuilds(&self, tabs: &[Tab]) -> Result<(), Trouble> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.ledger.store);
            let mut rebuilds = work.get(&REBUILDS, ALL).await?.unwrap_or_default();
            rebuilds.retain(|tab, _| !tabs.contains(tab));
            work.put(&REBUILDS, ALL, &rebuilds);
            if attempts.commit(work).await? {
                tracing::info!(tabs = tabs.len(), "tabs to be filled stand");
                return Ok(());
            }
        }
    }

    /// Goes on with the filling of a tab that is gone; nothing may be open.
    pub(super) async fn rebuild(&mut self, tab: Tab) -> Result<Option<Pause>, Trouble> {
        if !self.put_back(tab).await? {
            return Ok(None);
        }
        if let Some(rest) = self.pace.rest(self.now()) {
            return Ok(Some(Pause { longest: rest, until_woken: false }));
        }
        let description = self.look().await?;
        let mut tabs = self.head().tabs.clone();
        let taken = tabs.values().copied().collect();
        let sheet_id = description.free_id(tab, &taken);
        tabs.insert(tab, sheet_id);
        self.blocked.remove(&tab);
        let requests = layout::create(tab, sheet_id, false);
        self.send(Carries::Tabs(tabs), requests, Vec::new()).await.map(|()| None)
    }

    /// Puts the next page of a tab's rows back; true if there is none.
    async fn put_back(&mut self, tab: Tab) -> Result<bool, Trouble> {
        let store = &*self.ledger.store;
        let Some(mut rebuild) = wanted(store).await?.remove(&tab).filter(|rebuild| !rebuild.done) else {
            return Ok(true);
        };
        let (rows, next) = rows::list(store, tab, PAGE, rebuild.after.take()).await?;
        let mut attempts = Attempts::default();
        (rebuild.done, rebuild.after) = (next.is_none(), next);
        rebuild.rows += rows.len() as u64;
        loop {
            let mut work = Work::new(store);
            self.prove(&mut work).await?;
            for key in rows.iter().map(RowDoc::key) {
                if let Some(mut doc) = work.get(&ROWS, &key.doc_id()).await? {
                    doc.unwrite();
                    work.put(&ROWS, &key.doc_id(), &doc);
                }
            }
            let mut rebuilds = work.get(&REBUILDS, ALL).await?.unwrap_or_default();
            rebuilds.insert(tab, rebuild.clone());
            work.put(&REBUILDS, ALL, &rebuilds);
            if attempts.commit(work).await? {
                return Ok(false);
            }
        }
    }

    /// Makes `work` fail if another writer has taken over.
    pub(super) async fn prove(&self, work: &mut Work<'_>) -> Result<(), Trouble> {
        let head = work.get(&LEDGER, HEAD).await?.filter(|head| head.is_still(self.head()));
        let Some(head) = head else { return Err(Trouble::Overtaken) };
        work.put(&LEDGER, HEAD, &head);
        Ok(())
    }

    /// Goes on with the move to another spreadsheet. What is open went to the old one and does not matter any more.
    pub(super) async fn move_over(&mut self) -> Result<(), Trouble> {
        for tab in Tab::ALL {
            if !self.put_back(tab).await? {
                return Ok(());
            }
        }
        let (known, description) = (self.head().clone(), self.describe().await?);
        let mut next = Head {
            spreadsheet_id: self.ledger.sheets.spreadsheet_id().to_owned(),
            open: None,
            tabs: BTreeMap::new(),
            settled: BTreeMap::new(),
            cells: 0,
            moved: true,
            ..known.clone()
        };
        // It may be one that this ledger filled before.
        next.leave_to_time(&description.marks, (self.ledger.clock)());
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.ledger.store);
            let found = work.get(&LEDGER, HEAD).await?.filter(|head| head.is_still(&known));
            let Some(found) = found else { return Err(Trouble::Overtaken) };
            let next = Head { lease: found.lease, ..next.clone() };
            work.put(&LEDGER, HEAD, &next);
            if attempts.commit(work).await? {
                tracing::info!("the ledger fills another spreadsheet from now on");
                self.machine.take_over(next);
                self.forget();
                return Ok(());
            }
        }
    }
}
