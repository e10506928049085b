//! Lines that others put into our columns become rows.
//!
//! The row is committed first, as one whose line stands without its id; writing that id is then the business of
//! [`super::lost`], which finds the line by its cells. The invariant: the row of a line is chosen by what the line
//! says, so whoever asks again, after a crash or at the same time, gets the same row.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::{
    Row, Tab,
    id::{self, BookingId, ContactId, EngagementId, EventId, LeadId, RequestId},
    tab,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::{Attempts, Collection, Store, Work};

use super::{
    Ledger, cells,
    line::{Line, candidates, identify, owned, rows_of},
    parse,
    reader::refused,
};
use crate::{
    error::Error,
    people,
    rows::{ROWS, RowDoc, RowKey, State, about, erased, veil::Veil},
    sheets::Render,
};

/// The rows that lines were given, by what the lines say.
const ADOPTIONS: Collection<Given> = Collection::new("adoptions");
/// Lines of one read.
const LINES: u32 = 1_000;
/// Most lines of one answer.
const MOST: usize = 100;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Given {
    row_id: String,
}

/// What became of a tab's strange lines.
#[derive(Debug, Default)]
pub(crate) struct Adoption {
    pub(crate) rows: Vec<Adopted>,
    pub(crate) unreadable: Vec<Unreadable>,
    /// There are more.
    pub(crate) more: bool,
}

/// A line that became a row.
#[derive(Debug)]
pub(crate) struct Adopted {
    /// Counted from 0, the header being 0.
    pub(crate) line: u32,
    /// None in a dry run where it has none yet.
    pub(crate) row_id: Option<String>,
    pub(crate) kept_id: bool,
}

/// A line that cannot become a row.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) line: u32,
    pub(crate) column: &'static str,
    pub(crate) reason: &'static str,
}

/// A line that can be read.
struct Readable {
    line: Line,
    cells: Map<String, Value>,
}

fn key(tab: Tab, line: &Line, turn: u32) -> String {
    id::digest(&["adoption", tab.as_str(), &line.content(tab), &turn.to_string()])
}

/// The rows that were chosen for a line which says this, and for its twins.
pub(super) async fn chosen_for(
    store: &dyn Store,
    tab: Tab,
    line: &Line,
) -> Result<Vec<RowDoc>, store::Error> {
    let mut ids = Vec::new();
    for turn in 0.. {
        match ADOPTIONS.get(store, &key(tab, line, turn)).await? {
            Some(given) => ids.push(given.value.row_id),
            None => break,
        }
    }
    let mut docs = rows_of(store, tab, ids.iter()).await?;
    Ok(ids.iter().filter_map(|id| docs.remove(id)).collect())
}

fn new_id(tab: Tab, now: Timestamp) -> String {
    match tab {
        Tab::Contacts => ContactId::generate(now).to_string(),
        Tab::Leads => LeadId::generate(now).to_string(),
        Tab::Engagements => EngagementId::generate(now).to_string(),
        Tab::Bookings => BookingId::generate(now).to_string(),
        Tab::ChatEvents => EventId::generate(now).to_string(),
        // Those of ours have their provider's id.
        Tab::Subscriptions => {
            format!("sub_{}", RequestId::generate(now).as_str().trim_start_matches(RequestId::PREFIX))
        }
        Tab::Payments => {
            format!("pay_{}", RequestId::generate(now).as_str().trim_start_matches(RequestId::PREFIX))
        }
    }
}

// === impl Ledger ===

impl Ledger {
    /// Takes the lines of `tab` that are nobody's into the store.
    pub(crate) async fn adopt_rows(&self, tab: Tab, dry_run: bool) -> Result<Adoption, Error> {
        let sheet = self.survey().await?.sheet(tab).map_err(|trouble| refused(&trouble))?;
        let header = self.read_lines(&sheet, 0..0, Render::Stored).await?;
        let columns = header.columns(tab).map_err(|trouble| refused(&trouble))?;
        // Before the lines: an id that is written meanwhile is in neither, and its line gets no other.
        let standing = self.count_ids(&sheet, &columns).await?;
        let (mut adoption, mut strangers) = (Adoption::default(), Vec::new());
        let mut from: u32 = 1;
        while from < sheet.height && strangers.len() <= MOST {
            let to = from.saturating_add(LINES).min(sheet.height);
            let read = self.read_lines(&sheet, from..to, Render::Stored).await?;
            let found = read.columns(tab).map_err(|trouble| refused(&trouble))?;
            strangers.extend(self.strangers(tab, read.ours(tab, &found)).await?);
            from = to;
        }
        adoption.more = strangers.len() > MOST;
        strangers.truncate(MOST);
        let mut readable = Vec::new();
        for line in self.without_lost(tab, strangers, &standing).await? {
            match self.read_line(tab, &line) {
                Ok(cells) => readable.push(Readable { line, cells }),
                Err((column, reason)) => {
                    adoption.unreadable.push(Unreadable { line: line.number, column, reason });
                }
            }
        }
        let mut used = BTreeSet::new();
        for readable in readable {
            let row_id = self.take_line(tab, &readable, &standing, &mut used, dry_run).await?;
            let kept_id = !readable.line.id.is_empty();
            adoption.rows.push(Adopted { line: readable.line.number, row_id, kept_id });
        }
        if !dry_run && !adoption.rows.is_empty() {
            tracing::info!(%tab, rows = adoption.rows.len(), "lines of others are taken over");
            self.look_again();
        }
        Ok(adoption)
    }

