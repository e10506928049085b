//! Going on after the store was restored from a backup.
//!
//! The spreadsheet may be ahead of such a store: it has batches and lines of which the store knows nothing. The
//! invariants: no number is used that any batch before the restore may have had, so nothing of theirs is ever taken for
//! a landing; and no row is appended whose id stands in its tab already.

use std::collections::{BTreeSet, HashSet};

use domain::Tab;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Attempts, Work};

use super::{
    HEAD, LEDGER,
    layout::{Description, column_range, find_columns},
    locate,
    protocol::{Head, Mark},
    trouble::Trouble,
    writer::Writer,
};
use crate::rows::{ROWS, RowDoc, RowKey};

/// Numbers that are left out above all that are seen: the last batches before the restore may have left no mark, and
/// the very last one may still be on its way. A number goes in 1.2 s at the least.
const GAP: i32 = 100_000;

/// What is left of a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Restored {
    /// Nobody has looked yet which numbers the spreadsheet has.
    Behind,
    /// Numbers are above all that were used; lines of which the store knows nothing may stand.
    Above,
}

/// Makes of the head in a backup the head of a restored store.
pub(crate) fn mark(head: &mut Value) {
    if let Some(head) = head.as_object_mut() {
        head.insert("restored".to_owned(), serde_json::json!(Restored::Behind));
        // Whoever held it is not this process.
        head.remove("lease");
    }
}

// === impl Head ===

impl Head {
    /// The head above the batches whose `marks` stand in the spreadsheet.
    fn above(&self, marks: &[(i32, String)], now: Timestamp) -> Self {
        let mut head = self.clone();
        let most = marks.iter().map(|(number, _)| *number).max().unwrap_or(0).max(self.next - 1);
        head.next = most.saturating_add(GAP);
        head.leave_to_time(marks, now);
        head.restored = Some(Restored::Above);
        head
    }

    /// Numbers go on from `next`. Of the `marks` that stand below it ours go little by little, as marks do whose
    /// outcome had to be found out.
    pub(super) fn leave_to_time(&mut self, marks: &[(i32, String)], now: Timestamp) {
        let ours = [Mark::Rows, Mark::Void].map(|mark| self.value(mark));
        let standing = marks.iter().filter(|(_, value)| ours.contains(value));
        let standing: BTreeSet<i32> = standing.map(|(number, _)| *number).collect();
        self.settled.retain(|number, _| standing.contains(number));
        for number in standing {
            self.settled.entry(number).or_insert(now);
        }
        self.swept = self.next - 1;
    }
}

