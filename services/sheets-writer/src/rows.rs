//! Rows as documents: what the model says, and how far the spreadsheet has followed.
//!
//! The invariant: a row is `pending` from the commit that changed it until a batch that carried its version is known
//! to have landed; of a line that was adopted that begins when its id stands, since it is found by nothing else.
//! Upserts and landings may come in any order; the versions decide.

pub(crate) mod about;
pub(crate) mod erased;
mod former;
pub(crate) mod hand;
pub(crate) mod list;
pub(crate) mod mend;
pub(crate) mod veil;

use std::collections::{BTreeMap, BTreeSet};

use domain::{Cell, Cells, Row, Tab, id};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Attempts, Collection, Error, Index, Query, Store, Work};

use crate::people;
pub(crate) use former::End;

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
    orders: store::BOTH,
};
/// Rows of a tab by age.
pub(crate) const BY_TAB: Index =
    Index { collection: "rows", name: "by_tab", fields: &["tab", "occurred_at"], orders: store::BOTH };

/// Rows of a tab about one contact, or one chat session, by age.
pub(crate) const BY_SUBJECT: Index = Index {
    collection: "rows",
    name: "by_subject",
    fields: &["tab", "subject", "occurred_at"],
    orders: store::BOTH,
};

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
    /// The contact that it is about, under the id that it was written with; of `chat_events`, the chat session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    pub(crate) cells: Cells,
    /// What stood in cells before an end took it away, and when that was; no spreadsheet shows it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) former: Cells,
    pub(crate) state: State,
    /// The spreadsheet has a line for it.
    pub(crate) landed: bool,
    /// Columns that the spreadsheet does not show yet, and the version that changed each.
    pub(crate) changed: BTreeMap<String, u64>,
    /// What a person typed, by column.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) typed: Cells,
    /// What the spreadsheet may show in people's columns whose change waits.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    shown: BTreeMap<String, Vec<Cell>>,
    /// Columns of people's in which the spreadsheet may show what was meant for others.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    spoilt: BTreeSet<String>,
    /// How often cells of ours were restored of late, by column.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    mended: BTreeMap<String, mend::Mended>,
    /// Others wrote its line, it was taken over as it stood, and its id does not stand there yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) adopted: bool,
    /// A person deleted it and it is to be written all the same; its line may have come back by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) returns: bool,
    /// Why it was refused.
    pub(crate) error: Option<String>,
    /// The erasure of the person that it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) erased: Option<String>,
}

/// Names a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct RowKey {
    pub(crate) tab: Tab,
    pub(crate) id: String,
}

// === impl RowKey ===

impl RowKey {
    pub(crate) fn of(row: &Row) -> Self {
        Self { tab: row.tab, id: row.id.clone() }
    }

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

    /// As [`Self::of`], with its end.
    fn begun(row: Row, end: End) -> Self {
        let mut former = Cells::new();
        former::begin(&mut former, &row, end);
        Self { former, ..Self::of(row) }
    }

    /// A row that nobody has written anywhere.
    pub(crate) fn of(row: Row) -> Self {
        Self {
            tab: row.tab,
            id: row.id,
            version: row.version,
            occurred_at: row.occurred_at,
            subject: subject(row.tab, &row.cells),
            changed: row.cells.keys().map(|column| (column.clone(), row.version)).collect(),
            cells: row.cells,
            former: Cells::new(),
            state: State::Pending,
            landed: false,
            typed: Cells::new(),
            shown: BTreeMap::new(),
            spoilt: BTreeSet::new(),
            mended: BTreeMap::new(),
            adopted: false,
            returns: false,
            error: None,
            erased: None,
        }
    }

    /// Takes over a newer version; false if `row` is not newer.
    fn advance(&mut self, row: Row, end: End) -> bool {
        let row = self.received(row);
        if row.version <= self.version {
            return false;
        }
        for (column, cell) in &row.cells {
            let old = self.cells.get(column).cloned().unwrap_or(Cell::Empty);
            if old != *cell && !self.typed.contains_key(column) {
                self.remember(column, old);
                self.changed.insert(column.clone(), row.version);
            }
        }
        former::note(&mut self.former, &self.cells, &row, end);
        self.version = row.version;
        self.occurred_at = row.occurred_at;
        self.subject = subject(row.tab, &row.cells);
        self.cells = row.cells;
        if self.state != State::Deleted {
            self.settle_state();
        }
        true
    }

