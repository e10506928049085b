//! Comparing the spreadsheet with the store, line by line and row by row.
//!
//! Lines are read some at a time and held against their rows; then the rows of the store are walked, for those that no
//! line had. While that goes on the ledger writes and people sort, so whatever looks wrong is looked at once more. The
//! invariant: nothing is called a fault that was seen once only; and what is kept in memory of a tab is a few bytes a
//! line and a bounded number of strange lines.

mod finding;
mod peoples;

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use domain::Tab;
use tokio::sync::mpsc;

pub(crate) use finding::{Finding, Found, Progress};

use super::{
    Ledger, cells,
    line::{Line, candidates, identify, rows_of, unlike},
    protocol::Columns,
    reader::Sheet,
    trouble::Trouble,
};
use crate::{
    error::Error,
    rows::{self, RowDoc, State},
    sheets::Render,
};

/// Lines of one read.
const LINES: u32 = 1_000;
/// Rows of one look into the store.
const ROWS: u32 = 500;
/// Most lines that are nobody's and rows that no line has, of which more is tried to be known.
const MOST_STRANGE: usize = 2_000;

/// Nobody listens any more.
#[derive(Debug)]
pub(crate) struct Unheard;

/// What is known of a tab so far.
struct Tally<'t> {
    sheet: Sheet,
    out: &'t mpsc::Sender<Result<Progress, Error>>,
    lines: u64,
    rows: u64,
    /// Lines by what their id hashes to.
    seen: HashMap<u64, u32>,
    /// Lines that are nobody's.
    strangers: Vec<Line>,
}

fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

// === impl Tally ===

impl Tally<'_> {
    async fn say(&self, found: Vec<Finding>) -> Result<(), Unheard> {
        let progress = Progress { tab: self.sheet.tab, lines: self.lines, rows: self.rows, found };
        self.out.send(Ok(progress)).await.map_err(|_| Unheard)
    }
}

// === impl Ledger ===

impl Ledger {
    /// Compares `tabs` and tells `out`, until it is done or nobody listens.
    pub(crate) async fn verify(&self, tabs: &[Tab], out: &mpsc::Sender<Result<Progress, Error>>) {
        for tab in tabs {
            match self.verify_tab(*tab, out).await {
                Ok(Ok(())) => {}
                Ok(Err(Unheard)) => return,
                Err(error) => {
                    let _ = out.send(Err(error)).await;
                    return;
                }
            }
        }
    }

    async fn verify_tab(
        &self,
        tab: Tab,
        out: &mpsc::Sender<Result<Progress, Error>>,
    ) -> Result<Result<(), Unheard>, Error> {
        let survey = self.survey().await?;
        let tell = async |trouble: &Trouble| {
            let found = vec![Finding { detail: trouble.to_string(), ..Finding::of(Found::Tab, "") }];
            out.send(Ok(Progress { tab, lines: 0, rows: 0, found })).await.map_err(|_| Unheard)
        };
        let sheet = match survey.sheet(tab) {
            Ok(sheet) => sheet,
            Err(trouble) => return Ok(tell(&trouble).await),
        };
        let mut tally = Tally { sheet, out, lines: 0, rows: 0, seen: HashMap::new(), strangers: Vec::new() };
        let columns = match self.walk_lines(&mut tally).await? {
            Ok(Ok(columns)) => columns,
            Ok(Err(trouble)) => return Ok(tell(&trouble).await),
            Err(unheard) => return Ok(Err(unheard)),
        };
        self.walk_rows(&mut tally, &columns).await
    }

    /// Holds every line against its row; answers where the columns are.
    async fn walk_lines(
        &self,
        tally: &mut Tally<'_>,
    ) -> Result<Result<Result<Columns, Trouble>, Unheard>, Error> {
        let (tab, height) = (tally.sheet.tab, tally.sheet.height.max(1));
        let mut from: u32 = 1;
        loop {
            let to = from.saturating_add(LINES).min(height);
            let read = self.read_lines(&tally.sheet, from..to, Render::Stored).await?;
            let columns = match read.columns(tab) {
                Ok(columns) => columns,
                Err(trouble) => return Ok(Ok(Err(trouble))),
            };
            let lines = read.ours(tab, &columns);
            let found = self.hold(tally, &columns, &lines, from..to).await?;
            if let Err(unheard) = tally.say(found).await {
                return Ok(Err(unheard));
            }
            if to >= height {
                return Ok(Ok(Ok(columns)));
            }
            from = to;
        }
    }

