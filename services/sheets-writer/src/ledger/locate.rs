//! Finding rows in a spreadsheet that people sort, cut and extend.
//!
//! A remembered line is a hint: it counts only while the id stands in it. The header is read with the hints, before
//! every batch, so that a column that somebody inserted moves nothing into the wrong place.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::Tab;
use serde_json::Value;

use super::{
    compose::Placed,
    layout::{Place, find_columns, header_range, text, values},
    trouble::Trouble,
};
use crate::{
    rows::{RowDoc, RowKey},
    sheets::{Client, Render, Reply, body::GridRange},
};

/// More hints than this are not worth their own cells; the whole column is read.
const MAX_HINTS: usize = 200;

/// Remembered lines of rows, by id.
#[derive(Debug, Default)]
pub(super) struct Lines(BTreeMap<Tab, HashMap<String, u32>>);

/// What was found out about some rows.
#[derive(Debug, Default)]
pub(super) struct Located {
    /// Rows with their lines; new rows without.
    pub(super) placed: Vec<Placed>,
    /// Rows that were written once and that nobody finds any more.
    pub(super) vanished: Vec<RowKey>,
    /// Tabs that cannot be written now; their rows are in neither list.
    pub(super) blocked: Vec<(Tab, Trouble)>,
}

// === impl Lines ===

impl Lines {
    pub(super) fn get(&self, key: &RowKey) -> Option<u32> {
        self.0.get(&key.tab)?.get(&key.id).copied()
    }