    /// The lines that no row of the store has.
    async fn strangers(&self, tab: Tab, lines: Vec<Line>) -> Result<Vec<Line>, Error> {
        let ids = lines.iter().map(|line| &line.id).filter(|id| !id.is_empty());
        let known: HashMap<String, RowDoc> = rows_of(&*self.store, tab, ids).await?;
        Ok(lines.into_iter().filter(|line| !line.is_blank() && !known.contains_key(&line.id)).collect())
    }

    /// The lines but those that only lost their id, which they get back.
    async fn without_lost(
        &self,
        tab: Tab,
        lines: Vec<Line>,
        standing: &BTreeMap<String, u32>,
    ) -> Result<Vec<Line>, Error> {
        let mut meant = Vec::new();
        for line in lines {
            let mut docs = candidates(&*self.store, tab, &line, &self.zone).await?;
            docs.retain(|doc| !doc.adopted);
            meant.push((line, docs));
        }
        let lost: BTreeSet<u32> = identify(&meant, |id| standing.contains_key(id))
            .into_iter()
            .map(|(line, _)| line.number)
            .collect();
        Ok(meant.into_iter().map(|(line, _)| line).filter(|line| !lost.contains(&line.number)).collect())
    }

    /// The cells of a line by the types of their columns.
    fn read_line(&self, tab: Tab, line: &Line) -> Result<Map<String, Value>, (&'static str, &'static str)> {
        if !line.id.is_empty() && id::check(&line.id).is_err() {
            return Err(("id", "it has characters that an id cannot have; empty it, or give it another"));
        }
        let mut cells = Map::new();
        for column in tab.columns().iter().copied().filter(|column| *column != "id") {
            let value = parse::cell(line, column, &self.zone).map_err(|reason| (column, reason))?;
            cells.insert(column.to_owned(), value);
        }
        Ok(cells)
    }

