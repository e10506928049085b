//! What became of a batch, and what follows from it.
//!
//! The invariant: nothing is concluded from an answer that was not read to its end, nor from an error's text. Only
//! two things are known for sure: a 200, and who created the batch's number.

use super::{
    closing::Closing,
    compose::call,
    layout::{find_columns, header_range},
    locate,
    protocol::{Carries, Mark, Open},
    seen::Seen,
    trouble::Trouble,
    writer::{MAX_ROWS, Writer},
};
use crate::sheets::Reply;

impl Writer<'_> {
    /// Finds out what became of the open batch: whoever creates its number first decides.
    pub(super) async fn settle(&mut self) -> Result<(), Trouble> {
        let Some(Open { number, .. }) = self.head().open else {
            self.unsettled = false;
            return Ok(());
        };
        self.pace.go(self.now());
        let void = call(self.head(), number, Mark::Void, Vec::new(), Vec::new(), &[]);
        let mark = match self.ledger.sheets.batch_update(&void).await {
            Reply::Done(_) => Mark::Void,
            Reply::Refused => self.read_mark(number).await?,
            Reply::RateLimited(hint) => return Err(Trouble::Quota(hint)),
            Reply::Absent => return Err(Trouble::NoSpreadsheet(self.head().spreadsheet_id.clone())),
            Reply::Unclear(trouble) => return Err(trouble.into()),
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
        self.closing.get_or_insert_default().settled = Some(number);
        verdict
    }

    /// What stands now where the open batch wrote; its own answer was lost.
    async fn see_now(&mut self) -> Result<Seen, Trouble> {
        let mut seen = Seen::default();
        let places = self.places.as_mut().expect("step looks before it settles");
        let Some(Open { carries: Carries::Rows { rows, columns }, .. }) =
            self.head.as_ref().and_then(|head| head.open.as_ref())
        else {
            return Ok(seen);
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
        match self.ledger.sheets.metadata(number).await {
            Reply::Done(entry) => {
                Ok(self.head().read_mark(entry["metadataValue"].as_str().unwrap_or_default()))
            }
            Reply::RateLimited(hint) => Err(Trouble::Quota(hint)),
            // A void was refused and its number is free: something else is wrong, so nothing is decided.
            Reply::Absent | Reply::Refused => Err(Trouble::Unsettled(number)),
            Reply::Unclear(trouble) => Err(trouble.into()),
        }
    }

    /// The open batch has landed.
    pub(super) fn land(&mut self, seen: &Seen) {
        self.unsettled = false;
        self.refusals = 0;
        self.cap = (self.cap * 2).min(MAX_ROWS);
        self.pace.succeed();
        let Some(Open { carries, outdated, .. }) = self.head().open.clone() else { return };
        let mut closing = Closing { outdated, ..Closing::default() };
        match carries {
            Carries::Tabs(tabs) => {
                closing.tabs = Some(tabs);
                self.places = None;
            }
            Carries::Rows { rows, columns } => {
                let hit = seen.judge(&rows, &columns, &self.head().tabs);
                if !hit.moved.is_empty() {
                    tracing::warn!(rows = hit.spoilt.len(), "somebody moved rows or columns meanwhile");
                    hit.moved.iter().for_each(|tab| self.lines.forget(*tab));
                    self.places = None;
                }
                (closing.landed, closing.spoilt) = (hit.landed, hit.spoilt);
            }
        }
        self.closing = Some(closing);
    }

    /// The open batch did not land and never will. After a second refusal it is halved, and a row that is refused
    /// alone is parked.
    fn reject(&mut self) -> Result<(), Trouble> {
        self.unsettled = false;
        let mut closing = Closing::default();
        let mut verdict = Ok(());
        match self.head().open.as_ref().map(|open| &open.carries) {
            Some(Carries::Rows { rows, .. }) if self.refusals > 1 => match rows.as_slice() {
                [row] => {
                    closing.parked = Some(row.clone());
                    self.cap = MAX_ROWS;
                    self.refusals = 0;
                }
                rows => self.cap = (rows.len() / 2).max(1),
            },
            Some(Carries::Tabs(_)) if self.refusals > 0 => verdict = Err(Trouble::TabsRefused),
            _ => {}
        }
        self.closing = Some(closing);
        verdict
    }
}
