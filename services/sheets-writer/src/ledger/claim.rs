//! Taking over a spreadsheet that another store's ledger has filled.
//!
//! The operator names the ledger that is to give it up. The writer then matches the rows of the store with the ids that
//! stand in the tabs, and one numbered batch deletes the other ledger's marks, leaves ours, and makes the tabs that are
//! missing. The invariant: that batch is atomic, so the spreadsheet belongs to one ledger or the other; the other one's
//! writer finds it foreign from then on and stops; and no row is appended whose id stands there already.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Fault, Kind, Reason, Tab};
use serde::{Deserialize, Serialize};
use store::{Attempts, Collection, Work};

use super::{
    HEAD, LEDGER, Ledger, all_tabs,
    layout::{self, Description},
    protocol::{Carries, Head},
    trouble::Trouble,
    writer::Writer,
};
use crate::{
    error::Error,
    rows::{self, ROWS, RowDoc, State},
    sheets::body::{MetadataFilter, MetadataLookup, Request},
};

/// The ledgers that are to give up the spreadsheet; one document.
const CLAIMS: Collection<Claim> = Collection::new("claims_on_spreadsheets");
const ONE: &str = "one";
/// Rows of one commit.
const PAGE: u32 = 100;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Claim {
    spreadsheet_id: String,
    ledgers: BTreeSet<String>,
}

/// Whose the spreadsheet is.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub(crate) foreign: Vec<String>,
    pub(crate) batches: usize,
    pub(crate) tabs: Vec<Tab>,
    pub(crate) begun: bool,
}

/// The ledgers besides `head`'s that left marks, with the numbers of those.
fn foreign(head: &Head, description: &Description) -> BTreeMap<String, Vec<i32>> {
    let mut foreign: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for (number, value) in &description.marks {
        let ledger = value.rsplit_once(':').map_or(value.as_str(), |(ledger, _)| ledger);
        if ledger != head.ledger_id.as_str() {
            foreign.entry(ledger.to_owned()).or_default().push(*number);
        }
    }
    foreign
}

// === impl Ledger ===

impl Ledger {
    /// Says whose the spreadsheet is and, where `named` is one of them, has it taken over.
    pub(crate) async fn claim(&self, named: &str) -> Result<Claimed, Error> {
        let head = self.load_head().await?;
        let description = self.describe().await?;
        let foreign = foreign(&head, &description);
        let begun = !named.is_empty();
        if begun && !foreign.contains_key(named) {
            let why = "the spreadsheet belongs to no such ledger; ask without a name whose it is";
            return Err(Fault::new(Kind::Precondition, Reason::StateWrong, why).into());
        }
        if begun && head.spreadsheet_id != self.sheets.spreadsheet_id() {
            let why =
                "this store's ledger fills another spreadsheet; have this one filled first (ledger rebuild)";
            return Err(Fault::new(Kind::Precondition, Reason::StateWrong, why).into());
        }
        if begun {
            self.note_claim(named).await?;
            self.look_again();
        }
        Ok(Claimed {
            batches: foreign.values().map(Vec::len).sum(),
            foreign: foreign.into_keys().collect(),
            tabs: all_tabs().filter(|tab| description.sheet_of(*tab).is_some()).collect(),
            begun,
        })
    }

    async fn note_claim(&self, named: &str) -> Result<(), store::Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            let spreadsheet_id = self.sheets.spreadsheet_id().to_owned();
            let known = work.get(&CLAIMS, ONE).await?.filter(|claim| claim.spreadsheet_id == spreadsheet_id);
            let mut claim = known.unwrap_or(Claim { spreadsheet_id, ledgers: BTreeSet::new() });
            claim.ledgers.insert(named.to_owned());
            work.put(&CLAIMS, ONE, &claim);
            if attempts.commit(work).await? {
                return Ok(());
            }
        }
    }
}

