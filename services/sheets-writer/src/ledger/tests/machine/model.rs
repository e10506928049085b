//! The store and the spreadsheet, as far as the protocol knows them, and the promises they are held to.

use std::collections::{BTreeMap, BTreeSet};

use domain::Tab;
use jiff::{SignedDuration, Timestamp};

use super::network::{Answer, Request};
use crate::{
    ledger::protocol::{Carried, Carries, Head, Mark, Step, Told},
    rows::RowKey,
};

/// For how many batches metadata has to stay, and for how long that of a settled one.
const WINDOW: i32 = 512;
const SETTLED: SignedDuration = SignedDuration::from_hours(30 * 24);
/// So many settled ones at the least.
const MOST_SETTLED: usize = 256;
/// Entries of ours that Google's budget takes: 30,000 characters, 37 each.
const BUDGET: usize = 810;

/// A row in the store: it waits while its version is newer than the one that is known to have landed.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) version: u64,
    pub(super) shown: u64,
}

/// What happened, so that a test can tell that something did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) landed: u64,
    pub(super) voided: u64,
    /// Batches whose number was taken when they came.
    pub(super) refused: u64,
    pub(super) conflicts: u64,
    pub(super) takeovers: u64,
    pub(super) swept: u64,
    /// Settled batches that had landed.
    pub(super) found: u64,
}

/// The store and the spreadsheet.
pub(super) struct Model {
    pub(super) now: Timestamp,
    pub(super) head: Head,
    /// Counts every commit to the head.
    pub(super) version: u64,
    pub(super) rows: Vec<Row>,
    /// The version that each row's line shows.
    lines: Vec<Option<u64>>,
    marks: BTreeMap<i32, Mark>,
    /// What was ever decided, whether its mark still stands or not.
    decided: BTreeSet<i32>,
    /// The highest number that was open and is not any more.
    closed: i32,
    /// When somebody had to find out what became of a batch.
    settled: BTreeMap<i32, Timestamp>,
    pub(super) tally: Tally,
    /// The first promise that was broken.
    pub(super) broken: Option<String>,
}

pub(super) fn key(row: usize) -> RowKey {
    RowKey { tab: Tab::Leads, id: row.to_string() }
}

pub(super) fn row_of(carried: &Carried) -> usize {
    carried.key.id.parse().unwrap()
}

fn number_of(head: &Head) -> Option<i32> {
    head.open.as_ref().map(|open| open.number)
}

impl std::ops::Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            landed: self.landed + other.landed,
            voided: self.voided + other.voided,
            refused: self.refused + other.refused,
            conflicts: self.conflicts + other.conflicts,
            takeovers: self.takeovers + other.takeovers,
            swept: self.swept + other.swept,
            found: self.found + other.found,
        }
    }
}

// === impl Row ===

impl Row {
    pub(super) fn waits(&self) -> bool {
        self.version > self.shown
    }
}

// === impl Model ===

impl Model {
    /// A ledger that has numbered so many batches in twenty days; every so-manieth became a void.
    pub(super) fn after(batches: i32, lost_every: i32) -> Self {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let mut model = Self {
            now: start,
            head: Head::new("ldg_1".parse().unwrap(), "sheet".into()),
            version: 1,
            rows: Vec::new(),
            lines: Vec::new(),
            marks: BTreeMap::new(),
            decided: BTreeSet::new(),
            closed: 0,
            settled: BTreeMap::new(),
            tally: Tally::default(),
            broken: None,
        };
        model.write_on(batches, lost_every);
        model.tally = Tally::default();
        model
    }

    /// Twenty days in which nothing else happens.
    pub(super) fn write_on(&mut self, batches: i32, lost_every: i32) {
        let start = self.now;
        for batch in 1..=batches {
            self.now = start + SignedDuration::from_hours(i64::from(20 * 24 * batch / batches));
            let lost = lost_every > 0 && batch % lost_every == 0 && !self.head.must_sweep(self.now);
            let number = self.head.open(Carries::nothing(), false, self.now);
            let outdated = self.head.open.take().unwrap().outdated;
            self.closed = number;
            self.take_in(number, if lost { Mark::Void } else { Mark::Rows });
            if lost {
                self.head.note_settled(number, self.now);
                self.note_settled(number);
            } else {
                self.sweep(number, &outdated);
                self.head.forget(&outdated);
            }
        }
    }

    /// A promise.
    pub(super) fn hold(&mut self, holds: bool, broken: impl FnOnce() -> String) {
        if !holds && self.broken.is_none() {
            self.broken = Some(broken());
        }
    }

    /// A new row, or a new version of one, is acknowledged.
    pub(super) fn acknowledge(&mut self, row: usize) {
        if row >= self.rows.len() {
            self.rows.push(Row::default());
            self.lines.push(None);
        }
        let last = self.rows.len() - 1;
        self.rows[row.min(last)].version += 1;
    }

