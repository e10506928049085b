//! Rows of people who were forgotten.
//!
//! Such a row goes to the spreadsheet as any change does, as a version of its own, over whatever a person typed into
//! the cells that are blanked. The invariant: once erased, no version of the row, however late or new, brings a word of
//! the person back; amounts and states that are told later are still taken.

use domain::{Cell, Row, Tab};
use serde_json::json;
use store::{Error, Query, Store, Work};

use super::{
    BY_STATE, ROWS, RowDoc, RowKey, State, hand,
    veil::{Veil, always_goes},
};

/// The version that its owner does not know of: a row is erased once.
const LIFT: u64 = 1;
/// Words that are taken of later versions: categories of ours or of a provider.
const STATES: [&str; 2] = ["currency", "status"];
/// Rows that are looked at together.
const PAGE: u32 = 500;

// === impl RowDoc ===

impl RowDoc {
    /// What is taken of a version that its owner tells: all of it, or of a row that was erased amounts, times and states.
    pub(super) fn received(&self, mut row: Row) -> Row {
        if self.erased.is_some() {
            row.version += LIFT;
            for (column, cell) in &mut row.cells {
                // Nobody knows the person's name any more, to look for it in other words.
                let is_word = matches!(cell, Cell::Text(_)) && !STATES.contains(&column.as_str());
                let known = self.cells.get(column).filter(|_| is_word);
                *cell = known.cloned().unwrap_or_else(|| Veil::default().over(self.tab, column, cell));
            }
        }
        row
    }

    /// Forgets the person.
    fn erase(&mut self, erasure_id: &str, veil: &Veil) {
        // Its owner does not know of this version: those that it tells from now on are lifted over it.
        self.version += LIFT;
        for column in self.tab.columns() {
            let old = self.cells.get(*column).cloned().unwrap_or(Cell::Empty);
            let new = veil.over(self.tab, column, &old);
            let typed = self.typed.get(*column);
            let stays = typed.is_none_or(|typed| veil.over(self.tab, column, typed) == *typed);
            if new == old && stays && !always_goes(self.tab, column) {
                continue;
            }
            self.typed.remove(*column);
            self.shown.remove(*column);
            self.changed.insert((*column).to_owned(), self.version);
            if hand::columns(self.tab).contains(column) {
                // Whatever stands in the cell is not a person's word any more.
                self.spoilt.insert((*column).to_owned());
            }
            self.cells.insert((*column).to_owned(), new);
        }
        self.subject = super::subject(self.tab, &self.cells);
        self.erased = Some(erasure_id.to_owned());
        if self.state != State::Deleted {
            self.settle_state();
        }
    }
}

/// Erases one row within `work`; false if there is none, or it was erased before.
pub(crate) async fn erase(
    work: &mut Work<'_>,
    key: &RowKey,
    erasure_id: &str,
    veil: &Veil,
) -> Result<bool, Error> {
    let Some(mut doc) = work.get(&ROWS, &key.doc_id()).await?.filter(|doc| doc.erased.is_none()) else {
        return Ok(false);
    };
    doc.erase(erasure_id, veil);
    work.put(&ROWS, &key.doc_id(), &doc);
    Ok(true)
}

/// How many erased rows of a tab the spreadsheet may still show as they were.
pub(crate) async fn waiting(store: &dyn Store, tab: Tab, erasure_id: &str) -> Result<u64, Error> {
    let mut waiting = 0;
    for state in [State::Pending, State::Parked] {
        let mut after = None;
        loop {
            let query = Query::new(&BY_STATE, [json!(tab), json!(state)]).limit(PAGE).after(after);
            let page = store.query(query).await?;
            for document in page.documents {
                let doc = ROWS.read(document)?.value;
                waiting += u64::from(doc.erased.as_deref() == Some(erasure_id));
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(waiting)
}

#[cfg(test)]
mod tests {
    use domain::tab;
    use jiff::Timestamp;

    use super::*;
    use crate::rows::End;

    fn payment(version: u64, status: &str, metadata: &str) -> Row {
        let payment = tab::Payment {
            id: "pi_1".into(),
            contact_id: "con_1".into(),
            currency: "EUR".into(),
            status: status.into(),
            metadata: metadata.into(),
            ..Default::default()
        };
        Row::of(&payment, version, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_later_version_counts_and_brings_nothing_back() {
        let mut doc = RowDoc::of(payment(3, "succeeded", "Ann"));
        doc.land(3, None);
        doc.erase("era_1", &Veil::default());
        assert_eq!(doc.state, State::Pending);
        assert_eq!(doc.changed.keys().collect::<Vec<_>>(), ["metadata"]);
        for late in [2, 3] {
            assert!(!doc.advance(payment(late, "pending", "Ann"), End::default()));
        }
        assert!(doc.advance(payment(4, "refunded", "Ann"), End::default()));
        assert_eq!(doc.cell("status"), &Cell::Text("refunded".into()));
        assert_eq!(doc.cell("metadata"), &Cell::Empty);
    }

    #[test]
    fn a_batch_that_was_under_way_does_not_count() {
        let mut doc = RowDoc::of(payment(3, "succeeded", "Ann"));
        doc.erase("era_1", &Veil::default());
        doc.land(3, None);
        assert_eq!((doc.state, doc.landed), (State::Pending, true));
        doc.land(doc.version, Some(&["metadata".to_owned()]));
        assert_eq!(doc.state, State::Written);
    }

    #[test]
    fn what_the_owner_typed_goes_and_is_not_heard_again() {
        let lead = tab::Lead { id: "led_1".into(), status: "new".into(), ..Default::default() };
        let mut doc = RowDoc::of(Row::of(&lead, 1, Timestamp::UNIX_EPOCH));
        doc.land(1, None);
        doc.take("notes", "Ann's birthday is in May");
        doc.take("status", "qualified");
        doc.erase("era_1", &Veil::default());
        assert_eq!((doc.cell("notes"), doc.cell("status")), (&Cell::Empty, &Cell::Text("qualified".into())));
        assert!(!doc.is_typed("notes", "Ann's birthday is in May", |_| String::new()));
        assert_eq!(doc.contested().count(), 0);
        assert!(!serde_json::to_string(&doc).unwrap().contains("birthday"));
    }

    #[test]
    fn a_row_that_was_deleted_is_blank_and_waits_for_nothing() {
        let mut doc = RowDoc::of(payment(1, "succeeded", "Ann"));
        doc.state = State::Deleted;
        doc.erase("era_1", &Veil::default());
        assert_eq!((doc.state, doc.cell("metadata")), (State::Deleted, &Cell::Empty));
    }
}
