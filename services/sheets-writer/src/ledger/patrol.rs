//! Walking along the lines of the spreadsheet: what somebody did to cells of ours is undone.
//!
//! Some lines of each tab are read at a time, on the heels of the sweep of people's columns. A cell that shows
//! something else than it should is written again by the row's next batch; a line that lost its id is given it back
//! (see [`super::lost`]). The invariant: it looks only while no batch's outcome is open, and what it finds is
//! held against the store once more in the commit that acts on it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use domain::Tab;
use store::{Attempts, Work};
use tokio::time::Instant;

use super::{
    layout::{Place, find_columns, header_range, lines_range},
    line::{AT_ONCE, Line, candidates, identify, rows_of, unlike},
    locate, mends,
    trouble::Trouble,
    writer::Writer,
};
use crate::rows::{ROWS, RowDoc, RowKey, State};

/// How often lines are read by themselves; one read.
const EVERY: Duration = Duration::from_secs(60);
/// Lines of each tab in one read, and the fewest that are tried where an answer is too long.
const LINES: u32 = 1_000;
const FEWEST: u32 = 25;
/// Most reads in one go when somebody asked.
const MOST_READS: usize = 10;
/// More lines that are nobody's than this are not remembered.
const MOST_STRANGERS: usize = 100_000;
/// Most lines whose row must be searched for in one go: rows are not to wait for thousands that somebody pasted.
const MOST_SUSPECTS: usize = 50;
/// How soon a look goes on that was broken off.
const SOON: Duration = Duration::from_secs(2);

/// How far it has come; lost, it begins again.
#[derive(Debug)]
pub(super) struct Patrol {
    last: Option<Instant>,
    /// All lines are to be looked at now.
    pub(super) asked: bool,
    /// The next line of each tab.
    next: BTreeMap<Tab, u32>,
    lines: u32,
    /// The last look was broken off.
    is_broken_off: bool,
    /// So many lines may still be searched for in this go.
    suspects: usize,
    /// Where each id was seen first on this way through its tab.
    taken: HashMap<Tab, HashMap<String, u32>>,
    /// What the lines of rows showed when they were as they should be, so that nobody has to look them up.
    sound: HashMap<RowKey, u64>,
    /// Lines that are nobody's, by what they show.
    strangers: HashSet<(Tab, u64)>,
}

/// A line and the row whose id stands in it, if there is one.
type Found = (Line, Option<RowDoc>);

// === impl Patrol ===

impl Default for Patrol {
    fn default() -> Self {
        Self {
            last: None,
            asked: false,
            next: BTreeMap::new(),
            lines: LINES,
            is_broken_off: false,
            suspects: 0,
            taken: HashMap::new(),
            sound: HashMap::new(),
            strangers: HashSet::new(),
        }
    }
}

impl Patrol {
    fn is_due(&self, now: Instant) -> bool {
        let is_broken_off = self.goes_on(now).is_some_and(|rest| rest.is_zero());
        self.asked || is_broken_off || self.last.is_none_or(|last| now.duration_since(last) >= EVERY)
    }

    /// How long it is until a look goes on that was broken off.
    pub(super) fn goes_on(&self, now: Instant) -> Option<Duration> {
        let last = self.last.filter(|_| self.is_broken_off)?;
        Some((last + SOON).duration_since(now))
    }

    /// A line was written to: what it showed before tells nothing any more.
    pub(super) fn forget_line(&mut self, key: &RowKey) {
        self.sound.remove(key);
    }

    /// Somebody wants everything looked at.
    pub(super) fn ask(&mut self) {
        self.asked = true;
        self.next.clear();
        self.strangers.clear();
    }

    /// The next lines of each tab.
    fn windows(&self, places: &BTreeMap<Tab, Place>) -> Vec<(Tab, std::ops::Range<u32>)> {
        let window = |(tab, place): (&Tab, &Place)| {
            let from = self.next.get(tab).copied().unwrap_or(1);
            let from = if from < place.height { from } else { 1 };
            let to = from.saturating_add(self.lines).min(place.height);
            (from < to).then_some((*tab, from..to))
        };
        places.iter().filter_map(window).collect()
    }
}

