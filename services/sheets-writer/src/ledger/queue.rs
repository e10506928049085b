//! Which rows are next.
//!
//! The invariant: a row whose outcome is known and not recorded yet is not taken for one that waits.

use std::{collections::HashMap, sync::atomic::Ordering};

use domain::Tab;
use tokio::time::Instant;

use super::{all_tabs, protocol::Carried, trouble::Trouble, writer::Writer};
use crate::rows::{self, ROWS, RowDoc, RowKey, State};

impl Writer<'_> {
    /// The oldest rows that wait and can be written, as they will stand once `closing` is recorded.
    pub(super) async fn waiting(&self, most: usize) -> Result<Vec<RowDoc>, Trouble> {
        let closing = self.machine.closing();
        let landed: HashMap<&RowKey, &Carried> =
            closing.into_iter().flat_map(|closing| &closing.landed).map(|row| (&row.key, row)).collect();
        let now = self.now();
        let is_held = |key: &RowKey| self.held.get(key).is_some_and(|until| *until > now);
        let parked = closing.and_then(|closing| closing.parked.as_ref());
        let gone = |doc: &RowDoc, key: &RowKey| {
            closing.is_some_and(|closing| closing.vanished.contains(key))
                || parked.is_some_and(|row| row.key == *key && row.version == doc.version)
        };
        let mut waiting = Vec::new();
        let most_pending = most + landed.len() + self.held.len();
        for mut doc in self.pending(most_pending.min(1_000) as u32).await? {
            let key = doc.key();
            if let Some(row) = landed.get(&key) {
                doc.land(row.version, row.changed());
            }
            if doc.state == State::Pending && !gone(&doc, &key) && !is_held(&key) {
                waiting.push(doc);
            }
        }
        waiting.sort_by_key(|doc| doc.occurred_at);
        waiting.truncate(most);
        Ok(waiting)
    }

    /// The oldest pending rows: of all tabs in one query, or of each tab in turn while some cannot be written.
    async fn pending(&self, limit: u32) -> Result<Vec<RowDoc>, store::Error> {
        let (store, now) = (&*self.ledger.store, self.now());
        let waits = |tab: &Tab| {
            let blocked = self.blocked.get(tab);
            self.hunt.leaves_out(*tab)
                || blocked.is_some_and(|(trouble, until)| *until > now || trouble.is_put_to_the_proof())
        };
        if !all_tabs().any(|tab| waits(&tab)) {
            return rows::oldest(store, State::Pending, limit).await;
        }
        let mut pending = Vec::new();
        for tab in all_tabs().filter(|tab| !waits(tab)) {
            pending.extend(rows::in_state(store, tab, State::Pending, limit).await?);
        }
        Ok(pending)
    }

    /// What somebody asked for, and what is due.
    pub(super) fn heed_wishes(&mut self) {
        let now = self.now();
        self.held.retain(|_, until| *until > now);
        if self.ledger.asked.swap(false, Ordering::Relaxed) {
            self.held.clear();
            self.places = None;
            self.sweeps = true;
            self.patrol.ask();
            self.blocked.values_mut().for_each(|(_, until)| *until = now);
        }
        self.sweeps |= self.until_sweep().is_some_and(|rest| rest.is_zero());
    }

    /// Puts a tab to the proof again that refused everything; one without rows is let be.
    pub(super) async fn examine_refused_tabs(&mut self) -> Result<(), Trouble> {
        let now = self.now();
        let is_due = |trouble: &Trouble, until: &Instant| *until <= now && trouble.is_put_to_the_proof();
        let due =
            self.blocked.iter().find(|(_, (trouble, until))| is_due(trouble, until)).map(|(tab, _)| *tab);
        let Some(tab) = due.filter(|_| self.hunt.probe().is_none()) else { return Ok(()) };
        match rows::in_state(&*self.ledger.store, tab, State::Pending, 1).await?.first() {
            Some(doc) => self.hunt.examine(doc.key()),
            None => drop(self.blocked.remove(&tab)),
        }
        Ok(())
    }

    /// The rows of the next batch: the one whose place is put to the proof, else those that wait.
    pub(super) async fn next_rows(&mut self) -> Result<Vec<RowDoc>, Trouble> {
        let Some(probe) = self.hunt.probe() else { return self.waiting(self.hunt.cap()).await };
        let found = ROWS.get(&*self.ledger.store, &probe.key.doc_id()).await?;
        Ok(found.map(|found| found.value).filter(|doc| doc.state == State::Pending).into_iter().collect())
    }
}
