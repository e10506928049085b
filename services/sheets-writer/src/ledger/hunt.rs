//! The search for what Google refuses: a row, or the place that it goes to.
//!
//! A refused batch goes once more as it was, then without the tab that the fault names, then halved; a row that is
//! refused alone is put to the proof: a batch that changes the same place and brings no value. The invariant: a row
//! is parked only if its place takes such a batch; else its tab is at fault and its rows wait.

use domain::Tab;

use super::{protocol::Carried, writer::MAX_ROWS};
use crate::rows::RowKey;

/// Which tabs' rows go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Focus {
    All,
    Without(Tab),
    Only(Tab),
}

/// A place to put to the proof.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Probe {
    /// The row that goes there.
    pub(super) key: RowKey,
    /// It was refused alone: parked if its place is sound.
    pub(super) accused: Option<Carried>,
}

/// How far the search has come; lost, it begins again.
#[derive(Debug)]
pub(super) struct Hunt {
    /// How many rows the next batch may have.
    cap: usize,
    /// How often the last batch was refused.
    refusals: u32,
    /// The tab that the last fault named.
    named: Option<Tab>,
    focus: Focus,
    probe: Option<Probe>,
}

// === impl Hunt ===

impl Default for Hunt {
    fn default() -> Self {
        Self { cap: MAX_ROWS, refusals: 0, named: None, focus: Focus::All, probe: None }
    }
}

impl Hunt {
    pub(super) fn cap(&self) -> usize {
        self.cap
    }

    /// The last batch was refused; the next one brings as little as it can.
    pub(super) fn is_on(&self) -> bool {
        self.refusals > 0
    }

    /// Whether the rows of `tab` are left out for now.
    pub(super) fn leaves_out(&self, tab: Tab) -> bool {
        match self.focus {
            Focus::All => false,
            Focus::Without(other) => tab == other,
            Focus::Only(other) => tab != other,
        }
    }

    /// Nothing waits in the tabs that go: takes up the others; false if there are none.
    pub(super) fn widen(&mut self) -> bool {
        let widened = self.focus != Focus::All;
        self.focus = match self.focus {
            Focus::Without(tab) => Focus::Only(tab),
            Focus::All | Focus::Only(_) => Focus::All,
        };
        widened
    }

    pub(super) fn probe(&self) -> Option<&Probe> {
        self.probe.as_ref()
    }

    /// Puts the place to the proof that `key` goes to.
    pub(super) fn examine(&mut self, key: RowKey) {
        self.probe = Some(Probe { key, accused: None });
    }

    /// Nothing is to be proved any more.
    pub(super) fn drop_probe(&mut self) {
        self.probe = None;
    }

    /// A batch was refused; the fault named this tab.
    pub(super) fn refused(&mut self, named: Option<Tab>) {
        self.refusals += 1;
        self.named = named;
    }

    /// A batch of rows has landed.
    pub(super) fn landed(&mut self) {
        self.refusals = 0;
        self.cap = (self.cap * 2).min(MAX_ROWS);
        if let Focus::Without(tab) = self.focus {
            (self.focus, self.cap) = (Focus::Only(tab), MAX_ROWS);
        }
    }

    /// A batch of these rows will never land.
    pub(super) fn rejected(&mut self, rows: &[Carried]) {
        // Once it is halved it need not be repeated to be believed; a row alone must be.
        let is_part = self.cap < MAX_ROWS && rows.len() > 1;
        if self.refusals < 2 && !is_part {
            return;
        }
        match (rows, self.named) {
            ([row], _) => {
                self.refusals = 0;
                self.probe = Some(Probe { key: row.key.clone(), accused: Some(row.clone()) });
            }
            (rows, Some(tab)) if rows.iter().any(|row| row.key.tab != tab) => {
                self.focus = Focus::Without(tab)
            }
            (rows, _) => self.cap = (rows.len() / 2).max(1),
        }
    }

    /// The probe is through, one way or the other.
    pub(super) fn close(&mut self) -> Option<Probe> {
        std::mem::take(self).probe
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(tab: Tab, id: &str) -> Carried {
        Carried { key: RowKey { tab, id: id.into() }, version: 1, line: None, columns: Vec::new() }
    }

    fn refuse(hunt: &mut Hunt, named: Option<Tab>, rows: &[Carried]) {
        hunt.refused(named);
        hunt.rejected(rows);
    }

    #[test]
    fn a_batch_goes_once_more_then_it_is_halved_and_the_last_row_is_put_to_the_proof() {
        let rows: Vec<_> = (0..8).map(|n| row(Tab::Leads, &n.to_string())).collect();
        let mut hunt = Hunt::default();
        refuse(&mut hunt, None, &rows);
        assert_eq!((hunt.cap(), hunt.is_on()), (MAX_ROWS, true));
        for left in [8, 4, 2] {
            refuse(&mut hunt, None, &rows[..left]);
            assert_eq!(hunt.cap(), left / 2);
        }
        assert_eq!(hunt.probe(), None);
        refuse(&mut hunt, None, &rows[..1]);
        assert_eq!(hunt.close().unwrap().accused, Some(rows[0].clone()));
        assert_eq!((hunt.cap(), hunt.is_on()), (MAX_ROWS, false));
    }

    #[test]
    fn a_half_is_halved_at_its_first_refusal() {
        let rows: Vec<_> = (0..8).map(|n| row(Tab::Leads, &n.to_string())).collect();
        let mut hunt = Hunt::default();
        refuse(&mut hunt, None, &rows);
        refuse(&mut hunt, None, &rows);
        hunt.landed();
        refuse(&mut hunt, None, &rows[4..]);
        assert_eq!(hunt.cap(), 2);
        hunt.landed();
        refuse(&mut hunt, None, &rows[7..]);
        assert_eq!((hunt.probe(), hunt.is_on()), (None, true));
    }

    #[test]
    fn the_tab_that_a_fault_names_goes_apart_after_the_others() {
        let rows = [row(Tab::Leads, "a"), row(Tab::Payments, "b")];
        let mut hunt = Hunt::default();
        refuse(&mut hunt, Some(Tab::Leads), &rows);
        refuse(&mut hunt, Some(Tab::Leads), &rows);
        assert_eq!([Tab::Leads, Tab::Payments].map(|tab| hunt.leaves_out(tab)), [true, false]);
        hunt.landed();
        assert_eq!([Tab::Leads, Tab::Payments].map(|tab| hunt.leaves_out(tab)), [false, true]);
        assert!(hunt.widen());
        assert!(!Tab::ALL.iter().any(|tab| hunt.leaves_out(*tab)) && !hunt.widen());
    }

    #[test]
    fn a_fault_that_names_the_only_tab_is_searched_for_by_halves() {
        let rows = [row(Tab::Leads, "a"), row(Tab::Leads, "b")];
        let mut hunt = Hunt::default();
        refuse(&mut hunt, Some(Tab::Leads), &rows);
        refuse(&mut hunt, Some(Tab::Leads), &rows);
        assert_eq!((hunt.cap(), hunt.leaves_out(Tab::Leads)), (1, false));
    }
}
