//! Lines of a tab as they stand in the spreadsheet, held against rows of the store.
//!
//! The invariant: a cell counts as changed by somebody only where its row is settled: no change of ours is on its way
//! there, and what is shown is not what another id of the same contact was.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use domain::{Cell, Tab};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::Value;
use store::Store;

use super::{adoption, cells, layout::text, protocol::Columns};
use crate::{
    people,
    rows::{ROWS, RowDoc, RowKey, hand, list},
};

/// Rows of one look into the store.
pub(super) const AT_ONCE: usize = 100;
/// More rows than this that might be meant by a line are not looked through.
const MOST_CANDIDATES: u32 = 200;
/// So many cells must speak for a row before a line without its id counts as its own.
const WITNESSES: usize = 2;

/// One line below the header.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    /// Counted from 0, the header being 0.
    pub(super) number: u32,
    /// Blank if it has none.
    pub(super) id: String,
    /// Cells of our other columns that are not empty.
    cells: BTreeMap<&'static str, Value>,
}

/// The columns of a tab that are ours alone, without the id.
pub(super) fn owned(tab: Tab) -> impl Iterator<Item = &'static str> {
    let peoples = hand::columns(tab);
    tab.columns().iter().copied().filter(move |column| *column != "id" && !peoples.contains(column))
}

/// The column that says when a row of the tab came to be.
pub(super) fn time_column(tab: Tab) -> &'static str {
    match tab {
        Tab::Contacts | Tab::Leads | Tab::Bookings => "created_at",
        Tab::Engagements | Tab::ChatEvents => "occurred_at",
        Tab::Subscriptions => "started_at",
        Tab::Payments => "paid_at",
    }
}

// === impl Line ===

impl Line {
    /// The line of a tab whose columns stand where `columns` says.
    pub(super) fn read(tab: Tab, number: u32, columns: &Columns, values: &[Value]) -> Self {
        let value = |column: &str| {
            let value = columns.get(column).and_then(|index| values.get(*index as usize));
            value.filter(|value| !value.is_null() && *value != "")
        };
        let others = tab.columns().iter().copied().filter(|column| *column != "id");
        Self {
            number,
            id: value("id").map(text).unwrap_or_default(),
            cells: others.filter_map(|column| Some((column, value(column)?.clone()))).collect(),
        }
    }

    /// What stands in a column; null if nothing does.
    pub(super) fn cell(&self, column: &str) -> &Value {
        self.cells.get(column).unwrap_or(&Value::Null)
    }

    /// Whether it has neither an id nor anything in a column of ours.
    pub(super) fn is_blank(&self) -> bool {
        self.id.is_empty() && self.cells.is_empty()
    }

    /// What it says in the columns that are ours alone.
    pub(super) fn content(&self, tab: Tab) -> String {
        let says: BTreeMap<&str, &Value> =
            owned(tab).filter_map(|column| Some((column, self.cells.get(column)?))).collect();
        serde_json::to_string(&says).expect("cells are JSON")
    }

    /// A fingerprint of that.
    pub(super) fn fingerprint(&self, tab: Tab) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.content(tab).hash(&mut hasher);
        hasher.finish()
    }

    /// The columns of ours that show something else than the row has.
    fn unlike(&self, doc: &RowDoc, zone: &TimeZone) -> Vec<&'static str> {
        let unlike = |column: &&str| {
            doc.is_settled(column) && !cells::shows(doc.cell(column), zone, self.cell(column))
        };
        owned(doc.tab).filter(unlike).collect()
    }

    /// Whether it can be nothing else than the row's line, its id aside.
    fn is_like(&self, doc: &RowDoc, zone: &TimeZone, is_chosen: bool) -> bool {
        let settled = |column: &&str| !doc.changed.contains_key(*column);
        let is_same = |column: &str| cells::shows(doc.cell(column), zone, self.cell(column));
        let witnesses = owned(doc.tab).filter(settled).filter(|column| !self.cell(column).is_null());
        // Of a row that was adopted it is known which line was meant.
        let is_known = is_chosen || doc.adopted;
        owned(doc.tab).filter(settled).all(is_same) && (is_known || witnesses.count() >= WITNESSES)
    }
}

