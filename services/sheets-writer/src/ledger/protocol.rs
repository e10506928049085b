//! The numbered batches, without I/O: what a writer may believe about a batch, and why.
//!
//! Batch N creates developer metadata N in the spreadsheet, in the same atomic call as its rows; Google refuses a
//! second use of an id, and with it the whole call. So whoever creates N first, the rows or a void, decides for ever
//! whether the rows land. The invariant: a number is used once, and nothing is sent while an older outcome is open.

mod machine;

use std::collections::BTreeMap;

use domain::{Tab, id::LedgerId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{lease::Lease, restored::Restored, trouble::Trouble};
use crate::rows::RowKey;

pub(super) use machine::{Machine, Step, Terms, Told, Verdict};

/// Key of our developer metadata.
pub(super) const METADATA_KEY: &str = "fd";
/// How many batches' metadata stay: Google keeps 30,000 characters of it a spreadsheet, about 800 entries of ours.
const KEPT_BATCHES: i32 = 512;
/// Most settled batches whose metadata stay as well. More would fill Google's budget, and no batch could go at all.
const MOST_SETTLED: usize = 256;
/// Most entries that one batch deletes.
const MOST_DELETED: usize = 64;
/// How long the metadata of a batch stays whose answer was lost: a delivery that late must still be refused.
const KEPT_SETTLED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The ledger's own state; one document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) ledger_id: LedgerId,
    pub(crate) spreadsheet_id: String,
    /// Number of the next batch.
    pub(crate) next: i32,
    /// The batch whose outcome is not recorded yet.
    pub(crate) open: Option<Open>,
    /// Sheet ids of our tabs; empty in a spreadsheet that was never written.
    pub(crate) tabs: BTreeMap<Tab, i64>,
    /// Batches whose answer was lost, and when they were settled.
    pub(crate) settled: BTreeMap<i32, Timestamp>,
    /// Metadata up to this number is gone, settled batches excepted.
    pub(crate) swept: i32,
    /// How many cells the spreadsheet's grids had when somebody last looked.
    #[serde(default)]
    pub(crate) cells: u64,
    /// Which process writes; none where the store belongs to one alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lease: Option<Lease>,
    /// It filled another spreadsheet before this one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) moved: bool,
    /// The store came out of a backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) restored: Option<Restored>,
}

/// A batch that may have been sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Open {
    pub(crate) number: i32,
    pub(crate) carries: Carries,
    /// Metadata that it deletes.
    pub(crate) outdated: Vec<i32>,
}

/// What a batch brings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Carries {
    /// The tabs and their headers.
    Tabs(BTreeMap<Tab, i64>),
    /// Rows.
    Rows {
        /// Each of them.
        rows: Vec<Carried>,
        /// Where the columns of their tabs were when the batch was composed.
        columns: BTreeMap<Tab, Columns>,
    },
    /// Nothing, to the place of a row.
    Probe {
        /// The row, as it would be carried.
        row: Carried,
        /// Where the columns of its tab were.
        columns: BTreeMap<Tab, Columns>,
    },
}

/// Index of each of our columns.
pub(super) type Columns = BTreeMap<String, u32>;

/// One row in a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Carried {
    pub(crate) key: RowKey,
    pub(crate) version: u64,
    /// The line that it changes, counted from 0; a new row has none.
    pub(crate) line: Option<u32>,
    /// The columns that it changes there.
    pub(crate) columns: Vec<String>,
}

/// What stands under a batch's number in the spreadsheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The batch.
    Rows,
    /// Our void, or somebody else's entry: the batch did not land and never can.
    Void,
}

// === impl Carries ===

impl Carries {
    /// No row: it only deletes metadata.
    pub(super) fn nothing() -> Self {
        Self::Rows { rows: Vec::new(), columns: BTreeMap::new() }
    }

    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Self::Rows { rows, .. } if rows.is_empty())
    }
}

// === impl Carried ===

impl Carried {
    /// The columns that it changes; none for a new row, which brings all.
    pub(super) fn changed(&self) -> Option<&[String]> {
        self.line.is_some().then_some(&self.columns)
    }
}

// === impl Head ===

