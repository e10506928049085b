//! Rows as documents: what the model says, and how far the spreadsheet has followed.
//!
//! The invariant: a row is `pending` from the commit that changed it until a batch that carried its version is known
//! to have landed. Upserts and landings may come in any order; the versions decide.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Cell, Cells, Row, Tab, id};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Attempts, Collection, Error, Index, Query, Store, Work};

/// All rows of all tabs.
pub(crate) const ROWS: Collection<RowDoc> = Collection::new("rows");
/// Rows of all tabs by where they stand, oldest first.
pub(crate) const BY_AGE: Index =
    Index { collection: "rows", name: "by_age", fields: &["state", "occurred_at"], orders: store::ASCENDING };
/// Rows of a tab by where they stand, oldest first.
pub(crate) const BY_STATE: Index = Index {
    collection: "rows",
    name: "by_state",
    fields: &["tab", "state", "occurred_at"],
    orders: store::ASCENDING,
};
/// Rows of a tab, oldest first.
pub(crate) const BY_TAB: Index =
    Index { collection: "rows", name: "by_tab", fields: &["tab", "occurred_at"], orders: store::ASCENDING };

/// Where a row stands between the store and the spreadsheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Waits for the spreadsheet.
    Pending,
    /// The spreadsheet shows it.
    Written,
    /// The spreadsheet refused it.
    Parked,
    /// A person deleted it from the spreadsheet.
    Deleted,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RowDoc {
    pub(crate) tab: Tab,
    pub(crate) id: String,
    pub(crate) version: u64,
    /// Microseconds, so that it sorts as a number.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub(crate) occurred_at: Timestamp,
    pub(crate) cells: Cells,
    pub(crate) state: State,
    /// The spreadsheet has a line for it.
    pub(crate) landed: bool,
    /// Columns that the spreadsheet does not show yet, and the version that changed each.
    pub(crate) changed: BTreeMap<String, u64>,
    /// Why it was refused.
    pub(crate) error: Option<String>,
}

/// Names a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct RowKey {
    pub(crate) tab: Tab,
    pub(crate) id: String,
}

// === impl RowKey ===

impl RowKey {
    /// Id of the row's document: hashed, since consecutive ids would make one hot spot of the newest rows.
    pub(crate) fn doc_id(&self) -> String {
        id::digest(&[self.tab.as_str(), &self.id])
    }
}

// === impl RowDoc ===

impl RowDoc {
    pub(crate) fn key(&self) -> RowKey {
        RowKey { tab: self.tab, id: self.id.clone() }
    }

    fn new(row: Row) -> Self {
        Self {
            tab: row.tab,
            id: row.id,
            version: row.version,
            occurred_at: row.occurred_at,
            changed: row.cells.keys().map(|column| (column.clone(), row.version)).collect(),
            cells: row.cells,
            state: State::Pending,
            landed: false,
            error: None,
        }
    }

    /// Takes over a newer version; false if `row` is not newer.
    fn advance(&mut self, row: Row) -> bool {
        if row.version <= self.version {
            return false;
        }
        for (column, cell) in &row.cells {
            if self.cells.get(column).unwrap_or(&Cell::Empty) != cell {
                self.changed.insert(column.clone(), row.version);
            }
        }
        self.version = row.version;
        self.occurred_at = row.occurred_at;
        self.cells = row.cells;
        if self.state != State::Deleted {
            self.error = None;
            self.settle_state();
        }
        true
    }

    /// A batch with `version` of this row has landed, with these columns alone if it changed a line. Any other may
    /// have come to be spoilt since the batch was composed.
    pub(crate) fn land(&mut self, version: u64, columns: Option<&[String]>) {
        self.landed = true;
        let carried = |column: &String| columns.is_none_or(|columns| columns.contains(column));
        self.changed.retain(|column, changed_by| *changed_by > version || !carried(column));
        if self.state != State::Deleted {
            self.settle_state();
        }
    }

    /// The spreadsheet may show anything in `columns`: they are written again. The others are not touched, since what
    /// a person typed there stands.
    pub(crate) fn rewrite(&mut self, columns: &BTreeSet<String>) {
        let ours = columns.iter().filter(|column| *column != "id" && self.cells.contains_key(*column));
        self.changed.extend(ours.map(|column| (column.clone(), self.version)));
        if self.state != State::Deleted {
            self.settle_state();
        }
    }

    /// The spreadsheet refused `version`; a newer one gets a chance of its own.
    pub(crate) fn park(&mut self, version: u64, why: &str) {
        if self.version == version && self.state != State::Deleted {
            self.state = State::Parked;
            self.error = Some(why.to_owned());
        }
    }

    fn settle_state(&mut self) {
        let shown = self.landed && self.changed.is_empty();
        self.state = if shown { State::Written } else { State::Pending };
    }
}

/// Puts a row into `work`; false if the stored one is as new.
pub(crate) async fn upsert(work: &mut Work<'_>, row: Row) -> Result<bool, Error> {
    let doc_id = RowKey { tab: row.tab, id: row.id.clone() }.doc_id();
    let doc = match work.get(&ROWS, &doc_id).await? {
        None => RowDoc::new(row),
        Some(mut doc) => {
            if !doc.advance(row) {
                return Ok(false);
            }
            doc
        }
    };
    work.put(&ROWS, &doc_id, &doc);
    Ok(true)
}

/// Commits `rows`, all or none; answers how many were new or newer.
pub(crate) async fn upsert_all(store: &dyn Store, rows: &[Row]) -> Result<i32, Error> {
    let mut attempts = Attempts::default();
    loop {
        let mut work = Work::new(store);
        let mut accepted = 0;
        for row in rows {
            accepted += i32::from(upsert(&mut work, row.clone()).await?);
        }
        if attempts.commit(work).await? {
            return Ok(accepted);
        }
    }
}