/// The rows of these ids, as the spreadsheet is to show them.
pub(super) async fn rows_of(
    store: &dyn Store,
    tab: Tab,
    ids: impl Iterator<Item = &String>,
) -> Result<HashMap<String, RowDoc>, store::Error> {
    let keys: Vec<_> = ids.map(|id| ROWS.key(RowKey { tab, id: id.clone() }.doc_id())).collect();
    let mut docs = Vec::new();
    for keys in keys.chunks(AT_ONCE) {
        for document in store.get_many(keys).await?.into_iter().flatten() {
            docs.push(ROWS.read(document)?.value);
        }
    }
    people::show_survivors(store, docs.iter_mut()).await?;
    Ok(docs.into_iter().map(|doc| (doc.id.clone(), doc)).collect())
}

/// The columns of ours in which each line shows something else than its row has. An id that the contact had before a
/// merge is as good as the one it has now.
pub(super) async fn unlike(
    store: &dyn Store,
    zone: &TimeZone,
    pairs: &[(&Line, &RowDoc)],
) -> Result<Vec<Vec<&'static str>>, store::Error> {
    let mut found: Vec<Vec<&'static str>> = pairs.iter().map(|(line, doc)| line.unlike(doc, zone)).collect();
    let mut former: Vec<(usize, RowDoc)> = Vec::new();
    for (at, ((line, doc), columns)) in pairs.iter().zip(&found).enumerate() {
        if let (true, Value::String(id)) = (columns.contains(&"contact_id"), line.cell("contact_id")) {
            let mut doc = (*doc).clone();
            doc.cells.insert("contact_id".to_owned(), Cell::Text(id.clone()));
            former.push((at, doc));
        }
    }
    people::show_survivors(store, former.iter_mut().map(|(_, doc)| doc)).await?;
    for (at, doc) in former {
        if doc.cell("contact_id") == pairs[at].1.cell("contact_id") {
            found[at].retain(|column| *column != "contact_id");
        }
    }
    Ok(found)
}

/// The rows whose line this can be, going by its cells: found by whom it is about and by its time.
pub(super) async fn candidates(
    store: &dyn Store,
    tab: Tab,
    line: &Line,
    zone: &TimeZone,
) -> Result<Vec<RowDoc>, store::Error> {
    let subject = if tab == Tab::ChatEvents { "session_id" } else { "contact_id" };
    let mut filters = Vec::new();
    if let Value::String(subject) = line.cell(subject) {
        filters.push(list::Filter { subject: Some(subject.clone()), ..Default::default() });
    }
    if let Some(time) = cells::time_of(line.cell(time_column(tab)), zone) {
        let around = |by: i64| Timestamp::checked_add(time, SignedDuration::from_secs(by)).ok();
        filters.push(list::Filter { from: around(-1), to: around(2), ..Default::default() });
    }
    let chosen = adoption::chosen_for(store, tab, line).await?;
    let ids: HashSet<String> = chosen.iter().map(|doc| doc.id.clone()).collect();
    let mut found: BTreeMap<String, RowDoc> = chosen.into_iter().map(|doc| (doc.id.clone(), doc)).collect();
    for filter in filters {
        let (docs, _) = list::list(store, tab, &filter, MOST_CANDIDATES, None).await?;
        found.extend(docs.into_iter().map(|doc| (doc.id.clone(), doc)));
    }
    let mut docs: Vec<RowDoc> = found.into_values().collect();
    people::show_survivors(store, docs.iter_mut()).await?;
    docs.retain(|doc| doc.landed && line.is_like(doc, zone, ids.contains(&doc.id)));
    Ok(docs)
}