impl Head {
    pub(crate) fn new(ledger_id: LedgerId, spreadsheet_id: String) -> Self {
        Self {
            ledger_id,
            spreadsheet_id,
            next: 1,
            open: None,
            tabs: BTreeMap::new(),
            settled: BTreeMap::new(),
            swept: 0,
            cells: 0,
            lease: None,
            moved: false,
            restored: None,
        }
    }

    /// Whether nothing has happened since `known` but renewals of the lease by its holder.
    pub(super) fn is_still(&self, known: &Self) -> bool {
        let holder = |head: &Self| head.lease.as_ref().map(|lease| lease.holder.clone());
        let rest = |head: &Self| Self { lease: None, ..head.clone() };
        self == known || (holder(self) == holder(known) && rest(self) == rest(known))
    }

    /// Takes the next number for a batch; whatever was open before must be known. It also deletes what is outdated,
    /// unless it must be `lean` because the one before was refused.
    pub(super) fn open(&mut self, carries: Carries, lean: bool, now: Timestamp) -> i32 {
        let number = self.next;
        self.next += 1;
        let outdated = if lean { Vec::new() } else { self.outdated(number, now) };
        self.open = Some(Open { number, carries, outdated });
        number
    }

    /// Value of the metadata that a batch creates.
    pub(super) fn value(&self, mark: Mark) -> String {
        let suffix = match mark {
            Mark::Rows => "rows",
            Mark::Void => "void",
        };
        format!("{}:{suffix}", self.ledger_id)
    }

    /// What a value found under a batch's number means.
    pub(super) fn read_mark(&self, value: &str) -> Mark {
        if value == self.value(Mark::Rows) { Mark::Rows } else { Mark::Void }
    }

    /// Checks the numbers and values of our key that stand in the spreadsheet.
    ///
    /// # Errors
    /// Another ledger's, or numbers of this ledger that its store does not know: a restored one would take the first
    /// batch under a number that is in use for landed.
    pub(super) fn check_marks(&self, marks: &[(i32, String)]) -> Result<(), Trouble> {
        for (number, value) in marks {
            let ledger = value.rsplit_once(':').map_or(value.as_str(), |(ledger, _)| ledger);
            if ledger != self.ledger_id.as_str() {
                return Err(Trouble::ForeignLedger(ledger.to_owned()));
            }
            if *number >= self.next {
                return Err(Trouble::StoreBehind(*number));
            }
        }
        Ok(())
    }

    /// Notes that the outcome of `number` had to be found out.
    pub(super) fn note_settled(&mut self, number: i32, now: Timestamp) {
        self.settled.insert(number, now);
    }

    /// Metadata that batch `number` deletes: that of batches long gone, and of settled ones after 30 days or when
    /// there are too many. What a batch that never landed should have deleted, a later one does.
    fn outdated(&self, number: i32, now: Timestamp) -> Vec<i32> {
        let old = number - KEPT_BATCHES;
        let plain = (self.swept + 1..=old).filter(|number| !self.settled.contains_key(number));
        let surplus = self.settled.len().saturating_sub(MOST_SETTLED);
        let expired = self
            .settled
            .iter()
            .enumerate()
            .filter(|(place, (_, at))| *place < surplus || now.duration_since(**at) > KEPT_SETTLED)
            .map(|(_, (number, _))| *number);
        plain.chain(expired.filter(|expired| *expired <= old)).take(MOST_DELETED).collect()
    }

    /// Whether so much metadata has had its time that a batch of its own must delete it: voids delete nothing, and
    /// where one batch after another is refused no other ever does.
    pub(super) fn must_sweep(&self, now: Timestamp) -> bool {
        self.outdated(self.next, now).len() == MOST_DELETED
    }

