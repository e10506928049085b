//! The numbered batches, without I/O: what a writer may believe about a batch, and why.
//!
//! Batch N creates developer metadata N in the spreadsheet, in the same atomic call as its rows; Google refuses a
//! second use of an id, and with it the whole call. So whoever creates N first, the rows or a void, decides for ever
//! whether the rows land. The invariant: a number is used once, and nothing is sent while an older outcome is open.

use std::collections::BTreeMap;

use domain::{Tab, id::LedgerId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::rows::RowKey;

/// Key of our developer metadata.
pub(super) const METADATA_KEY: &str = "fd";
/// How many batches' metadata stay: Google keeps 30,000 characters of it a spreadsheet.
const KEPT_BATCHES: i32 = 512;
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
}

/// A batch that may have been sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Open {
    pub(crate) number: i32,
    pub(crate) carries: Carries,
}

/// What a batch brings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Carries {
    /// The tabs and their headers.
    Tabs(BTreeMap<Tab, i64>),
    /// Rows.
    Rows(Vec<Carried>),
}

/// One row in a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Carried {
    pub(crate) key: RowKey,
    pub(crate) version: u64,
    /// The line it was written to, counted from 0; a new row has none.
    pub(crate) line: Option<u32>,
}

/// What stands under a batch's number in the spreadsheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The batch.
    Rows,
    /// Our void, or somebody else's entry: the batch did not land and never can.
    Void,
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
        }
    }

    /// Takes the next number for a batch; whatever was open before must be known.
    pub(super) fn open(&mut self, carries: Carries) -> i32 {
        let number = self.next;
        self.next += 1;
        self.open = Some(Open { number, carries });
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

    /// The ledger that a value of our key belongs to, if it is not this one.
    pub(super) fn foreign<'v>(&self, value: &'v str) -> Option<&'v str> {
        let ledger = value.rsplit_once(':').map_or(value, |(ledger, _)| ledger);
        (ledger != self.ledger_id.as_str()).then_some(ledger)
    }

    /// Notes that the outcome of `number` had to be found out.
    pub(super) fn note_settled(&mut self, number: i32, now: Timestamp) {
        self.settled.insert(number, now);
    }

    /// Metadata that batch `number` deletes: that of a batch long gone, and of settled ones after 30 days.
    pub(super) fn outdated(&self, number: i32, now: Timestamp) -> Vec<i32> {
        let old = number - KEPT_BATCHES;
        let plain = (old > 0 && !self.settled.contains_key(&old)).then_some(old);
        let expired = self
            .settled
            .iter()
            .filter(|(_, at)| now.duration_since(**at) > KEPT_SETTLED)
            .map(|(number, _)| *number);
        plain.into_iter().chain(expired.filter(|expired| *expired <= old)).collect()
    }

    /// Forgets the settled batches whose metadata was deleted.
    pub(super) fn forget(&mut self, deleted: &[i32]) {
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
        let numbers = [(); 3].map(|()| head.open(Carries::Rows(Vec::new())));
        assert_eq!(numbers, [1, 2, 3]);
        assert_eq!(head.open.unwrap().number, 3);
    }

    #[test]
    fn only_our_own_rows_mark_a_landing() {
        let head = head();
        assert_eq!(head.read_mark("ldg_1:rows"), Mark::Rows);
        for other in ["ldg_1:void", "ldg_2:rows", "rows", ""] {
            assert_eq!(head.read_mark(other), Mark::Void, "{other}");
        }
        assert_eq!(head.foreign("ldg_1:rows"), None);
        assert_eq!(head.foreign("ldg_2:void"), Some("ldg_2"));
    }

    #[test]
    fn metadata_goes_in_time_and_settled_metadata_stays_30_days() {
        let at = |days: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * days);
        let mut head = head();
        head.note_settled(3, at(0));
        assert_eq!(head.outdated(512, at(0)), [] as [i32; 0]);
        assert_eq!(head.outdated(514, at(0)), [2]);
        assert_eq!(head.outdated(515, at(0)), [] as [i32; 0]);
        assert_eq!(head.outdated(600, at(31)), [88, 3]);
        head.forget(&[88, 3]);
        assert_eq!(head.outdated(601, at(31)), [89]);
    }
}