    async fn hold(
        &self,
        tally: &mut Tally<'_>,
        columns: &Columns,
        lines: &[Line],
        window: std::ops::Range<u32>,
    ) -> Result<Vec<Finding>, Error> {
        let tab = tally.sheet.tab;
        let (store, zone) = (&*self.store, &self.zone);
        let mut found = Vec::new();
        let lines: Vec<&Line> = lines.iter().filter(|line| !line.is_blank()).collect();
        let docs = rows_of(store, tab, lines.iter().map(|line| &line.id).filter(|id| !id.is_empty())).await?;
        let mut pairs: Vec<(&Line, &RowDoc)> = Vec::new();
        let mut twice = Vec::new();
        for line in lines {
            tally.lines += 1;
            match docs.get(&line.id) {
                Some(doc) => match tally.seen.insert(hash(&line.id), line.number) {
                    None => pairs.push((line, doc)),
                    Some(first) => twice.push((line, first)),
                },
                None if tally.strangers.len() < MOST_STRANGE => tally.strangers.push(line.clone()),
                None => found.push(Finding::stranger(line)),
            }
        }
        for (line, doc) in pairs.iter().filter(|(_, doc)| doc.state == State::Deleted) {
            found.push(Finding { line: Some(line.number), ..Finding::of(Found::DeletedIsBack, &doc.id) });
        }
        pairs.retain(|(_, doc)| doc.state != State::Deleted);
        if !twice.is_empty() {
            let counts = self.count_ids(&tally.sheet, columns).await?;
            let twice =
                twice.into_iter().filter(|(line, _)| counts.get(&line.id).is_some_and(|count| *count > 1));
            found.extend(twice.map(|(line, first)| Finding {
                line: Some(line.number),
                detail: format!("line {} has it too", first + 1),
                ..Finding::of(Found::Twice, &line.id)
            }));
        }
        let wrong = unlike(store, zone, &pairs).await?;
        let suspects: Vec<(&Line, &RowDoc)> = pairs
            .iter()
            .zip(&wrong)
            .filter(|(_, columns)| !columns.is_empty())
            .map(|(pair, _)| *pair)
            .collect();
        found.extend(self.hold_again(tally, window.clone(), &suspects).await?);
        found.extend(self.hold_peoples(tally, columns, window, &pairs).await?);
        Ok(found)
    }

    /// Looks at suspects once more: their row must not have changed meanwhile, nor the line.
    async fn hold_again(
        &self,
        tally: &mut Tally<'_>,
        window: std::ops::Range<u32>,
        suspects: &[(&Line, &RowDoc)],
    ) -> Result<Vec<Finding>, Error> {
        if suspects.is_empty() {
            return Ok(Vec::new());
        }
        let tab = tally.sheet.tab;
        let read = self.read_lines(&tally.sheet, window, Render::Stored).await?;
        let Ok(columns) = read.columns(tab) else { return Ok(Vec::new()) };
        let lines = read.ours(tab, &columns);
        let docs = rows_of(&*self.store, tab, suspects.iter().map(|(line, _)| &line.id)).await?;
        let still: Vec<(&Line, &RowDoc)> = suspects
            .iter()
            .filter_map(|(line, doc)| {
                let line = lines.iter().find(|other| other.id == line.id)?;
                let now = docs.get(&line.id)?;
                (now == *doc).then_some((line, now))
            })
            .collect();
        let wrong = unlike(&*self.store, &self.zone, &still).await?;
        let mut found = Vec::new();
        for ((line, doc), wrong) in still.into_iter().zip(wrong) {
            if wrong.len() > 1 && tally.strangers.len() < MOST_STRANGE {
                let meant = candidates(&*self.store, tab, line, &self.zone).await?;
                if meant.iter().any(|other| other.id != doc.id) {
                    // Another row's id stands in this line, it seems: that shows when all lines are known.
                    tally.strangers.push(line.clone());
                    tally.seen.remove(&hash(&line.id));
                    continue;
                }
            }
            found.extend(wrong.into_iter().map(|column| Finding::cell(Found::Cell, line, doc, column)));
        }
        Ok(found)
    }

