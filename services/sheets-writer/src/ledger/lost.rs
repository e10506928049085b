//! Lines that lost their id: somebody wrote over it.
//!
//! This is the one place where an id is written into a line that stands. The invariant: a line is given a row's id only
//! if its other cells say it beyond doubt, the id stands nowhere else, and both were read anew just before; and should
//! the line have moved in between, its cells say so again and it is undone the same way.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use domain::Tab;
use jiff::tz::TimeZone;
use serde_json::Value;
use store::{Attempts, Work};

use super::{
    cells,
    layout::{header_range, lines_range, text},
    line::{Line, candidates, owned, time_column},
    locate, mends,
    protocol::{Carried, Carries},
    trouble::Trouble,
    writer::Writer,
};
use crate::{
    rows::{ROWS, RowDoc, RowKey, mend::Fate},
    sheets::{
        Render,
        body::{CellData, ExtendedValue, GridCoordinate, Request, RowData},
    },
};

/// Most rows that are looked for at once; a person who deletes more means it.
const MOST_LOST: usize = 20;
/// Most lines that are looked at for one row.
const MOST_LINES: usize = 20;

/// What was found of rows whose id nobody finds any more.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Those whose line stands.
    pub(super) rows: HashSet<RowKey>,
    /// Some of them are given their id back.
    pub(super) are_given: bool,
}

/// The column that tells most of a row: its time, else the last one that says something.
fn telling(doc: &RowDoc, zone: &TimeZone) -> Option<&'static str> {
    let says = |column: &&str| {
        !doc.changed.contains_key(*column) && !cells::shows(doc.cell(column), zone, &Value::Null)
    };
    Some(time_column(doc.tab)).filter(says).or_else(|| owned(doc.tab).filter(says).last())
}