impl Writer<'_> {
    /// Looks at the next lines of all tabs, if it is time; nothing may be open.
    pub(super) async fn patrol(&mut self) -> Result<(), Trouble> {
        if !self.patrol.is_due(self.now()) {
            return Ok(());
        }
        self.patrol.last = Some(self.now());
        (self.patrol.is_broken_off, self.patrol.suspects) = (false, MOST_SUSPECTS);
        let reads = if std::mem::take(&mut self.patrol.asked) { MOST_READS } else { 1 };
        for _ in 0..reads {
            let Some(places) = &self.places else { return Ok(()) };
            let windows = self.patrol.windows(places);
            if windows.is_empty() {
                return Ok(());
            }
            let Some(found) = self.read_lines(&windows).await? else { return Ok(()) };
            let mut is_through = true;
            for ((tab, window), lines) in windows.into_iter().zip(found) {
                let is_last = self.is_last(tab, window.end);
                self.patrol.next.insert(tab, if is_last { 1 } else { window.end });
                is_through &= is_last;
                if window.start <= 1 {
                    self.patrol.taken.remove(&tab);
                }
                if let Some(left) = self.inspect(tab, lines).await? {
                    self.patrol.next.insert(tab, left);
                }
                if self.must_break_off() {
                    self.patrol.is_broken_off = true;
                    self.patrol.asked |= reads > 1;
                    return Ok(());
                }
            }
            if is_through {
                return Ok(());
            }
        }
        Ok(())
    }

    /// A batch went out, and what it did is recorded before anything else is read; or rows have waited long enough.
    fn must_break_off(&self) -> bool {
        let is_sent = self.machine.is_unsettled() || self.machine.closing().is_some();
        is_sent || self.places.is_none() || self.patrol.suspects == 0
    }

    fn is_last(&self, tab: Tab, end: u32) -> bool {
        self.places.as_ref().and_then(|places| places.get(&tab)).is_none_or(|place| end >= place.height)
    }

    /// The lines of each window; none where they cannot be read now. That is no reason to stop writing.
    async fn read_lines(
        &mut self,
        windows: &[(Tab, std::ops::Range<u32>)],
    ) -> Result<Option<Vec<Vec<Line>>>, Trouble> {
        let Some(places) = &mut self.places else { return Ok(None) };
        let headers = windows.iter().map(|(tab, _)| header_range(places[tab].sheet_id));
        let bodies = windows.iter().map(|(tab, lines)| lines_range(places[tab].sheet_id, lines.clone()));
        let ranges: Vec<_> = headers.chain(bodies).collect();
        let found =
            match locate::read_values(&self.ledger.sheets, &ranges, crate::sheets::Render::Stored).await {
                Ok(found) => found,
                Err(trouble @ Trouble::Quota(_)) => return Err(trouble),
                Err(trouble) => {
                    tracing::debug!(error = %trouble, "lines could not be looked at");
                    self.patrol.lines = (self.patrol.lines / 2).max(FEWEST);
                    // A grid that has shrunk refuses lines that are gone.
                    self.patrol.next.clear();
                    self.places = None;
                    return Ok(None);
                }
            };
        self.patrol.lines = (self.patrol.lines * 2).min(LINES);
        let (headers, bodies) = found.split_at(windows.len());
        let mut all = Vec::new();
        for (((tab, window), header), body) in windows.iter().zip(headers).zip(bodies) {
            let header: Vec<String> = header.first().into_iter().flatten().map(super::layout::text).collect();
            let place = places.get_mut(tab).expect("windows are of tabs that have a place");
            let Ok(columns) = find_columns(*tab, &header) else {
                all.push(Vec::new());
                continue;
            };
            if place.columns != columns {
                self.lines.forget(*tab);
                place.columns.clone_from(&columns);
            }
            let lines = (window.start..).zip(body);
            all.push(lines.map(|(number, values)| Line::read(*tab, number, &columns, values)).collect());
        }
        Ok(Some(all))
    }

    /// Holds lines of a tab against the store; answers the first one that is left for another go.
    async fn inspect(&mut self, tab: Tab, lines: Vec<Line>) -> Result<Option<u32>, Trouble> {
        let taken = self.patrol.taken.entry(tab).or_default();
        let is_new = |line: &Line| {
            let key = RowKey { tab, id: line.id.clone() };
            // The first of two equal ids counts, here as everywhere.
            let counts =
                line.id.is_empty() || *taken.entry(line.id.clone()).or_insert(line.number) == line.number;
            counts
                && !line.is_blank()
                && self.patrol.sound.get(&key) != Some(&line.fingerprint(tab))
                && !self.patrol.strangers.contains(&(tab, line.fingerprint(tab)))
        };
        let lines: Vec<Line> = lines.into_iter().filter(is_new).collect();
        for lines in lines.chunks(AT_ONCE) {
            if self.must_break_off() {
                return Ok(lines.first().map(|line| line.number));
            }
            let left = self.compare_lines(tab, lines).await?;
            if left.is_some() {
                return Ok(left);
            }
        }
        Ok(None)
    }

    async fn compare_lines(&mut self, tab: Tab, lines: &[Line]) -> Result<Option<u32>, Trouble> {
        let (store, zone) = (&*self.ledger.store, &self.ledger.zone);
        let ids = lines.iter().map(|line| &line.id).filter(|id| !id.is_empty());
        let mut docs = rows_of(store, tab, ids).await?;
        let found: Vec<Found> = lines.iter().map(|line| (line.clone(), docs.remove(&line.id))).collect();
        let pairs: Vec<(&Line, &RowDoc)> =
            found.iter().filter_map(|(line, doc)| Some((line, doc.as_ref()?))).collect();
        let mut wrong = unlike(store, zone, &pairs).await?.into_iter();
        let (mut suspects, mut changed) = (Vec::new(), Vec::new());
        let mut left = None;
        for (line, doc) in &found {
            if suspects.len() >= self.patrol.suspects {
                left = Some(line.number);
                break;
            }
            let Some(doc) = doc else {
                suspects.push((line.clone(), None));
                continue;
            };
            let columns = wrong.next().unwrap_or_default();
            match columns.len() {
                0 => self.note_sound(doc, line),
                1 => changed.push((doc.key(), line.clone())),
                // Many cells at once: another row's id may stand in this line.
                _ => suspects.push((line.clone(), Some(doc.clone()))),
            }
        }
        self.patrol.suspects = self.patrol.suspects.saturating_sub(suspects.len());
        changed.extend(self.give_back(tab, suspects).await?);
        self.mend(tab, &changed).await?;
        Ok(left)
    }

    fn note_sound(&mut self, doc: &RowDoc, line: &Line) {
        let moves = !doc.landed || !doc.changed.is_empty() || doc.state == State::Deleted;
        if !moves {
            self.patrol.sound.insert(doc.key(), line.fingerprint(doc.tab));
        }
    }

    /// Gives lines their ids back that lost them; answers the rows whose cells were changed after all.
    async fn give_back(&mut self, tab: Tab, suspects: Vec<Found>) -> Result<Vec<(RowKey, Line)>, Trouble> {
        if suspects.is_empty() {
            return Ok(Vec::new());
        }
        let (store, zone) = (&*self.ledger.store, &self.ledger.zone);
        let mut lines = Vec::new();
        for (line, doc) in &suspects {
            let mut meant = candidates(store, tab, line, zone).await?;
            meant.retain(|other| doc.as_ref().is_none_or(|doc| doc.id != other.id));
            lines.push((line.clone(), meant));
        }
        let is_nobodys = |(_, meant): &(Line, Vec<RowDoc>)| meant.is_empty();
        let found = if lines.iter().all(is_nobodys) { Vec::new() } else { self.give_ids(tab, lines).await? };
        let mut changed = Vec::new();
        for (line, doc) in suspects {
            match doc {
                _ if found.contains(&line.number) => {}
                Some(doc) => changed.push((doc.key(), line)),
                None if self.patrol.strangers.len() < MOST_STRANGERS => {
                    self.patrol.strangers.insert((tab, line.fingerprint(tab)));
                }
                None => {}
            }
        }
        Ok(changed)
    }

    /// Writes the ids of rows into the lines that are beyond doubt theirs; answers those lines.
    async fn give_ids(&mut self, tab: Tab, lines: Vec<(Line, Vec<RowDoc>)>) -> Result<Vec<u32>, Trouble> {
        let standing = self.standing_ids(tab).await?;
        let given = identify(&lines, |id| standing.contains(id));
        let given = self.note_given(given).await?;
        let numbers = given.iter().map(|(line, _)| line.number).collect();
        self.send_ids(tab, given).await?;
        Ok(numbers)
    }

    /// Writes changed cells again, as far as the store still says so.
    async fn mend(&mut self, tab: Tab, changed: &[(RowKey, Line)]) -> Result<(), Trouble> {
        if changed.is_empty() {
            return Ok(());
        }
        let (store, zone, now) = (&*self.ledger.store, &self.ledger.zone, (self.ledger.clock)());
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(store);
            work.prefetch(changed.iter().map(|(key, _)| ROWS.key(key.doc_id())).collect()).await?;
            let mut docs = Vec::new();
            for (key, line) in changed {
                let doc = work.get(&ROWS, &key.doc_id()).await?;
                docs.extend(
                    doc.filter(|doc| doc.state == State::Written || doc.state == State::Pending)
                        .map(|doc| (line, doc)),
                );
            }
            let mut shown: Vec<RowDoc> = docs.iter().map(|(_, doc)| doc.clone()).collect();
            crate::people::show_survivors(store, shown.iter_mut()).await?;
            let pairs: Vec<_> = docs.iter().zip(&shown).map(|((line, _), doc)| (*line, doc)).collect();
            let wrong = unlike(store, zone, &pairs).await?;
            let mut done = Vec::new();
            let mut acts = false;
            for ((_, mut doc), columns) in docs.into_iter().zip(wrong) {
                let fates = doc.mend(&columns, now);
                if !fates.is_empty() {
                    done.extend(mends::told(&doc, &fates, now));
                    work.put(&ROWS, &doc.key().doc_id(), &doc);
                    acts = true;
                }
            }
            mends::report(&mut work, &done).await?;
            if acts {
                // Whoever was stopped for long would undo what another one wrote.
                self.prove(&mut work).await?;
            }
            if !acts || attempts.commit(work).await? {
                mends::announce(&done);
                if acts {
                    tracing::debug!(%tab, cells = done.len(), "cells are restored");
                }
                return Ok(());
            }
        }
    }
}