    /// Walks the rows of the store, for those that no line had, and then tells of the lines that no row had.
    async fn walk_rows(
        &self,
        tally: &mut Tally<'_>,
        columns: &Columns,
    ) -> Result<Result<(), Unheard>, Error> {
        let tab = tally.sheet.tab;
        let (mut after, mut lost) = (None, Vec::new());
        loop {
            let (docs, next) = rows::list(&*self.store, tab, ROWS, after).await?;
            let mut found = Vec::new();
            for doc in docs {
                tally.rows += 1;
                match doc.state {
                    State::Parked => found.push(Finding {
                        detail: doc.error.clone().unwrap_or_default(),
                        ..Finding::of(Found::Parked, &doc.id)
                    }),
                    State::Pending => found.push(Finding::of(Found::Pending, &doc.id)),
                    State::Written | State::Deleted => {}
                }
                let stands = tally.seen.contains_key(&hash(&doc.id));
                let may_be_lost = doc.landed && doc.state != State::Deleted && !stands;
                match may_be_lost {
                    true if lost.len() < MOST_STRANGE => lost.push(doc.id),
                    true => found.push(Finding::of(Found::Missing, &doc.id)),
                    false => {}
                }
            }
            if let Err(unheard) = tally.say(found).await {
                return Ok(Err(unheard));
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
        let found = self.tell_strange(tally, columns, lost).await?;
        Ok(tally.say(found).await)
    }

    /// Rows that no line has, lines that no row has, and which of them belong together.
    async fn tell_strange(
        &self,
        tally: &mut Tally<'_>,
        columns: &Columns,
        lost: Vec<String>,
    ) -> Result<Vec<Finding>, Error> {
        let tab = tally.sheet.tab;
        let strangers = std::mem::take(&mut tally.strangers);
        if lost.is_empty() && strangers.is_empty() {
            return Ok(Vec::new());
        }
        // Rows may have been moved between two reads; this is one.
        let counts = self.count_ids(&tally.sheet, columns).await?;
        let mut lines = Vec::new();
        for line in strangers {
            let meant = if lost.is_empty() {
                Vec::new()
            } else {
                candidates(&*self.store, tab, &line, &self.zone).await?
            };
            lines.push((line, meant));
        }
        let given: BTreeMap<u32, String> = identify(&lines, |id| counts.contains_key(id))
            .into_iter()
            .map(|(line, doc)| (line.number, doc.id))
            .collect();
        let docs = rows_of(&*self.store, tab, lost.iter()).await?;
        let is_lost =
            |doc: &RowDoc| doc.landed && doc.state != State::Deleted && !counts.contains_key(&doc.id);
        let mut found: Vec<Finding> = Vec::new();
        for (line, _) in &lines {
            found.push(match given.get(&line.number) {
                Some(id) => Finding {
                    line: Some(line.number),
                    detail: if line.id.is_empty() {
                        "it has no id now".into()
                    } else {
                        "it has another id now".into()
                    },
                    ..Finding::of(Found::IdOverwritten, id)
                },
                None => Finding::stranger(line),
            });
        }
        let mut missing: Vec<&RowDoc> = docs.values().filter(|doc| is_lost(doc)).collect();
        missing.retain(|doc| !given.values().any(|id| *id == doc.id));
        missing.sort_by_key(|doc| doc.occurred_at);
        found.extend(missing.into_iter().map(|doc| Finding::of(Found::Missing, &doc.id)));
        Ok(found)
    }
}
