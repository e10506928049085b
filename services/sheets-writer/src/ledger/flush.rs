//! Writing the rows that wait: where they go, what is not found there, and what a person has typed meanwhile.
//!
//! The invariant: a row counts as deleted by a person only if neither its id nor its line stands anywhere.

use std::{collections::BTreeSet, time::Duration};

use domain::Tab;

use super::{
    compose::compose,
    locate::locate,
    trouble::Trouble,
    writer::{LOOK, Writer},
};
use crate::{people, rows::RowKey};

/// How often a wrong header is read again: somebody is likely to be at it.
const LOOK_AT_HEADER: Duration = Duration::from_secs(5);
/// How often it is looked whether a protection was lifted: one read for all tabs.
const LOOK_AT_PROTECTION: Duration = Duration::from_secs(10);
/// How long nobody looks for a line that lost its id too often.
const HELD: Duration = Duration::from_secs(60);

impl Writer<'_> {
    /// Writes the rows that wait.
    pub(super) async fn flush(&mut self) -> Result<(), Trouble> {
        let rows = self.next_rows().await?;
        if self.meet_standing(&rows).await? {
            return Ok(());
        }
        let places = self.places.as_mut().expect("step looks before it flushes");
        let tabs: BTreeSet<Tab> = rows.iter().map(|doc| doc.tab).collect();
        let mut located = locate(&self.ledger.sheets, places, &mut self.lines, rows).await?;
        if self.hunt.probe().is_none() {
            self.blocked.retain(|tab, _| !tabs.contains(tab));
        }
        located.blocked.into_iter().for_each(|(tab, trouble)| self.wait_for(tab, trouble));
        if self.note_vanished(located.vanished).await? {
            return Ok(());
        }
        if self.is_contested(&located.placed).await? {
            if self.sweep.is_fresh(self.now()) {
                return Err(Trouble::Contested);
            }
            self.sweeps = true;
            return Ok(());
        }
        let Some(places) = &self.places else { return Ok(()) };
        let docs = located.placed.iter_mut().map(|placed| &mut placed.doc);
        people::show_survivors(&*self.ledger.store, docs).await?;
        let batch = compose(located.placed, places, &self.ledger.zone);
        if batch.carried.is_empty() {
            self.hunt.drop_probe();
            return self.record(None).await;
        }
        let (carries, batch) = match self.hunt.probe() {
            Some(_) => batch.into_probe(places).expect("a probe is of one row"),
            None => (batch.carries(places), batch),
        };
        self.send(carries, batch.requests, batch.watched).await
    }

    /// The rows of a tab wait.
    fn wait_for(&mut self, tab: Tab, trouble: Trouble) {
        let rest = match trouble {
            Trouble::TabGone(_) => LOOK,
            Trouble::Protected { .. } => LOOK_AT_PROTECTION,
            _ => LOOK_AT_HEADER,
        };
        self.blocked.insert(tab, (trouble, self.now() + rest));
    }

    /// Sees to rows whose id nobody finds; true if some of them were given it back, by a batch.
    async fn note_vanished(&mut self, vanished: Vec<RowKey>) -> Result<bool, Trouble> {
        let found = self.look_for(&vanished).await?;
        if found.are_given {
            return Ok(true);
        }
        let (held, gone): (Vec<_>, Vec<_>) = vanished.into_iter().partition(|key| found.rows.contains(key));
        let until = self.now() + HELD;
        self.held.extend(held.into_iter().map(|key| (key, until)));
        if !gone.is_empty() {
            tracing::warn!(rows = gone.len(), "rows were deleted from the spreadsheet and stay deleted");
            self.machine.closing_mut().vanished.extend(gone);
        }
        Ok(false)
    }
}