    /// Notes that the metadata of `deleted` is gone.
    pub(super) fn forget(&mut self, deleted: &[i32]) {
        let plain = deleted.iter().filter(|number| !self.settled.contains_key(number));
        self.swept = plain.copied().max().unwrap_or(0).max(self.swept);
        self.settled.retain(|number, _| !deleted.contains(number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        Head::new("ldg_1".parse().unwrap(), "sheet".into())
    }

    #[test]
    fn a_number_is_used_once() {
        let mut head = head();
        let numbers = [(); 3].map(|()| head.open(Carries::Tabs(BTreeMap::new()), false, at(0)));
        assert_eq!(numbers, [1, 2, 3]);
        assert_eq!(head.open.unwrap().number, 3);
    }

    #[test]
    fn a_renewal_changes_nothing_and_a_takeover_everything() {
        let lease =
            |holder: &str, days| Some(Lease { holder: holder.to_owned(), until: at(days), trouble: None });
        let known = Head { lease: lease("ada", 0), ..head() };
        assert!(Head { lease: lease("ada", 1), ..head() }.is_still(&known));
        assert!(!Head { lease: lease("bob", 0), ..head() }.is_still(&known));
        assert!(!Head { lease: None, ..head() }.is_still(&known));
        assert!(!Head { next: 2, ..known.clone() }.is_still(&known));
    }

    #[test]
    fn a_head_without_a_lease_reads_and_is_written_as_ever() {
        let body = serde_json::to_value(head()).unwrap();
        assert!(!body.as_object().unwrap().contains_key("lease"));
        assert_eq!(serde_json::from_value::<Head>(body).unwrap(), head());
    }

    #[test]
    fn only_our_own_rows_mark_a_landing() {
        let head = head();
        assert_eq!(head.read_mark("ldg_1:rows"), Mark::Rows);
        for other in ["ldg_1:void", "ldg_2:rows", "rows", ""] {
            assert_eq!(head.read_mark(other), Mark::Void, "{other}");
        }
    }

    #[test]
    fn a_spreadsheet_of_another_ledger_or_of_a_newer_store_is_not_ours_to_write() {
        let head = Head { next: 5, ..head() };
        let check = |number: i32, value: &str| head.check_marks(&[(number, value.to_owned())]);
        assert!(check(4, "ldg_1:rows").is_ok());
        assert!(matches!(check(4, "ldg_2:void"), Err(Trouble::ForeignLedger(ledger)) if ledger == "ldg_2"));
        assert!(matches!(check(4, ""), Err(Trouble::ForeignLedger(_))));
        assert!(matches!(check(5, "ldg_1:rows"), Err(Trouble::StoreBehind(5))));
    }

    fn at(days: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * days)
    }

    /// What batch `number` deletes, once it has landed.
    fn swept_by(head: &mut Head, number: i32, now: Timestamp) -> Vec<i32> {
        let outdated = head.outdated(number, now);
        head.forget(&outdated);
        outdated
    }

    #[test]
    fn metadata_goes_in_time_and_settled_metadata_stays_30_days() {
        let mut head = head();
        head.note_settled(3, at(0));
        assert_eq!(swept_by(&mut head, 512, at(0)), [] as [i32; 0]);
        assert_eq!(swept_by(&mut head, 514, at(0)), [1, 2]);
        assert_eq!(swept_by(&mut head, 515, at(0)), [] as [i32; 0]);
        assert_eq!(swept_by(&mut head, 517, at(31)), [4, 5, 3]);
        assert_eq!(swept_by(&mut head, 518, at(31)), [6]);
    }

    #[test]
    fn what_a_lost_batch_should_have_deleted_goes_with_a_later_one() {
        let mut head = head();
        assert_eq!(swept_by(&mut head, 513, at(0)), [1]);
        // 514 and 515 never landed: nobody forgets for them.
        assert_eq!(head.outdated(514, at(0)), [2]);
        assert_eq!(swept_by(&mut head, 516, at(0)), [2, 3, 4]);
        assert_eq!(head.outdated(10_000, at(0)).len(), MOST_DELETED);
    }

    #[test]
    fn metadata_stays_within_googles_budget_whatever_is_settled() {
        let mut head = head();
        let mut kept = std::collections::BTreeSet::new();
        for number in 1..5_000 {
            // Every second answer is lost.
            let outdated = head.outdated(number, at(0));
            kept.insert(number);
            if number % 2 == 0 {
                head.note_settled(number, at(0));
            } else {
                kept.retain(|number| !outdated.contains(number));
                head.forget(&outdated);
            }
            assert!(kept.len() < 790, "{} entries at batch {number}", kept.len());
        }
    }
}