    pub(super) fn forget(&mut self, tab: Tab) {
        self.0.remove(&tab);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Learns a whole id column; the first of two equal ids counts.
    fn learn(&mut self, tab: Tab, column: &[Vec<String>]) {
        let mut lines = HashMap::new();
        for (cells, line) in column.iter().zip(0_u32..).skip(1) {
            if let Some(id) = cells.first().filter(|id| !id.is_empty()) {
                lines.entry(id.clone()).or_insert(line);
            }
        }
        self.0.insert(tab, lines);
    }
}

/// Locates `rows`; reads the headers of their tabs into `places` on the way.
pub(super) async fn locate(
    sheets: &Client,
    places: &mut BTreeMap<Tab, Place>,
    known: &mut Lines,
    rows: Vec<RowDoc>,
) -> Result<Located, Trouble> {
    let mut located = Located::default();
    let tabs = check_headers_and_hints(sheets, places, known, &rows, &mut located).await?;
    learn_columns(sheets, places, known, &rows, &tabs).await?;
    for doc in rows {
        if !tabs.contains(&doc.tab) {
            continue;
        }
        match (doc.landed, known.get(&doc.key())) {
            (false, _) => located.placed.push(Placed { doc, line: None }),
            (true, Some(line)) => located.placed.push(Placed { doc, line: Some(line) }),
            (true, None) => located.vanished.push(doc.key()),
        }
    }
    Ok(located)
}

/// One read: the header of each tab, the id cell of each remembered line, and the id column of each tab that has a
/// written row without one. Wrong hints are forgotten. Answers the tabs that can be written.
async fn check_headers_and_hints(
    sheets: &Client,
    places: &mut BTreeMap<Tab, Place>,
    known: &mut Lines,
    rows: &[RowDoc],
    located: &mut Located,
) -> Result<Vec<Tab>, Trouble> {
    let wanted: BTreeSet<Tab> = rows.iter().map(|doc| doc.tab).collect();
    let (tabs, gone): (Vec<Tab>, Vec<Tab>) = wanted.into_iter().partition(|tab| places.contains_key(tab));
    located.blocked.extend(gone.into_iter().map(|tab| (tab, Trouble::TabGone(tab))));
    if tabs.is_empty() {
        return Ok(tabs);
    }
    let hints = hints(known, rows, places);
    let unknown = tabs_to_learn(known, rows, &tabs);
    let ranges: Vec<GridRange> = tabs
        .iter()
        .map(|tab| header_range(places[tab].sheet_id))
        .chain(hints.iter().map(|(key, line)| places[&key.tab].id_range(*line)))
        .chain(unknown.iter().map(|tab| places[tab].id_column_range()))
        .collect();
    let found = read(sheets, &ranges).await?;
    let (headers, found) = found.split_at(tabs.len());
    let (cells, id_columns) = found.split_at(hints.len());

    let mut moved = BTreeSet::new();
    let mut writable = Vec::new();
    for (tab, header) in tabs.into_iter().zip(headers) {
        match find_columns(tab, header.first().map_or(&[], Vec::as_slice)) {
            Ok(columns) => {
                let place = places.get_mut(&tab).expect("the tab was taken from the places");
                if place.columns != columns {
                    known.forget(tab);
                    moved.insert(tab);
                    place.columns = columns;
                }
                match place.locked_columns() {
                    locked if locked.is_empty() => writable.push(tab),
                    locked => {
                        let columns = locked.join(", ");
                        located.blocked.push((tab, Trouble::Protected { tab, columns }));
                    }
                }
            }
            Err(trouble) => located.blocked.push((tab, trouble)),
        }
    }
    for ((key, _), cell) in hints.iter().zip(cells) {
        if cell.first().and_then(|line| line.first()) != Some(&key.id) {
            known.forget(key.tab);
        }
    }
    for (tab, column) in unknown.into_iter().zip(id_columns) {
        if writable.contains(&tab) && !moved.contains(&tab) {
            known.learn(tab, column);
        }
    }
    Ok(writable)
}

/// The remembered lines of `rows`.
fn hints(known: &mut Lines, rows: &[RowDoc], places: &BTreeMap<Tab, Place>) -> Vec<(RowKey, u32)> {
    let written = rows.iter().filter(|doc| doc.landed && places.contains_key(&doc.tab));
    let hints: Vec<(RowKey, u32)> =
        written.filter_map(|doc| Some((doc.key(), known.get(&doc.key())?))).collect();
    if hints.len() > MAX_HINTS {
        hints.iter().for_each(|(key, _)| known.forget(key.tab));
        return Vec::new();
    }
    hints
}

/// The tabs in which a written row has no remembered line.
fn tabs_to_learn(known: &Lines, rows: &[RowDoc], tabs: &[Tab]) -> Vec<Tab> {
    let unknown =
        |tab: &&Tab| rows.iter().any(|doc| doc.tab == **tab && doc.landed && known.get(&doc.key()).is_none());
    tabs.iter().filter(unknown).copied().collect()
}

/// Reads the id columns of the tabs in which hints were wrong or columns have moved. A row that is not found in the
/// column that was read with the header counts as deleted only if a second look does not find it either: somebody may
/// have been moving columns at that very moment.
async fn learn_columns(
    sheets: &Client,
    places: &BTreeMap<Tab, Place>,
    known: &mut Lines,
    rows: &[RowDoc],
    tabs: &[Tab],
) -> Result<(), Trouble> {
    let unknown = tabs_to_learn(known, rows, tabs);
    if unknown.is_empty() {
        return Ok(());
    }
    let ranges: Vec<GridRange> = unknown.iter().map(|tab| places[tab].id_column_range()).collect();
    for (tab, column) in unknown.into_iter().zip(read(sheets, &ranges).await?) {
        // Somebody moved the column since its header was read; without this, every row would count as deleted.
        if column.first().and_then(|line| line.first()).is_none_or(|title| title.trim() != "id") {
            return Err(Trouble::ReadRefused);
        }
        known.learn(tab, &column);
    }
    Ok(())
}

/// The lines of each range, as they are stored.
pub(super) async fn read(sheets: &Client, ranges: &[GridRange]) -> Result<Vec<Vec<Vec<String>>>, Trouble> {
    read_as(sheets, ranges, Render::Stored).await
}

/// The lines of each range, as people see them.
pub(super) async fn read_shown(
    sheets: &Client,
    ranges: &[GridRange],
) -> Result<Vec<Vec<Vec<String>>>, Trouble> {
    read_as(sheets, ranges, Render::Shown).await
}

async fn read_as(
    sheets: &Client,
    ranges: &[GridRange],
    render: Render,
) -> Result<Vec<Vec<Vec<String>>>, Trouble> {
    let found = read_values(sheets, ranges, render).await?;
    let lines = |range: Vec<Vec<Value>>| range.iter().map(|line| line.iter().map(text).collect()).collect();
    Ok(found.into_iter().map(lines).collect())
}

/// The lines of each range, cell by cell.
pub(super) async fn read_values(
    sheets: &Client,
    ranges: &[GridRange],
    render: Render,
) -> Result<Vec<Vec<Vec<Value>>>, Trouble> {
    if ranges.is_empty() {
        // Google refuses to read none.
        return Ok(Vec::new());
    }
    match sheets.values(ranges, render).await {
        Reply::Done(body) => {
            let found = values(&body);
            if found.len() == ranges.len() { Ok(found) } else { Err(Trouble::ReadRefused) }
        }
        Reply::RateLimited(hint) => Err(Trouble::Quota(hint)),
        Reply::Refused(_) | Reply::Absent => Err(Trouble::ReadRefused),
        Reply::Unclear(trouble) => Err(trouble.into()),
    }
}