impl Writer<'_> {
    /// Nobody else's marks are left: to have the spreadsheet taken once more, the operator must say so again.
    pub(super) async fn use_up_claim(&self) -> Result<(), Trouble> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.ledger.store);
            let known = work.get(&CLAIMS, ONE).await?;
            if known.is_none_or(|claim| claim.spreadsheet_id != self.ledger.sheets.spreadsheet_id()) {
                return Ok(());
            }
            work.delete(&CLAIMS, ONE);
            if attempts.commit(work).await? {
                return Ok(());
            }
        }
    }

    /// The marks of others that the operator wants gone; empty unless all of them are to go.
    pub(super) async fn claimed_marks(&self, description: &Description) -> Result<Vec<i32>, Trouble> {
        let foreign = foreign(self.head(), description);
        let known = CLAIMS.get(&*self.ledger.store, ONE).await?.map(|found| found.value).unwrap_or_default();
        let is_meant = known.spreadsheet_id == self.ledger.sheets.spreadsheet_id();
        let all = is_meant && foreign.keys().all(|ledger| known.ledgers.contains(ledger));
        Ok(if all { foreign.into_values().flatten().collect() } else { Vec::new() })
    }

    /// Takes the spreadsheet over from those who left `marks`; nothing may be open.
    pub(super) async fn take_spreadsheet(&mut self, marks: &[i32]) -> Result<(), Trouble> {
        if let Some(rest) = self.pace.rest(self.now()) {
            self.ledger.timer.sleep(rest).await;
        }
        let description = self.look().await?;
        let (tabs, mut requests) = self.lay_out(&description).await?;
        self.pass_numbers(marks, &description).await?;
        self.forget_lines();
        for (tab, (sheet_id, column)) in &tabs {
            let range = layout::column_range(*sheet_id, *column);
            let is_new = !description.sheets.contains_key(sheet_id);
            let found =
                if is_new { Vec::new() } else { super::locate::read(&self.ledger.sheets, &[range]).await? };
            let ids: BTreeSet<String> = found.into_iter().flatten().skip(1).flatten().collect();
            self.match_rows(*tab, &ids).await?;
        }
        requests.extend(marks.iter().map(|number| Request::DeleteDeveloperMetadata {
            data_filter: MetadataFilter {
                developer_metadata_lookup: MetadataLookup { metadata_id: *number },
            },
        }));
        tracing::warn!(marks = marks.len(), "the spreadsheet is taken over from another ledger");
        let tabs = tabs.into_iter().map(|(tab, (sheet_id, _))| (tab, sheet_id)).collect();
        self.send(Carries::Tabs(tabs), requests, Vec::new()).await
    }

    /// The sheet and id column of each of our tabs, and what makes those that are missing.
    async fn lay_out(
        &self,
        description: &Description,
    ) -> Result<(BTreeMap<Tab, (i64, u32)>, Vec<Request>), Trouble> {
        let mut tabs: BTreeMap<Tab, (i64, u32)> = BTreeMap::new();
        let mut requests = Vec::new();
        for tab in all_tabs() {
            let known = self.head().tabs.get(&tab).filter(|id| description.sheets.contains_key(id));
            let existing = known.copied().or_else(|| description.sheet_of(tab));
            let taken = tabs.values().map(|(id, _)| *id).collect();
            let sheet_id = existing.unwrap_or_else(|| description.free_id(tab, &taken));
            let header = if existing.is_some() { self.header(sheet_id).await? } else { Vec::new() };
            let column = if header.is_empty() {
                requests.extend(layout::create(tab, sheet_id, existing.is_some()));
                0
            } else {
                layout::find_columns(tab, &header)?["id"]
            };
            tabs.insert(tab, (sheet_id, column));
        }
        Ok((tabs, requests))
    }

    /// Our next batch has a number that none of theirs had.
    async fn pass_numbers(&mut self, marks: &[i32], description: &Description) -> Result<(), Trouble> {
        let known = self.head().clone();
        let next = marks.iter().max().map_or(0, |most| most.saturating_add(1)).max(known.next);
        if next == known.next {
            return Ok(());
        }
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.ledger.store);
            let found = work.get(&LEDGER, HEAD).await?.filter(|head| head.is_still(&known));
            let Some(found) = found else { return Err(Trouble::Overtaken) };
            let mut head = Head { next, ..found };
            head.leave_to_time(&description.marks, (self.ledger.clock)());
            work.put(&LEDGER, HEAD, &head);
            if attempts.commit(work).await? {
                self.machine.follow(head);
                return Ok(());
            }
        }
    }

    /// Rows whose id stands in the tab are changed there, the others are appended.
    async fn match_rows(&self, tab: Tab, ids: &BTreeSet<String>) -> Result<(), Trouble> {
        let store = &*self.ledger.store;
        let mut after = None;
        loop {
            let (docs, next) = rows::list(store, tab, PAGE, after).await?;
            let mut attempts = Attempts::default();
            loop {
                let mut work = Work::new(store);
                self.prove(&mut work).await?;
                for key in docs.iter().map(RowDoc::key) {
                    let Some(mut doc) = work.get(&ROWS, &key.doc_id()).await? else { continue };
                    if doc.state != State::Deleted {
                        if ids.contains(&doc.id) {
                            doc.meet();
                        } else {
                            doc.unwrite();
                        }
                        work.put(&ROWS, &key.doc_id(), &doc);
                    }
                }
                if attempts.commit(work).await? {
                    break;
                }
            }
            after = next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}