impl Writer<'_> {
    /// The ids that stand in a tab.
    pub(super) async fn standing_ids(&mut self, tab: Tab) -> Result<HashSet<String>, Trouble> {
        let Some(place) = self.places.as_ref().and_then(|places| places.get(&tab)) else {
            return Err(Trouble::TabGone(tab));
        };
        let column = locate::read(&self.ledger.sheets, &[place.id_column_range()]).await?;
        self.pace.note_reads(1);
        let mut ids = column.into_iter().flatten().map(|line| line.into_iter().next().unwrap_or_default());
        // Somebody moved the column since its header was read.
        if ids.next().is_none_or(|title| title.trim() != "id") {
            return Err(Trouble::ReadRefused);
        }
        Ok(ids.filter(|id| !id.is_empty()).collect())
    }

    /// Of rows whose id nobody finds any more, finds those whose line stands without it, and gives them their id back
    /// unless it was lost too often.
    pub(super) async fn look_for(&mut self, lost: &[RowKey]) -> Result<Found, Trouble> {
        let mut found = Found::default();
        if lost.len() > MOST_LOST {
            return Ok(found);
        }
        let mut tabs: BTreeMap<Tab, Vec<&RowKey>> = BTreeMap::new();
        for key in lost {
            tabs.entry(key.tab).or_default().push(key);
        }
        for (tab, keys) in tabs {
            let mut suspects: Vec<(Line, Vec<RowDoc>)> = Vec::new();
            for line in self.lines_like(tab, &keys).await? {
                let meant = candidates(&*self.ledger.store, tab, &line, &self.ledger.zone).await?;
                suspects.push((line, meant));
            }
            if suspects.is_empty() {
                continue;
            }
            let standing = self.standing_ids(tab).await?;
            let given = super::line::identify(&suspects, |id| standing.contains(id));
            found.rows.extend(given.iter().map(|(_, doc)| doc.key()));
            let given = self.note_given(given).await?;
            if !given.is_empty() {
                // One batch at a time; the others are looked for when it is through.
                found.are_given = true;
                self.send_ids(tab, given).await?;
                return Ok(found);
            }
        }
        Ok(found)
    }

    /// Lines that show what one of the rows shows in the column that tells most of it; two reads.
    async fn lines_like(&mut self, tab: Tab, keys: &[&RowKey]) -> Result<Vec<Line>, Trouble> {
        let Some(place) = self.places.as_ref().and_then(|places| places.get(&tab)) else {
            return Ok(Vec::new());
        };
        let (store, zone) = (&*self.ledger.store, &self.ledger.zone);
        let mut asked: BTreeMap<&str, Vec<RowDoc>> = BTreeMap::new();
        for doc in super::line::rows_of(store, tab, keys.iter().map(|key| &key.id)).await?.into_values() {
            if let Some(column) = telling(&doc, zone) {
                asked.entry(column).or_default().push(doc);
            }
        }
        let ranges: Vec<_> = asked.keys().map(|column| place.column_range(place.columns[*column])).collect();
        let found = locate::read_values(&self.ledger.sheets, &ranges, Render::Stored).await?;
        let mut numbers: BTreeSet<u32> = BTreeSet::new();
        for ((column, docs), lines) in asked.into_iter().zip(found) {
            for doc in docs {
                let is_like = |values: &Vec<Value>| {
                    cells::shows(doc.cell(column), zone, values.first().unwrap_or(&Value::Null))
                };
                let like = lines.iter().zip(0_u32..).skip(1).filter(|(values, _)| is_like(values));
                let like: Vec<u32> = like.map(|(_, number)| number).take(MOST_LINES + 1).collect();
                if like.len() <= MOST_LINES {
                    numbers.extend(like);
                }
            }
        }
        self.pace.note_reads(2);
        self.read_numbers(tab, &numbers.into_iter().collect::<Vec<_>>()).await
    }

    /// The lines of these numbers, with the header read beside them; none if the columns have moved.
    async fn read_numbers(&self, tab: Tab, numbers: &[u32]) -> Result<Vec<Line>, Trouble> {
        let Some(place) = self.places.as_ref().and_then(|places| places.get(&tab)) else {
            return Ok(Vec::new());
        };
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let lines = numbers.iter().map(|number| lines_range(place.sheet_id, *number..number + 1));
        let ranges: Vec<_> = [header_range(place.sheet_id)].into_iter().chain(lines).collect();
        let mut found = locate::read_values(&self.ledger.sheets, &ranges, Render::Stored).await?.into_iter();
        let header: Vec<String> =
            found.next().into_iter().flatten().flatten().map(|value| text(&value)).collect();
        let stands = |(column, index): (&String, &u32)| {
            header.get(*index as usize).is_some_and(|title| title.trim() == column)
        };
        if !place.columns.iter().all(stands) {
            return Ok(Vec::new());
        }
        let line = |(number, values): (&u32, Vec<Vec<Value>>)| {
            Line::read(tab, *number, &place.columns, values.first().map_or(&[], Vec::as_slice))
        };
        Ok(numbers.iter().zip(found).map(line).collect())
    }

    /// Commits that these rows' lines were found again; answers those whose ids are to be written.
    pub(super) async fn note_given(
        &mut self,
        given: Vec<(Line, RowDoc)>,
    ) -> Result<Vec<(Line, RowDoc)>, Trouble> {
        if given.is_empty() {
            return Ok(given);
        }
        let now = (self.ledger.clock)();
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.ledger.store);
            let (mut done, mut restored) = (Vec::new(), Vec::new());
            for (line, found) in &given {
                let key = found.key();
                let Some(mut doc) = work.get(&ROWS, &key.doc_id()).await? else { continue };
                if doc.adopted {
                    // Nobody took its id: it never had one.
                    if doc.revive() {
                        work.put(&ROWS, &key.doc_id(), &doc);
                    }
                    restored.push((line.clone(), doc));
                    continue;
                }
                let fates = doc.find_again(now);
                done.extend(mends::told(&doc, &fates, now));
                work.put(&ROWS, &key.doc_id(), &doc);
                if fates.iter().any(|(_, fate)| *fate == Fate::Restored) {
                    restored.push((line.clone(), doc));
                }
            }
            mends::report(&mut work, &done).await?;
            if !work.is_empty() {
                // Whoever was stopped for long would take another one's lines for lost.
                self.prove(&mut work).await?;
            }
            if attempts.commit(work).await? {
                mends::announce(&done);
                return Ok(restored);
            }
        }
    }

    /// Writes ids into lines that still show what they showed, in one numbered batch.
    pub(super) async fn send_ids(&mut self, tab: Tab, given: Vec<(Line, RowDoc)>) -> Result<(), Trouble> {
        if given.is_empty() {
            return Ok(());
        }
        if let Some(rest) = self.pace.rest(self.now()) {
            self.ledger.timer.sleep(rest).await;
        }
        let numbers: Vec<u32> = given.iter().map(|(line, _)| line.number).collect();
        let still = self.read_numbers(tab, &numbers).await?;
        self.pace.note_reads(1);
        let given: Vec<_> = given.into_iter().filter(|(line, _)| still.contains(line)).collect();
        let Some(place) =
            self.places.as_ref().and_then(|places| places.get(&tab)).filter(|_| !given.is_empty())
        else {
            return Ok(());
        };
        let column_index = place.id_column();
        let mut watched = vec![place.header_line()];
        let (mut rows, mut requests) = (Vec::new(), Vec::new());
        for (line, doc) in given {
            watched.push(place.id_cell(line.number));
            let value = CellData {
                user_entered_value: Some(ExtendedValue::Text(doc.id.clone())),
                user_entered_format: None,
            };
            requests.push(Request::UpdateCells {
                start: GridCoordinate { sheet_id: place.sheet_id, row_index: line.number, column_index },
                rows: vec![RowData { values: vec![value] }],
                fields: "userEnteredValue",
            });
            rows.push(Carried {
                key: doc.key(),
                version: doc.version,
                line: Some(line.number),
                columns: vec!["id".to_owned()],
            });
        }
        let columns = [(tab, place.columns.clone())].into();
        self.lines.forget(tab);
        self.send(Carries::Rows { rows, columns }, requests, watched).await
    }
}