    /// Commits the row of a line, or finds the one that was committed for it.
    async fn take_line(
        &self,
        tab: Tab,
        Readable { line, cells }: &Readable,
        standing: &BTreeMap<String, u32>,
        used: &mut BTreeSet<String>,
        dry_run: bool,
    ) -> Result<Option<String>, Error> {
        let now = (self.clock)();
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            let (known, turn) = if line.id.is_empty() {
                self.turn_of(&mut work, tab, line, standing, used).await?
            } else {
                (None, None)
            };
            if let Some(row_id) = known {
                used.insert(row_id.clone());
                return Ok(Some(row_id));
            }
            let kept = (!line.id.is_empty()).then(|| line.id.clone());
            if dry_run {
                return Ok(kept);
            }
            if let Some(id) = &kept
                && work.get(&ROWS, &RowKey { tab, id: id.clone() }.doc_id()).await?.is_some()
            {
                // Another line has the same id.
                return Ok(kept);
            }
            let row_id = kept.unwrap_or_else(|| new_id(tab, now));
            let row = self.row_of(tab, line, cells, &row_id, now)?;
            let key_of_row = RowKey::of(&row);
            let named: BTreeSet<String> = about::contact(&row).into_iter().collect();
            work.create(&ROWS, &key_of_row.doc_id(), &self.doc_of(line, row));
            if let Some(erasure_id) = people::forgotten(&mut work, &named).await?.values().next() {
                erased::erase(&mut work, &key_of_row, erasure_id, &Veil::default()).await?;
            }
            if let Some(turn) = turn {
                work.create(&ADOPTIONS, &key(tab, line, turn), &Given { row_id: row_id.clone() });
            }
            if attempts.commit(work).await? {
                used.insert(row_id.clone());
                return Ok(Some(row_id));
            }
        }
    }

    /// The row that was chosen for a line and has not got there yet, else the first turn that is free.
    async fn turn_of(
        &self,
        work: &mut Work<'_>,
        tab: Tab,
        line: &Line,
        standing: &BTreeMap<String, u32>,
        used: &BTreeSet<String>,
    ) -> Result<(Option<String>, Option<u32>), Error> {
        let mut turn = 0;
        while let Some(Given { row_id }) = work.get(&ADOPTIONS, &key(tab, line, turn)).await? {
            let doc = work.get(&ROWS, &RowKey { tab, id: row_id.clone() }.doc_id()).await?;
            let lives = doc.is_some_and(|doc| doc.adopted || doc.state != State::Deleted);
            let waits = lives && !standing.contains_key(&row_id);
            if waits && !used.contains(&row_id) {
                return Ok((Some(row_id), None));
            }
            turn += 1;
        }
        Ok((None, Some(turn)))
    }

    fn row_of(
        &self,
        tab: Tab,
        line: &Line,
        cells: &Map<String, Value>,
        row_id: &str,
        now: Timestamp,
    ) -> Result<Row, Error> {
        let mut cells = cells.clone();
        cells.insert("id".to_owned(), row_id.into());
        let occurred_at = cells::time_of(line.cell(super::line::time_column(tab)), &self.zone).unwrap_or(now);
        tab::decode(tab, Value::Object(cells), 1, occurred_at).map_err(|_| domain::Fault::internal().into())
    }

    /// The row of a line that stands, without its id if it has none.
    fn doc_of(&self, line: &Line, row: Row) -> RowDoc {
        let mut doc = RowDoc::of(row);
        doc.land(1, None);
        doc.adopted = line.id.is_empty();
        // What reads as the same and looks different is written as ours is.
        let unlike = |column: &&str| !cells::shows(doc.cell(column), &self.zone, line.cell(column));
        let unlike: BTreeSet<String> = owned(doc.tab).filter(unlike).map(str::to_owned).collect();
        if !unlike.is_empty() {
            doc.rewrite(&unlike);
        }
        doc
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::tz::TimeZone;
    use serde_json::json;
    use store::{Commit, Precondition, sqlite::Sqlite};

    use super::*;
    use crate::sheets;

    struct Desk {
        ledger: Ledger,
        _dir: tempfile::TempDir,
    }

    impl Desk {
        fn open() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("store.db");
            let store = Sqlite::open(&file, crate::SCHEMA, store::system_clock()).unwrap();
            let vars = [("GOOGLE_SHEETS_ID", "sheet"), ("GOOGLE_ACCESS_TOKEN", "token")];
            let vars = vars.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let config: crate::Config = chassis::config::load(&vars, []).unwrap();
            let client = sheets::Client::new(&config);
            let ledger = Ledger::new(Arc::new(store), client, TimeZone::UTC, store::system_clock());
            Self { ledger, _dir: dir }
        }

        /// Takes a line, seen when these ids stood.
        async fn take(&self, line: &Readable, standing: &[&str]) -> String {
            let standing = standing.iter().map(|id| ((*id).to_owned(), 1)).collect();
            let mut used = BTreeSet::new();
            self.ledger.take_line(Tab::Leads, line, &standing, &mut used, false).await.unwrap().unwrap()
        }

        async fn row(&self, id: &str) -> RowDoc {
            let key = RowKey { tab: Tab::Leads, id: id.to_owned() };
            ROWS.get(&*self.ledger.store, &key.doc_id()).await.unwrap().unwrap().value
        }

        async fn put(&self, doc: &RowDoc) {
            let put = ROWS.put(doc.key().doc_id(), doc, Precondition::Any);
            assert!(matches!(self.ledger.store.commit(vec![put]).await.unwrap(), Commit::Done(_)));
        }
    }

    impl Ledger {
        fn readable(&self, cells: &Value) -> Readable {
            let columns = Tab::Leads.columns();
            let values: Vec<Value> = columns.iter().map(|column| cells[*column].clone()).collect();
            let columns = columns.iter().map(|column| (*column).to_owned()).zip(0..).collect();
            let line = Line::read(Tab::Leads, 1, &columns, &values);
            let cells = self.read_line(Tab::Leads, &line).unwrap();
            Readable { line, cells }
        }
    }

    #[tokio::test]
    async fn a_line_whose_id_is_written_while_it_is_looked_at_gets_no_other() {
        let desk = Desk::open();
        let line = desk.ledger.readable(&json!({"intent": "theirs"}));
        let id = desk.take(&line, &[]).await;
        let mut doc = desk.row(&id).await;
        doc.land(1, Some(&["id".to_owned()]));
        assert!(!doc.adopted);
        desk.put(&doc).await;
        assert_eq!(desk.take(&line, &[]).await, id, "the line was seen before its id was written");
        let twin = desk.take(&line, &[&id]).await;
        assert_ne!(twin, id, "another line that says the same");
    }

    #[tokio::test]
    async fn of_a_contact_who_was_forgotten_nothing_is_taken_over_that_names_them() {
        let desk = Desk::open();
        let store = &*desk.ledger.store;
        let identity = people::Identity { email: "ann@example.com".into(), ..Default::default() };
        let facts = tab::Contact::default();
        let id = people::resolve_alone(store, &identity, facts, Timestamp::now()).await.unwrap().contact.id;
        let contacts: Collection<Value> = Collection::new("contacts");
        let mut body = contacts.get(store, &people::doc_id(&id)).await.unwrap().unwrap().value;
        (body["erasure"], body["erased_at"]) = (json!("era_1"), json!("2026-01-01T00:00:00Z"));
        let put = contacts.put(people::doc_id(&id), &body, Precondition::Any);
        assert!(matches!(store.commit(vec![put]).await.unwrap(), Commit::Done(_)));
        let cells = json!({"contact_id": id, "intent": "a cake for Ann", "notes": "call Ann", "score": 0.5});
        let doc = desk.row(&desk.take(&desk.ledger.readable(&cells), &[]).await).await;
        assert_eq!(doc.erased.as_deref(), Some("era_1"));
        let said = serde_json::to_string(&doc.cells).unwrap();
        assert!(!said.contains("Ann") && said.contains("0.5"), "{said}");
    }
}