    /// A batch with `version` of this row has landed, with these columns alone if it changed a line. Any other may
    /// have come to be spoilt since the batch was composed.
    pub(crate) fn land(&mut self, version: u64, columns: Option<&[String]>) {
        (self.landed, self.returns) = (true, false);
        let carried = |column: &String| columns.is_none_or(|columns| columns.contains(column));
        self.changed.retain(|column, changed_by| *changed_by > version || !carried(column));
        self.adopted &= columns.is_some_and(|columns| columns.iter().all(|column| column != "id"));
        self.shown.retain(|column, _| self.changed.contains_key(column));
        self.spoilt.retain(|column| self.changed.contains_key(column));
        let is_refused = self.state == State::Parked && !self.changed.is_empty();
        if self.state != State::Deleted && !is_refused {
            self.settle_state();
        }
    }

    /// The spreadsheet may show anything in `columns`: they are written again, of a row that is parked when it gets
    /// another chance. The others are not touched, since what a person typed there stands.
    pub(crate) fn rewrite(&mut self, columns: &BTreeSet<String>) {
        let ours = columns.iter().filter(|column| *column != "id" && self.cells.contains_key(*column));
        for column in ours {
            self.changed.insert(column.clone(), self.version);
            if hand::columns(self.tab).contains(&column.as_str()) {
                self.spoilt.insert(column.clone());
            }
        }
        if !matches!(self.state, State::Deleted | State::Parked) {
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
        let shown = self.landed && (self.changed.is_empty() || self.adopted);
        self.state = if shown { State::Written } else { State::Pending };
        self.error = None;
    }
}

/// What is longer is no id of ours, and Firestore indexes 1,500 bytes of a text.
const MAX_SUBJECT: usize = 512;

fn subject(tab: Tab, cells: &Cells) -> Option<String> {
    let column = match tab {
        Tab::Contacts => "id",
        Tab::ChatEvents => "session_id",
        _ => "contact_id",
    };
    match cells.get(column) {
        Some(Cell::Text(text)) if text.len() <= MAX_SUBJECT => Some(text.clone()),
        _ => None,
    }
}

/// Puts a row into `work`; false if the stored one is as new.
pub(crate) async fn upsert(work: &mut Work<'_>, row: Row) -> Result<bool, Error> {
    upsert_with(work, row, End::default()).await
}

/// As [`upsert`], where something is known of when what the row tells was over.
pub(crate) async fn upsert_with(work: &mut Work<'_>, row: Row, end: End) -> Result<bool, Error> {
    let doc_id = RowKey::of(&row).doc_id();
    let doc = match work.get(&ROWS, &doc_id).await? {
        None => RowDoc::begun(row, end),
        Some(mut doc) => {
            if !doc.advance(row, end) {
                return Ok(false);
            }
            doc
        }
    };
    work.put(&ROWS, &doc_id, &doc);
    Ok(true)
}

/// The lowest version from `least` on that is newer than what stands under `key`, whoever brought that.
pub(crate) async fn next_version(work: &mut Work<'_>, key: &RowKey, least: u64) -> Result<u64, Error> {
    let known = work.get(&ROWS, &key.doc_id()).await?;
    Ok(known.map_or(least, |known| least.max(known.version + 1)))
}

/// Commits `rows`, all or none; answers how many were new or newer. Of people who were forgotten nothing is taken in
/// that names them.
pub(crate) async fn upsert_all(store: &dyn Store, rows: &[Row]) -> Result<i32, Error> {
    let named: BTreeSet<String> = rows.iter().filter_map(about::contact).collect();
    let mut attempts = Attempts::default();
    loop {
        let mut work = Work::new(store);
        work.prefetch(rows.iter().map(|row| ROWS.key(RowKey::of(row).doc_id())).collect()).await?;
        let forgotten = people::forgotten(&mut work, &named).await?;
        let mut accepted = 0;
        for row in rows {
            let is_new = upsert(&mut work, row.clone()).await?;
            accepted += i32::from(is_new);
            if let (true, Some(erasure_id)) = (is_new, about::contact(row).and_then(|id| forgotten.get(&id)))
            {
                erased::erase(&mut work, &RowKey::of(row), erasure_id, &veil::Veil::default()).await?;
            }
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

/// One page of a tab's rows, oldest first, and the cursor of the next.
pub(crate) async fn list(
    store: &dyn Store,
    tab: Tab,
    limit: u32,
    after: Option<String>,
) -> Result<(Vec<RowDoc>, Option<String>), Error> {
    list::list(store, tab, &list::Filter::default(), limit, after).await
}

#[cfg(test)]
mod tests;
