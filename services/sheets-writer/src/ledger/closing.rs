//! What is known about a batch and not recorded yet.
//!
//! One commit records it, together with the next batch: that keeps the head, the one hot document, at one write a
//! batch. The invariant: nothing in here is needed to be right; lost, it is found out again by settling.

use std::collections::{BTreeMap, BTreeSet};

use domain::Tab;
use jiff::Timestamp;
use store::{Attempts, Store, Work};

use super::{
    HEAD, LEDGER,
    protocol::{Carried, Carries, Head, Step},
    trouble::Trouble,
};
use crate::rows::{ROWS, RowDoc, RowKey, State};

/// What the next commit has to record about rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Closing {
    pub(super) landed: Vec<Carried>,
    /// Rows of which some columns may show anything.
    pub(super) spoilt: BTreeMap<RowKey, BTreeSet<String>>,
    pub(super) vanished: Vec<RowKey>,
    pub(super) parked: Option<Carried>,
    /// The batch whose outcome had to be found out.
    pub(super) settled: Option<i32>,
    /// Tabs that were set up.
    pub(super) tabs: Option<BTreeMap<Tab, i64>>,
    /// Metadata that was deleted.
    pub(super) outdated: Vec<i32>,
}

// === impl Closing ===

impl Closing {
    /// The head once this is recorded and `open`, if any, is the open batch; see [`Head::open`] for `lean`.
    pub(super) fn next_head(&self, head: &Head, open: Option<Carries>, lean: bool, now: Timestamp) -> Head {
        let mut next = head.clone();
        next.open = None;
        next.forget(&self.outdated);
        if let Some(tabs) = &self.tabs {
            next.tabs.clone_from(tabs);
        }
        if let Some(number) = self.settled {
            next.note_settled(number, now);
        }
        if let Some(carries) = open {
            next.open(carries, lean, now);
        }
        next
    }

    async fn apply(&self, work: &mut Work<'_>) -> Result<(), store::Error> {
        let carried = self.landed.iter().chain(&self.parked).map(|row| &row.key);
        let touched: BTreeSet<&RowKey> = carried.chain(self.spoilt.keys()).chain(&self.vanished).collect();
        work.prefetch(touched.into_iter().map(|key| ROWS.key(key.doc_id())).collect()).await?;
        for row in &self.landed {
            change(work, &row.key, |doc| doc.land(row.version, row.changed())).await?;
        }
        for (key, columns) in &self.spoilt {
            change(work, key, |doc| doc.rewrite(columns)).await?;
        }
        for key in &self.vanished {
            change(work, key, |doc| doc.state = State::Deleted).await?;
        }
        if let Some(row) = &self.parked {
            tracing::error!(tab = %row.key.tab, row = %row.key.id, "google sheets refuses a row; it is parked");
            change(work, &row.key, |doc| doc.park(row.version, "Google Sheets refused this row")).await?;
        }
        Ok(())
    }
}

// === impl Step ===

impl Step {
    /// Moves the head and records what is known, in one commit.
    ///
    /// # Errors
    /// [`Trouble::Overtaken`] if the head is not the expected one any more.
    pub(super) async fn commit(&self, store: &dyn Store) -> Result<(), Trouble> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(store);
            let head = work.get(&LEDGER, HEAD).await?;
            if !self.holds(head.as_ref()) {
                return Err(Trouble::Overtaken);
            }
            self.closing.apply(&mut work).await?;
            work.put(&LEDGER, HEAD, &self.next);
            if attempts.commit(work).await? {
                return Ok(());
            }
        }
    }
}

async fn change(
    work: &mut Work<'_>,
    key: &RowKey,
    with: impl FnOnce(&mut RowDoc),
) -> Result<(), store::Error> {
    let doc_id = key.doc_id();
    if let Some(mut doc) = work.get(&ROWS, &doc_id).await? {
        with(&mut doc);
        work.put(&ROWS, &doc_id, &doc);
    }
    Ok(())
}