    /// A writer has found out what became of a batch.
    pub(super) fn note_settled(&mut self, number: i32) {
        self.settled.entry(number).or_insert(self.now);
    }

    /// Does what a request asks for; none if nobody could deliver it so late.
    pub(super) fn serve(&mut self, request: &Request) -> Option<Answer> {
        match request {
            Request::Commit(step, version) => Some(self.commit(step, *version)),
            Request::Lease(head, version) => {
                let done = self.version == *version;
                if done {
                    self.tally.takeovers += u64::from(head.lease.is_some());
                    self.head = Head::clone(head);
                    self.version += 1;
                }
                Some(Answer::Told(if done { Told::Done } else { Told::Refused }))
            }
            Request::Batch { number, mark, rows, outdated } => self.batch(*number, *mark, rows, outdated),
            Request::Read(number) => Some(Answer::Mark(self.marks.get(number).copied())),
        }
    }

    fn commit(&mut self, step: &Step, version: u64) -> Answer {
        if self.version != version {
            self.tally.conflicts += 1;
            return Answer::Told(Told::Refused);
        }
        let (before, after) = (number_of(&self.head), number_of(&step.next));
        if let Some(number) = before.filter(|_| before != after) {
            self.closed = self.closed.max(number);
        }
        if let Some(number) = after.filter(|_| before != after) {
            let closed = self.closed;
            self.hold(number > closed, || format!("batch {number} is opened after {closed} was closed"));
            let free = !self.decided.contains(&number);
            self.hold(free, || format!("batch {number} is opened, and its number was used"));
        }
        for carried in &step.closing.landed {
            let row = &mut self.rows[row_of(carried)];
            row.shown = row.shown.max(carried.version);
        }
        self.head = step.next.clone();
        self.version += 1;
        Answer::Told(Told::Done)
    }

    fn batch(&mut self, number: i32, mark: Mark, rows: &[Carried], outdated: &[i32]) -> Option<Answer> {
        if self.marks.contains_key(&number) {
            self.tally.refused += u64::from(mark == Mark::Rows);
            return Some(Answer::Told(Told::Refused));
        }
        if self.decided.contains(&number) {
            // Its mark has had its time; see `sweep`.
            return None;
        }
        self.take_in(number, mark);
        if mark == Mark::Void {
            self.tally.voided += 1;
            return Some(Answer::Told(Told::Done));
        }
        self.tally.landed += 1;
        let open = number_of(&self.head);
        self.hold(open == Some(number), || format!("batch {number} lands while {open:?} is open"));
        for carried in rows {
            self.write(number, carried);
        }
        self.sweep(number, outdated);
        Some(Answer::Told(Told::Done))
    }

    fn take_in(&mut self, number: i32, mark: Mark) {
        self.marks.insert(number, mark);
        self.decided.insert(number);
        let marks = self.marks.len();
        self.hold(marks < BUDGET, || format!("{marks} entries of metadata stand at batch {number}"));
    }

    fn write(&mut self, number: i32, carried: &Carried) {
        let (row, version) = (row_of(carried), carried.version);
        let shown = self.lines[row];
        match (carried.line, shown) {
            (None, _) => {
                self.hold(shown.is_none(), || format!("batch {number} adds row {row} a second time"))
            }
            (Some(_), None) => {
                self.hold(false, || format!("batch {number} changes row {row}, which has no line"))
            }
            (Some(_), Some(shown)) => {
                let newer = version > shown;
                self.hold(newer, || {
                    format!("batch {number} writes version {version} of row {row} over {shown}")
                });
            }
        }
        self.lines[row] = Some(version);
    }

    /// Metadata goes, and none before its time.
    fn sweep(&mut self, by: i32, outdated: &[i32]) {
        for number in outdated {
            self.hold(*number <= by - WINDOW, || format!("batch {by} deletes metadata {number}"));
            if let Some(at) = self.settled.get(number) {
                let age = self.now.duration_since(*at);
                let newer = self.settled.range(number + 1..).count();
                self.hold(age > SETTLED || newer >= MOST_SETTLED, || {
                    format!("batch {by} deletes metadata {number}, settled {age:#} ago")
                });
            }
            self.tally.swept += u64::from(self.marks.remove(number).is_some());
        }
    }

    /// In the end, every row stands in its last version and is known to.
    pub(super) fn check_end(&mut self) {
        for row in 0..self.rows.len() {
            let (version, shown) = (self.rows[row].version, self.rows[row].shown);
            let line = self.lines[row];
            self.hold(line == Some(version), || {
                format!("row {row} is in version {version}, its line shows {line:?}")
            });
            self.hold(shown == version, || {
                format!("row {row} of version {version} counts as shown in {shown}")
            });
        }
        let open = number_of(&self.head);
        self.hold(open.is_none(), || format!("batch {open:?} stays open"));
    }

    pub(super) fn is_written(&self) -> bool {
        self.head.open.is_none() && !self.rows.iter().any(Row::waits)
    }
}
