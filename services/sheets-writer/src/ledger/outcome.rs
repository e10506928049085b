//! What became of a batch, and what follows from it.
//!
//! The invariant: nothing is concluded from an answer that was not read to its end, nor from an error's text. Only
//! two things are known for sure: a 200, and who created the batch's number.

use std::collections::BTreeMap;

use domain::Tab;

use super::{
    closing::Closing,
    compose::call,
    layout::{MOST_CELLS, find_columns, header_range},
    locate,
    protocol::{Carried, Carries, Columns, Machine, Mark, Open, Told, Verdict},
    seen::{Hit, Seen},
    trouble::Trouble,
    writer::{LOOK, Writer},
};
use crate::sheets::Reply;

/// So few cells are less than one batch of rows needs.
const NEARLY: u64 = 100_000;

impl Reply {
    /// What it says of a call that creates a number.
    pub(super) fn told(&self) -> Told {
        match self {
            Self::Done(_) => Told::Done,
            Self::RateLimited(_) => Told::Quota,
            Self::Refused(_) => Told::Refused,
            Self::Absent | Self::Unclear(_) => Told::Nothing,
        }
    }
}

impl Writer<'_> {
    /// Finds out what became of the open batch: whoever creates its number first decides.
    pub(super) async fn settle(&mut self) -> Result<(), Trouble> {
        let Some(number) = self.machine.open().map(|open| open.number) else { return Ok(()) };
        self.pace.go(self.now());
        let void = call(self.head(), number, Mark::Void, Vec::new(), Vec::new(), &[]);
        let reply = self.ledger.sheets.batch_update(&void).await;
        let mark = match (Machine::void_answered(reply.told()), reply) {
            (Verdict::Decided(mark), _) => mark,
            (Verdict::Ask, _) => self.read_mark(number).await?,
            (_, Reply::RateLimited(hint)) => return Err(Trouble::Quota(hint)),
            (_, Reply::Unclear(trouble)) => return Err(trouble.into()),
            _ => return Err(Trouble::NoSpreadsheet(self.head().spreadsheet_id.clone())),
        };
        tracing::info!(batch = number, landed = mark == Mark::Rows, "batch settled");
        let verdict = match mark {
            Mark::Rows => {
                let seen = self.see_now().await?;
                self.land(&seen);
                Ok(())
            }
            Mark::Void => self.reject(),
        };
        self.machine.note_settled();
        verdict
    }

    /// What stands now where the open batch wrote; its own answer was lost.
    async fn see_now(&mut self) -> Result<Seen, Trouble> {
        let mut seen = Seen::default();
        let places = self.places.as_mut().expect("step looks before it settles");
        let (rows, columns) = match self.machine.open() {
            Some(Open { carries: Carries::Rows { rows, columns }, .. }) => (rows.as_slice(), columns),
            Some(Open { carries: Carries::Probe { row, columns }, .. }) => {
                (std::slice::from_ref(row), columns)
            }
            _ => return Ok(seen),
        };
        let tabs: Vec<_> = columns.keys().filter(|tab| places.contains_key(tab)).copied().collect();
        let headers: Vec<_> = tabs.iter().map(|tab| header_range(places[tab].sheet_id)).collect();
        for (tab, header) in tabs.into_iter().zip(locate::read(&self.ledger.sheets, &headers).await?) {
            let place = places.get_mut(&tab).expect("only tabs that have a place were asked for");
            let header = header.into_iter().next().unwrap_or_default();
            if let Ok(columns) = find_columns(tab, &header) {
                place.columns = columns;
            }
            seen.headers.insert(place.sheet_id, header);
        }
        let known: Vec<_> =
            rows.iter().filter_map(|row| Some((places.get(&row.key.tab)?, row.line?))).collect();
        let ranges: Vec<_> = known.iter().map(|(place, line)| place.id_range(*line)).collect();
        let cells = locate::read(&self.ledger.sheets, &ranges).await?;
        for ((place, line), cell) in known.into_iter().zip(cells) {
            let id = cell.into_iter().flatten().next().unwrap_or_default();
            seen.ids.insert((place.sheet_id, line), id);
        }
        Ok(seen)
    }

    async fn read_mark(&self, number: i32) -> Result<Mark, Trouble> {
        let value = match self.ledger.sheets.metadata(number).await {
            Reply::Done(entry) => Some(entry["metadataValue"].as_str().unwrap_or_default().to_owned()),
            Reply::RateLimited(hint) => return Err(Trouble::Quota(hint)),
            Reply::Absent | Reply::Refused(_) => None,
            Reply::Unclear(trouble) => return Err(trouble.into()),
        };
        match self.machine.mark_read(value.as_deref()) {
            Verdict::Decided(mark) => Ok(mark),
            _ => Err(Trouble::Unsettled(number)),
        }
    }

    /// The open batch has landed.
    pub(super) fn land(&mut self, seen: &Seen) {
        self.pace.succeed();
        let Some(Open { carries, .. }) = self.machine.open().cloned() else { return };
        let mut closing = Closing::default();
        match carries {
            Carries::Tabs(tabs) => {
                closing.tabs = Some(tabs);
                self.places = None;
            }
            carries if carries.is_nothing() => {}
            Carries::Rows { rows, columns } => {
                self.hunt.landed();
                let hit = self.judge(seen, &rows, &columns);
                (closing.landed, closing.spoilt) = (hit.landed, hit.spoilt);
            }
            Carries::Probe { row, columns } => {
                // A new row's probe touches no row at all.
                let changed: Vec<Carried> = row.line.map(|_| row.clone()).into_iter().collect();
                let hit = self.judge(seen, &changed, &columns);
                let accused = self.hunt.close().and_then(|probe| probe.accused);
                closing.parked = accused.filter(|accused| *accused == row && hit.moved.is_empty());
                closing.spoilt = hit.spoilt;
                self.blocked.remove(&row.key.tab);
            }
        }
        self.machine.land(closing);
    }

    fn judge(&mut self, seen: &Seen, rows: &[Carried], columns: &BTreeMap<Tab, Columns>) -> Hit {
        let hit = seen.judge(rows, columns, &self.head().tabs);
        rows.iter().map(|row| &row.key).chain(hit.spoilt.keys()).for_each(|key| self.forget_line(key));
        if !hit.moved.is_empty() {
            tracing::warn!(rows = hit.spoilt.len(), "somebody moved rows or columns meanwhile");
            hit.moved.iter().for_each(|tab| self.lines.forget(*tab));
            self.places = None;
        }
        hit
    }

    /// The open batch did not land and never will.
    fn reject(&mut self) -> Result<(), Trouble> {
        let mut verdict = Ok(());
        match self.machine.open().map(|open| &open.carries) {
            Some(Carries::Rows { rows, .. }) => self.hunt.rejected(rows),
            Some(Carries::Probe { row, .. }) if self.hunt.is_on() => {
                let tab = row.key.tab;
                self.hunt.close();
                self.block(tab);
            }
            Some(Carries::Tabs(_)) if self.hunt.is_on() => verdict = Err(Trouble::TabsRefused),
            _ => {}
        }
        self.machine.reject();
        verdict
    }

    /// The tab takes nothing: its rows wait, and its place is put to the proof again later.
    fn block(&mut self, tab: Tab) {
        let cells = self.cells;
        let trouble = if cells + NEARLY >= MOST_CELLS {
            Trouble::Full { tab, cells }
        } else {
            Trouble::TabRefused(tab)
        };
        self.blocked.insert(tab, (trouble, self.now() + LOOK));
    }
}