impl Writer<'_> {
    /// Right after a restore, takes numbers that no batch had.
    pub(super) async fn pass_unknown_batches(&mut self, description: &Description) -> Result<(), Trouble> {
        let known = self.head().clone();
        if known.restored != Some(Restored::Behind) {
            return Ok(());
        }
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.ledger.store);
            let found = work.get(&LEDGER, HEAD).await?.filter(|head| head.is_still(&known));
            let Some(found) = found else { return Err(Trouble::Overtaken) };
            let head = found.above(&description.marks, (self.ledger.clock)());
            work.put(&LEDGER, HEAD, &head);
            if attempts.commit(work).await? {
                tracing::warn!(next = head.next, "the store was restored; batches go on with new numbers");
                self.machine.follow(head);
                return Ok(());
            }
        }
    }

    /// After a restore of the store, or of a row that a person deleted, finds out which of `rows` only seem to be new:
    /// their lines stand already and are changed from now on. Whether there were any.
    pub(super) async fn meet_standing(&mut self, rows: &[RowDoc]) -> Result<bool, Trouble> {
        let is_restored = self.head().restored.is_some();
        let is_new = |doc: &&RowDoc| !doc.landed && (is_restored || doc.returns);
        let new: Vec<RowKey> = rows.iter().filter(is_new).map(RowDoc::key).collect();
        // Their lines may have come back since anybody looked.
        self.standing.retain(|tab, _| !rows.iter().any(|doc| doc.returns && doc.tab == *tab));
        for tab in new.iter().map(|key| key.tab).collect::<BTreeSet<Tab>>() {
            if !self.standing.contains_key(&tab) {
                self.learn_standing(tab).await?;
            }
        }
        let suspects = self.standing_of(&new);
        // Somebody may have deleted them since.
        for tab in suspects.iter().map(|key| key.tab).collect::<BTreeSet<Tab>>() {
            self.learn_standing(tab).await?;
        }
        let met = self.standing_of(&new);
        if met.is_empty() {
            return Ok(false);
        }
        self.note_met(&met).await?;
        Ok(true)
    }

    fn standing_of(&self, keys: &[RowKey]) -> Vec<RowKey> {
        let stands = |key: &&RowKey| self.standing.get(&key.tab).is_some_and(|ids| ids.contains(&key.id));
        keys.iter().filter(stands).cloned().collect()
    }

    /// Reads the ids of a tab; one that cannot be read has none to be written to, either.
    async fn learn_standing(&mut self, tab: Tab) -> Result<(), Trouble> {
        self.standing.remove(&tab);
        let Some(sheet_id) = self.places.as_ref().and_then(|places| places.get(&tab)).map(|at| at.sheet_id)
        else {
            return Ok(());
        };
        let Ok(columns) = find_columns(tab, &self.header(sheet_id).await?) else { return Ok(()) };
        let range = column_range(sheet_id, columns["id"]);
        let found = locate::read(&self.ledger.sheets, &[range]).await?;
        self.pace.note_reads(2);
        let mut ids = found.into_iter().flatten().map(|line| line.into_iter().next().unwrap_or_default());
        // Somebody moved the column since its header was read.
        if ids.next().is_none_or(|title| title.trim() != "id") {
            return Err(Trouble::ReadRefused);
        }
        self.standing.insert(tab, ids.filter(|id| !id.is_empty()).collect::<HashSet<String>>());
        Ok(())
    }

    async fn note_met(&mut self, met: &[RowKey]) -> Result<(), Trouble> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.ledger.store);
            self.prove(&mut work).await?;
            work.prefetch(met.iter().map(|key| ROWS.key(key.doc_id())).collect()).await?;
            for key in met {
                let doc = work.get(&ROWS, &key.doc_id()).await?;
                if let Some(mut doc) = doc.filter(|doc| !doc.landed) {
                    doc.meet();
                    work.put(&ROWS, &key.doc_id(), &doc);
                }
            }
            if attempts.commit(work).await? {
                met.iter().for_each(|key| self.forget_line(key));
                tracing::info!(rows = met.len(), "rows that were to be added stand in the spreadsheet");
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::ledger::protocol::Carries;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn marks(numbers: impl IntoIterator<Item = i32>) -> Vec<(i32, String)> {
        numbers.into_iter().map(|number| (number, "ldg_1:rows".to_owned())).collect()
    }

    fn head() -> Head {
        Head::new("ldg_1".parse().unwrap(), "sheet".into())
    }

    #[test]
    fn a_backups_head_is_marked_and_held_by_nobody() {
        let mut body = serde_json::to_value(head()).unwrap();
        body["lease"] = json!({"holder": "ada", "until": "2025-10-28T16:20:00Z"});
        mark(&mut body);
        let marked: Head = serde_json::from_value(body).unwrap();
        assert_eq!(marked, Head { restored: Some(Restored::Behind), ..head() });
    }

    #[test]
    fn numbers_go_on_above_all_that_were_used_or_may_have_been() {
        let behind = Head { next: 7, restored: Some(Restored::Behind), ..head() };
        let above = behind.above(&marks([3, 57, 6]), at(0));
        assert_eq!((above.next, above.restored), (57 + GAP, Some(Restored::Above)));
        assert!(above.check_marks(&marks([3, 57, 6])).is_ok());
        let without_marks = Head { next: 700, ..behind.clone() }.above(&[], at(0));
        assert_eq!(without_marks.next, 699 + GAP);
        let last = behind.above(&marks([i32::MAX - 1]), at(0));
        assert_eq!(last.next, i32::MAX, "there is no number above it");
    }

    #[test]
    fn marks_of_ours_that_stand_go_in_time_and_those_of_others_are_not_counted() {
        let mut head = Head { next: 900, settled: [(5, at(0))].into(), ..head() };
        let theirs = (4, "ldg_2:rows".to_owned());
        head.leave_to_time(&[marks([3]), vec![theirs, (7, "ldg_1:void".to_owned())]].concat(), at(1));
        assert_eq!((head.settled, head.swept), ([(3, at(1)), (7, at(1))].into(), 899));
    }

    #[test]
    fn the_marks_of_before_go_and_googles_budget_is_kept() {
        let behind = Head { next: 7, restored: Some(Restored::Behind), ..head() };
        let mut kept: BTreeSet<i32> = (100..612).collect();
        let mut head = behind.above(&marks(kept.iter().copied()), at(0));
        for _ in 0..600 {
            let number = head.open(Carries::Tabs(BTreeMap::new()), false, at(0));
            let deleted = head.open.take().unwrap().outdated;
            assert!(deleted.iter().all(|number| kept.contains(number)), "{deleted:?}");
            kept.retain(|number| !deleted.contains(number));
            head.forget(&deleted);
            kept.insert(number);
            assert!(kept.len() < 790, "{} entries at batch {number}", kept.len());
        }
        head.open(Carries::Tabs(BTreeMap::new()), false, at(31 * 24 * 3_600));
        assert_eq!(head.open.unwrap().outdated.len(), 64, "those of before go after thirty days");
    }
}