/// Which row's line each of these is, where that is beyond doubt: one row alone is meant, its id stands nowhere, and
/// no other line means it too. Twins that were adopted are given their ids in turn.
pub(super) fn identify(lines: &[(Line, Vec<RowDoc>)], stands: impl Fn(&str) -> bool) -> Vec<(Line, RowDoc)> {
    let mut meant: HashMap<&str, usize> = HashMap::new();
    let lost =
        |docs: &'_ [RowDoc]| -> Vec<usize> { (0..docs.len()).filter(|at| !stands(&docs[*at].id)).collect() };
    for (_, docs) in lines {
        for at in lost(docs) {
            *meant.entry(docs[at].id.as_str()).or_default() += 1;
        }
    }
    let mut given: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for (line, docs) in lines {
        let lost: Vec<&RowDoc> = lost(docs).into_iter().map(|at| &docs[at]).collect();
        let doc = match lost.as_slice() {
            [] => None,
            [doc] if meant[doc.id.as_str()] == 1 => Some(*doc),
            twins if twins.iter().all(|doc| doc.adopted) => {
                twins.iter().copied().find(|doc| !given.contains(&doc.id.as_str()))
            }
            _ => None,
        };
        if let Some(doc) = doc {
            given.push(&doc.id);
            found.push((line.clone(), doc.clone()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use domain::{Row, tab::ChatEvent};
    use serde_json::json;

    use super::*;

    fn doc(id: &str, adopted: bool) -> RowDoc {
        let event =
            ChatEvent { id: id.into(), kind: "note".into(), session_id: "s".into(), ..Default::default() };
        let mut doc = RowDoc::of(Row::of(&event, 1, Timestamp::UNIX_EPOCH));
        doc.land(1, None);
        doc.adopted = adopted;
        doc
    }

    fn line(number: u32, session: &str) -> Line {
        let columns = Tab::ChatEvents.columns().iter().map(|column| (*column).to_owned()).zip(0..).collect();
        Line::read(Tab::ChatEvents, number, &columns, &[json!(""), json!(session), json!(""), json!("note")])
    }

    fn given(lines: &[(Line, Vec<RowDoc>)], standing: &[&str]) -> Vec<(u32, String)> {
        let found = identify(lines, |id| standing.contains(&id));
        found.into_iter().map(|(line, doc)| (line.number, doc.id)).collect()
    }

    #[test]
    fn a_line_is_a_rows_own_only_if_nothing_else_can_be() {
        let zone = TimeZone::UTC;
        assert!(line(1, "s").is_like(&doc("a", false), &zone, false));
        assert!(!line(1, "other").is_like(&doc("a", false), &zone, true));
        let lonely = Line { cells: [("type", json!("note"))].into(), ..line(1, "s") };
        let mut scarce = doc("a", false);
        scarce.cells.insert("session_id".into(), Cell::Empty);
        assert!(!lonely.is_like(&scarce, &zone, false), "one cell is no witness");
        assert!(lonely.is_like(&scarce, &zone, true), "it was chosen for a line that said so");
    }

    #[test]
    fn an_id_is_given_back_only_beyond_doubt() {
        let both = || vec![doc("a", false), doc("b", false)];
        assert_eq!(given(&[(line(1, "s"), both())], &["a"]), [(1, "b".to_owned())]);
        assert_eq!(given(&[(line(1, "s"), both())], &[]), []);
        assert_eq!(given(&[(line(1, "s"), both())], &["a", "b"]), []);
        let one = || vec![doc("a", false)];
        assert_eq!(given(&[(line(1, "s"), one()), (line(2, "s"), one())], &[]), []);
    }

    #[test]
    fn adopted_twins_get_their_ids_in_turn() {
        let twins = || vec![doc("a", true), doc("b", true)];
        let lines = [(line(1, "s"), twins()), (line(2, "s"), twins()), (line(3, "s"), twins())];
        assert_eq!(given(&lines, &[]), [(1, "a".to_owned()), (2, "b".to_owned())]);
    }
}
