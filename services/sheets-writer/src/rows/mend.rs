//! Cells of ours that somebody changed in the spreadsheet.
//!
//! They are written again; where a script or a stubborn hand changes the same cell over and over, that stops for a
//! while. The invariant: a cell is restored at most [`MOST`] times an hour, and that it is left is told once.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{RowDoc, State, hand};

/// How often a cell is restored within [`WITHIN`].
pub(crate) const MOST: u32 = 3;
const WITHIN: SignedDuration = SignedDuration::from_hours(1);

/// How often one cell was restored of late.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mended {
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    since: Timestamp,
    times: u32,
}

/// What is done about a cell that somebody changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is written again.
    Restored,
    /// It was changed too often and is left as it is; said once.
    Left,
}

// === impl RowDoc ===

impl RowDoc {
    /// Whether its line is to show what the store has in `column`: not while a change is on its way there.
    pub(crate) fn is_settled(&self, column: &str) -> bool {
        self.landed && !self.changed.contains_key(column)
    }

    /// Somebody changed these columns; what is done about each, where there is something to tell.
    pub(crate) fn mend(&mut self, columns: &[&'static str], now: Timestamp) -> Vec<(&'static str, Fate)> {
        let mut told = Vec::new();
        let mut again = BTreeSet::new();
        for column in columns.iter().copied().filter(|column| !hand::columns(self.tab).contains(column)) {
            let mended = self.mended.entry(column.to_owned()).or_insert(Mended { since: now, times: 0 });
            if now.duration_since(mended.since) > WITHIN {
                *mended = Mended { since: now, times: 0 };
            }
            mended.times = mended.times.saturating_add(1);
            match mended.times {
                ..=MOST => {
                    again.insert(column.to_owned());
                    told.push((column, Fate::Restored));
                }
                times if times == MOST + 1 => told.push((column, Fate::Left)),
                _ => {}
            }
        }
        if !again.is_empty() {
            self.rewrite(&again);
        }
        told
    }

    /// Its line was found again under another id, or none: the id is written there. A row that counts as deleted for
    /// want of a line is not.
    pub(crate) fn find_again(&mut self, now: Timestamp) -> Vec<(&'static str, Fate)> {
        let told = self.mend(&["id"], now);
        if told.iter().any(|(_, fate)| *fate == Fate::Restored) {
            self.revive();
        }
        told
    }

    /// Its line stands, so it is not deleted; false if it did not count as such.
    pub(crate) fn revive(&mut self) -> bool {
        let deleted = self.state == State::Deleted;
        if deleted {
            self.settle_state();
        }
        deleted
    }
}

#[cfg(test)]
mod tests {
    use domain::{Row, tab::Lead};

    use super::*;

    fn written() -> RowDoc {
        let lead = Lead { id: "led_1".into(), score: Some(0.5), ..Lead::default() };
        let mut doc = RowDoc::of(Row::of(&lead, 1, Timestamp::UNIX_EPOCH));
        doc.land(1, None);
        doc
    }

    #[test]
    fn a_cell_is_restored_so_often_an_hour_and_then_left_with_one_word() {
        let (mut doc, at) = (written(), |minutes| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes));
        for minute in 0..3 {
            assert_eq!(doc.mend(&["score"], at(minute)), [("score", Fate::Restored)]);
            assert_eq!(doc.state, State::Pending);
            doc.land(1, Some(&["score".to_owned()]));
        }
        assert_eq!(doc.mend(&["score"], at(3)), [("score", Fate::Left)]);
        assert_eq!(doc.mend(&["score", "intent"], at(4)), [("intent", Fate::Restored)]);
        doc.land(1, Some(&["intent".to_owned()]));
        assert_eq!(doc.state, State::Written);
        assert_eq!(doc.mend(&["score"], at(61)), [("score", Fate::Restored)]);
    }

    #[test]
    fn what_belongs_to_people_is_not_mended() {
        let mut doc = written();
        assert_eq!(doc.mend(&["owner", "notes", "status"], Timestamp::UNIX_EPOCH), []);
        assert_eq!(doc.state, State::Written);
    }

    #[test]
    fn a_row_whose_line_is_found_again_is_not_deleted() {
        let mut doc = RowDoc { state: State::Deleted, ..written() };
        doc.find_again(Timestamp::UNIX_EPOCH);
        assert_eq!(doc.state, State::Written);
    }
}