/// The oldest rows of a tab that stand in `state`, at most `limit`.
pub(crate) async fn in_state(
    store: &dyn Store,
    tab: Tab,
    state: State,
    limit: u32,
) -> Result<Vec<RowDoc>, Error> {
    first(store, Query::new(&BY_STATE, [json!(tab), json!(state)]).limit(limit)).await
}

/// The oldest rows of all tabs that stand in `state`, at most `limit`.
pub(crate) async fn oldest(store: &dyn Store, state: State, limit: u32) -> Result<Vec<RowDoc>, Error> {
    first(store, Query::new(&BY_AGE, [json!(state)]).limit(limit)).await
}

async fn first(store: &dyn Store, query: Query) -> Result<Vec<RowDoc>, Error> {
    let documents = store.query(query).await?.documents;
    documents.into_iter().map(|document| Ok(ROWS.read(document)?.value)).collect()
}

/// How many rows of all tabs stand in `state`.
pub(crate) async fn count(store: &dyn Store, state: State) -> Result<u64, Error> {
    let mut rows = 0;
    for tab in Tab::ALL {
        let mut after = None;
        loop {
            let query = Query::new(&BY_STATE, [json!(tab), json!(state)]).limit(1000).after(after);
            let page = store.query(query).await?;
            rows += page.documents.len() as u64;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(rows)
}

/// One page of a tab's rows, and the cursor of the next.
pub(crate) async fn list(
    store: &dyn Store,
    tab: Tab,
    limit: u32,
    after: Option<String>,
) -> Result<(Vec<RowDoc>, Option<String>), Error> {
    let page = store.query(Query::new(&BY_TAB, [json!(tab)]).limit(limit).after(after)).await?;
    let rows = page.documents.into_iter().map(|document| Ok(ROWS.read(document)?.value));
    Ok((rows.collect::<Result<_, Error>>()?, page.next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::tab::Lead;

    fn row(version: u64, score: f64, intent: &str) -> Row {
        let lead = Lead { id: "led_1".into(), score: Some(score), intent: intent.into(), ..Lead::default() };
        Row::of(&lead, version, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn only_what_changed_is_written_again() {
        let mut doc = RowDoc::new(row(1, 0.5, "buy"));
        doc.land(1, None);
        assert_eq!(doc.state, State::Written);
        assert!(doc.advance(row(2, 0.9, "buy")));
        assert_eq!(doc.changed.keys().collect::<Vec<_>>(), ["score"]);
        assert_eq!(doc.state, State::Pending);
    }

    #[test]
    fn what_is_older_never_overwrites_what_is_newer() {
        let mut doc = RowDoc::new(row(2, 0.9, "buy"));
        assert!(!doc.advance(row(1, 0.5, "browse")));
        assert!(!doc.advance(row(2, 0.5, "browse")));
        assert_eq!(doc, RowDoc::new(row(2, 0.9, "buy")));
    }

    #[test]
    fn a_change_while_a_batch_is_under_way_stays_pending() {
        let mut doc = RowDoc::new(row(1, 0.5, "buy"));
        assert!(doc.advance(row(2, 0.9, "buy")));
        doc.land(1, None);
        assert_eq!((doc.state, doc.landed), (State::Pending, true));
        assert_eq!(doc.changed.keys().collect::<Vec<_>>(), ["score"]);
        doc.land(2, Some(&["score".to_owned()]));
        assert_eq!(doc.state, State::Written);
    }

    #[test]
    fn a_column_that_was_spoilt_while_a_batch_was_composed_stays_pending() {
        let mut doc = RowDoc::new(row(1, 0.5, "buy"));
        doc.land(1, None);
        assert!(doc.advance(row(2, 0.9, "buy")));
        doc.rewrite(&["status".to_owned()].into());
        doc.land(2, Some(&["score".to_owned()]));
        assert_eq!(
            (doc.state, doc.changed.keys().collect::<Vec<_>>()),
            (State::Pending, vec![&"status".to_owned()])
        );
    }

    #[test]
    fn a_row_that_a_person_deleted_stays_deleted() {
        let mut doc = RowDoc::new(row(1, 0.5, "buy"));
        doc.land(1, None);
        doc.state = State::Deleted;
        assert!(doc.advance(row(2, 0.9, "buy")));
        assert_eq!(doc.state, State::Deleted);
    }

    #[test]
    fn only_the_columns_that_were_spoilt_are_written_again() {
        let mut doc = RowDoc::new(row(1, 0.5, "buy"));
        doc.land(1, None);
        doc.rewrite(&["id", "score", "a column of the owner's"].map(str::to_owned).into());
        assert_eq!(doc.changed.keys().collect::<Vec<_>>(), ["score"]);
        assert_eq!(doc.state, State::Pending);
        let mut deleted = RowDoc { state: State::Deleted, ..doc };
        deleted.rewrite(&["score".to_owned()].into());
        assert_eq!(deleted.state, State::Deleted);
    }

    #[test]
    fn only_the_version_that_was_refused_is_parked() {
        let mut doc = RowDoc::new(row(1, 0.5, "buy"));
        assert!(doc.advance(row(2, 0.9, "buy")));
        doc.park(1, "refused");
        assert_eq!((doc.state, doc.error.as_deref()), (State::Pending, None));
        doc.park(2, "refused");
        assert_eq!((doc.state, doc.error.as_deref()), (State::Parked, Some("refused")));
        assert!(doc.advance(row(3, 0.9, "buy")));
        assert_eq!((doc.state, doc.error.as_deref()), (State::Pending, None));
    }
}
