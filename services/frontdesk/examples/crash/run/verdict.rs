//! What must be true after all kills.
//!
//! The invariant: each rule is judged by itself, so that one fault is told by every rule that it breaks.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use sandbox::Applied;

use super::{
    books::{Books, Line},
    lives::{Life, tally},
};

/// Less than this share acknowledged proves nothing.
const LEAST_PERCENT: usize = 90;
/// Differences that are told of each kind; one fault may make thousands.
const TOLD: usize = 12;

/// All that decides.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    /// What the killed ones' spreadsheet shows.
    pub(super) books: Books,
    /// What it should show.
    pub(super) reference: Books,
    /// Events that were sent.
    pub(super) sent: usize,
    /// Ids of events that were acknowledged.
    pub(super) acknowledged: BTreeSet<String>,
    /// Batches that the spreadsheet took.
    pub(super) applied: Vec<Applied>,
    pub(super) lives: Vec<Life>,
}

// === impl Evidence ===

impl Evidence {
    /// All that is wrong.
    pub(super) fn judge(&self) -> Vec<String> {
        let rules =
            [self.lost(), self.doubled(), self.written_twice(), self.different(), self.vain(), self.idle()];
        rules.into_iter().flat_map(shortened).collect()
    }

    /// Acknowledged events without a row.
    fn lost(&self) -> Vec<String> {
        let rows = self.books.tabs.get("chat_events");
        let is_lost = |id: &&String| rows.is_none_or(|rows| !rows.contains_key(*id));
        self.acknowledged
            .iter()
            .filter(is_lost)
            .map(|id| format!("{id} was acknowledged and has no row"))
            .collect()
    }

    /// Rows that stand twice.
    fn doubled(&self) -> Vec<String> {
        let mut times = BTreeMap::<_, usize>::new();
        self.books.ids.iter().for_each(|id| *times.entry(id).or_default() += 1);
        let ids = times.into_iter().filter(|(_, times)| *times > 1);
        let ids = ids.map(|((tab, id), times)| format!("{tab}: {id} stands {times} times"));
        let all = self
            .books
            .tabs
            .iter()
            .flat_map(|(tab, rows)| rows.iter().map(move |(name, lines)| (tab, name, lines.len())));
        let names = all.filter(|(.., lines)| *lines > 1);
        ids.chain(names.map(|(tab, name, lines)| format!("{tab}: {lines} rows are about {name}"))).collect()
    }

    /// Rows that were appended twice: nobody deletes any here, so one would have to stand twice.
    fn written_twice(&self) -> Vec<String> {
        let mut times = BTreeMap::<_, usize>::new();
        self.applied
            .iter()
            .flat_map(|batch| &batch.appended)
            .for_each(|row| *times.entry(row).or_default() += 1);
        let twice = times.into_iter().filter(|((_, id), times)| *times > 1 && id != "id");
        twice.map(|((tab, id), times)| format!("{tab}: {id} was appended {times} times")).collect()
    }

    /// What is not as in the reference.
    fn different(&self) -> Vec<String> {
        let (ours, theirs) = (&self.books.tabs, &self.reference.tabs);
        let tabs: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        let none = BTreeMap::new();
        let mut wrong = Vec::new();
        for tab in tabs {
            let (ours, theirs) = (ours.get(tab).unwrap_or(&none), theirs.get(tab).unwrap_or(&none));
            for name in ours.keys().chain(theirs.keys()).collect::<BTreeSet<_>>() {
                let line = |rows: &BTreeMap<String, Vec<Line>>| {
                    rows.get(name).and_then(|lines| lines.first()).cloned()
                };
                match (line(ours), line(theirs)) {
                    (Some(our), Some(their)) if our != their => {
                        wrong.push(format!("{tab}: {name} differs: {}", columns(&our, &their)));
                    }
                    (None, Some(_)) => wrong.push(format!("{tab}: {name} is missing")),
                    (Some(_), None) => wrong.push(format!("{tab}: {name} is too much")),
                    _ => {}
                }
            }
        }
        wrong
    }

    /// A proof in which next to nothing was taken is none.
    fn vain(&self) -> Vec<String> {
        let (sent, taken) = (self.sent, self.acknowledged.len());
        let is_vain = sent == 0 || taken * 100 < sent * LEAST_PERCENT;
        is_vain.then(|| format!("only {taken} of {sent} events were acknowledged")).into_iter().collect()
    }

    /// Lives that wrote nothing, and deaths that were not as planned.
    fn idle(&self) -> Vec<String> {
        self.lives.iter().filter_map(Life::fault).collect()
    }

    /// The run in figures.
    pub(super) fn figures(&self, took: Duration) -> String {
        format!(
            "killed    {} in {} s\nacknowledged {} of {} events; {} rows, {} in the reference",
            tally(&self.lives),
            took.as_secs(),
            self.acknowledged.len(),
            self.sent,
            self.books.len(),
            self.reference.len(),
        )
    }
}

fn columns(our: &Line, their: &Line) -> String {
    let differ = their.iter().filter(|(column, cell)| our.get(*column) != Some(cell));
    let told = differ.map(|(column, cell)| {
        let is = our.get(column).map_or_else(|| "absent".to_owned(), ToString::to_string);
        format!("{column} is {is} and should be {cell}")
    });
    told.collect::<Vec<_>>().join(", ")
}

fn shortened(mut wrong: Vec<String>) -> Vec<String> {
    let more = wrong.len().saturating_sub(TOLD);
    wrong.truncate(TOLD);
    wrong.extend((more > 0).then(|| format!("… and {more} more of this kind")));
    wrong
}
