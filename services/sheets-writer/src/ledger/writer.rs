//! The one task that writes: settle what is open, set up the tabs, send what waits.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use domain::Tab;
use tokio::time::Instant;

use super::{
    Ledger, all_tabs,
    closing::Closing,
    compose::{Batch, call, compose},
    layout::{self, Description, Place},
    locate::{self, LineIds, Lines, locate},
    pace::Pace,
    protocol::{Carried, Carries, Head, Mark, Open},
    trouble::Trouble,
};
use crate::{
    rows::{self, RowDoc, RowKey, State},
    sheets::Reply,
};

/// Most rows of a batch.
const MAX_ROWS: usize = 400;
/// How often an idle ledger looks by itself.
const LOOK: Duration = Duration::from_secs(30);

/// A rest between two steps.
pub(super) struct Pause {
    pub(super) longest: Duration,
    /// Rows that come in end it.
    pub(super) until_woken: bool,
}

/// The writer's memory; all of it can be lost.
pub(super) struct Writer<'l> {
    ledger: &'l Ledger,
    head: Option<Head>,
    /// The batch in `head.open` has an unknown outcome.
    unsettled: bool,
    /// The outcome of the batch in `head.open` is known and not recorded.
    closing: Option<Closing>,
    places: Option<BTreeMap<Tab, Place>>,
    lines: Lines,
    /// Tabs that cannot be written: why, and when to look again.
    blocked: BTreeMap<Tab, (Trouble, Instant)>,
    pace: Pace,
    /// How many rows the next batch may have, and how often the last one was refused.
    cap: usize,
    refusals: u32,
}

// === impl Writer ===

impl<'l> Writer<'l> {
    pub(super) fn new(ledger: &'l Ledger) -> Self {
        Self {
            ledger,
            head: None,
            unsettled: false,
            closing: None,
            places: None,
            lines: Lines::default(),
            blocked: BTreeMap::new(),
            pace: Pace::new(),
            cap: MAX_ROWS,
            refusals: 0,
        }
    }

    /// Does the next thing there is to do; a pause when there is nothing more.
    pub(super) async fn step(&mut self) -> Result<Option<Pause>, Trouble> {
        self.take_over().await?;
        if self.unsettled {
            return self.settle().await.map(|()| None);
        }
        if self.places.is_none() {
            self.look().await?;
        }
        if self.head().tabs.is_empty() {
            return self.set_up().await.map(|()| None);
        }
        if self.waiting(1).await?.is_empty() {
            self.record(None).await?;
            return Ok(Some(Pause { longest: LOOK, until_woken: true }));
        }
        self.pace.turn().await;
        self.flush().await.map(|()| None)
    }

    /// What to do after trouble: how long to wait.
    pub(super) fn recover(&mut self, trouble: Trouble) -> Option<Pause> {
        let hint = if let Trouble::Quota(hint) = &trouble { *hint } else { None };
        match &trouble {
            Trouble::Overtaken => self.head = None,
            Trouble::Quota(_) => {}
            _ => self.places = None,
        }
        self.ledger.report(Some(&trouble));
        Some(Pause { longest: self.pace.back_off(hint), until_woken: false })
    }

    /// Records what is known when the process ends.
    pub(super) async fn finish(&mut self) -> Result<(), Trouble> {
        if self.closing.is_some() { self.record(None).await } else { Ok(()) }
    }

    /// Why the rows of some tab wait.
    pub(super) fn trouble(&self) -> Option<&Trouble> {
        self.blocked.values().map(|(trouble, _)| trouble).next()
    }

    fn head(&self) -> &Head {
        self.head.as_ref().expect("every step begins with take_over")
    }

    /// Reads the head after a start or a takeover; a batch that is open then must be settled.
    async fn take_over(&mut self) -> Result<(), Trouble> {
        if self.head.is_some() {
            return Ok(());
        }
        let head = self.ledger.load_head().await?;
        if head.spreadsheet_id != self.ledger.sheets.spreadsheet_id() {
            return Err(Trouble::OtherSpreadsheet(head.spreadsheet_id));
        }
        self.unsettled = head.open.is_some();
        self.closing = None;
        self.head = Some(head);
        Ok(())
    }

    /// Reads the spreadsheet's tabs and whose ledger it is.
    async fn look(&mut self) -> Result<Description, Trouble> {
        let body = match self.ledger.sheets.describe().await {
            Reply::Done(body) => body,
            Reply::RateLimited(hint) => return Err(Trouble::Quota(hint)),
            Reply::Refused => return Err(Trouble::ReadRefused),
            Reply::Absent => return Err(Trouble::NoSpreadsheet(self.head().spreadsheet_id.clone())),
            Reply::Unclear(trouble) => return Err(trouble.into()),
        };
        let description = Description::read(&body);
        if let Some(foreign) = description.marks.iter().find_map(|value| self.head().foreign(value)) {
            return Err(Trouble::ForeignLedger(foreign.to_owned()));
        }
        let place = |(tab, sheet_id): (&Tab, &i64)| {
            let title = description.sheets.get(sheet_id)?.clone();
            // Until the header is read, before the first batch, the columns stand as we made them.
            let columns = tab.columns().iter().copied().zip(0..).collect();
            Some((*tab, Place { sheet_id: *sheet_id, title, columns }))
        };
        self.places = Some(self.head().tabs.iter().filter_map(place).collect());
        self.lines.clear();
        Ok(description)
    }

    /// Makes the tabs and headers of a spreadsheet that was never written, in one numbered batch.
    async fn set_up(&mut self) -> Result<(), Trouble> {
        let description = self.look().await?;
        let mut tabs = BTreeMap::new();
        let mut requests = Vec::new();
        for tab in all_tabs() {
            let existing = description.sheet_of(tab);
            let taken = tabs.values().copied().collect();
            let sheet_id = existing.unwrap_or_else(|| description.free_id(tab, &taken));
            let header = match existing {
                Some(sheet_id) => self.header(sheet_id).await?,
                None => Vec::new(),
            };
            if header.is_empty() {
                requests.extend(layout::create(tab, sheet_id, existing.is_some()));
            } else {
                layout::find_columns(tab, &header)?;
            }
            tabs.insert(tab, sheet_id);
        }
        self.pace.turn().await;
        let batch = Batch { requests, ..Batch::default() };
        self.send(Carries::Tabs(tabs), batch).await
    }

    async fn header(&self, sheet_id: i64) -> Result<Vec<String>, Trouble> {
        let mut lines = locate::read(&self.ledger.sheets, &[layout::header_range(sheet_id)]).await?;
        Ok(lines
            .pop()
            .and_then(|mut lines| (!lines.is_empty()).then(|| lines.swap_remove(0)))
            .unwrap_or_default())
    }

    /// The oldest rows that wait and can be written, as they will stand once `closing` is recorded.
    async fn waiting(&self, most: usize) -> Result<Vec<RowDoc>, Trouble> {
        let now = Instant::now();
        let closing = self.closing.as_ref();
        let landed: HashMap<&RowKey, u64> = closing
            .into_iter()
            .flat_map(|closing| &closing.landed)
            .map(|row| (&row.key, row.version))
            .collect();
        let gone = |key: &RowKey| {
            closing.is_some_and(|c| c.vanished.contains(key) || c.parked.as_ref() == Some(key))
        };
        let mut waiting = Vec::new();
        for tab in all_tabs().filter(|tab| self.blocked.get(tab).is_none_or(|(_, until)| *until <= now)) {
            let limit = (most + landed.len()).min(1_000) as u32;
            for found in rows::in_state(&*self.ledger.store, tab, State::Pending, limit).await? {
                let mut doc = found.value;
                let key = doc.key();
                if let Some(version) = landed.get(&key) {
                    doc.land(*version);
                }
                if doc.state == State::Pending && !gone(&key) {
                    waiting.push(doc);
                }
            }
        }
        waiting.sort_by_key(|doc| doc.occurred_at);
        waiting.truncate(most);
        Ok(waiting)
    }

    /// Writes the rows that wait.
    async fn flush(&mut self) -> Result<(), Trouble> {
        let rows = self.waiting(self.cap).await?;
        let places = self.places.as_mut().expect("step looks before it flushes");
        let tabs: BTreeSet<Tab> = rows.iter().map(|doc| doc.tab).collect();
        let located = locate(&self.ledger.sheets, places, &mut self.lines, rows).await?;
        self.blocked.retain(|tab, _| !tabs.contains(tab));
        for (tab, trouble) in located.blocked {
            self.blocked.insert(tab, (trouble, Instant::now() + LOOK));
        }
        if !located.vanished.is_empty() {
            tracing::warn!(
                rows = located.vanished.len(),
                "rows were deleted from the spreadsheet and stay deleted"
            );
            self.closing.get_or_insert_default().vanished.extend(located.vanished);
        }
        let batch = compose(located.placed, places, &self.ledger.zone);
        if batch.carried.is_empty() {
            return self.record(None).await;
        }
        self.send(Carries::Rows(batch.carried.clone()), batch).await
    }

    /// Records a batch as open, sends it, and judges the answer.
    async fn send(&mut self, carries: Carries, batch: Batch) -> Result<(), Trouble> {
        self.record(Some(carries)).await?;
        let head = self.head();
        let Some(Open { number, .. }) = head.open else { return Err(Trouble::Overtaken) };
        let outdated = head.outdated(number, (self.ledger.clock)());
        let body = call(head, number, Mark::Rows, batch.requests, batch.touched, &outdated);
        let rows = batch.carried.len();
        self.unsettled = true;
        match self.ledger.sheets.batch_update(&body).await {
            Reply::Done(answer) => {
                tracing::debug!(batch = number, rows, "batch written");
                self.land(&locate::ids_in_answer(&answer), outdated);
                Ok(())
            }
            Reply::RateLimited(hint) => {
                // A plain refusal: the batch never was; its rows wait, its number is not used again.
                self.unsettled = false;
                Err(Trouble::Quota(hint))
            }
            Reply::Refused => {
                self.refusals += 1;
                self.places = None;
                tracing::warn!(batch = number, rows, refusals = self.refusals, "batch refused");
                Ok(())
            }
            Reply::Absent => Err(Trouble::NoSpreadsheet(self.head().spreadsheet_id.clone())),
            Reply::Unclear(trouble) => Err(trouble.into()),
        }
    }

    /// Finds out what became of the open batch: whoever creates its number first decides.
    async fn settle(&mut self) -> Result<(), Trouble> {
        let Some(Open { number, .. }) = self.head().open else {
            self.unsettled = false;
            return Ok(());
        };
        self.pace.turn().await;
        let void = call(self.head(), number, Mark::Void, Vec::new(), Vec::new(), &[]);
        let mark = match self.ledger.sheets.batch_update(&void).await {
            Reply::Done(_) => Mark::Void,
            Reply::Refused => self.read_mark(number).await?,
            Reply::RateLimited(hint) => return Err(Trouble::Quota(hint)),
            Reply::Absent => return Err(Trouble::NoSpreadsheet(self.head().spreadsheet_id.clone())),
            Reply::Unclear(trouble) => return Err(trouble.into()),
        };
        tracing::info!(batch = number, landed = mark == Mark::Rows, "batch settled");
        match mark {
            Mark::Rows => {
                let ids = self.ids_now().await?;
                self.land(&ids, Vec::new());
            }
            Mark::Void => self.reject()?,
        }
        self.closing.get_or_insert_default().settled = Some(number);
        Ok(())
    }

    /// What stands now in the lines that the open batch changed; its own answer was lost.
    async fn ids_now(&mut self) -> Result<LineIds, Trouble> {
        let lines: Vec<(Tab, u32)> = match self.head().open.as_ref().map(|open| &open.carries) {
            Some(Carries::Rows(rows)) => {
                rows.iter().filter_map(|row| Some((row.key.tab, row.line?))).collect()
            }
            _ => return Ok(LineIds::new()),
        };
        if lines.is_empty() {
            return Ok(LineIds::new());
        }
        self.look().await?;
        let places = self.places.as_ref().expect("look fills the places");
        let known: Vec<_> =
            lines.into_iter().filter_map(|(tab, line)| Some((places.get(&tab)?, line))).collect();
        let ranges: Vec<_> = known.iter().map(|(place, line)| place.id_range(*line)).collect();
        let found = locate::read(&self.ledger.sheets, &ranges).await?;
        let id = |mut cell: Vec<Vec<String>>| cell.pop().and_then(|mut line| line.pop()).unwrap_or_default();
        Ok(known.iter().zip(found).map(|((place, line), cell)| ((place.sheet_id, *line), id(cell))).collect())
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
    fn land(&mut self, ids: &LineIds, outdated: Vec<i32>) {
        self.unsettled = false;
        self.refusals = 0;
        self.cap = (self.cap * 2).min(MAX_ROWS);
        self.pace.succeed();
        let carries = self.head().open.as_ref().map(|open| open.carries.clone());
        let mut closing = Closing { outdated, ..Closing::default() };
        match carries {
            Some(Carries::Tabs(tabs)) => {
                closing.tabs = Some(tabs);
                self.places = None;
            }
            Some(Carries::Rows(rows)) => {
                closing.rewrite = self.misplaced(&rows, ids);
                closing.landed = rows;
            }
            None => {}
        }
        self.closing = Some(closing);
    }

    /// Rows whose line held another id when the batch changed it: somebody sorted in between. Both the row that was
    /// meant and the one that was hit are written again in full.
    fn misplaced(&mut self, rows: &[Carried], ids: &LineIds) -> BTreeSet<RowKey> {
        let mut wrong = BTreeSet::new();
        for (row, line) in rows.iter().filter_map(|row| Some((row, row.line?))) {
            let sheet_id = self.head().tabs[&row.key.tab];
            let stands = ids.get(&(sheet_id, line));
            if stands == Some(&row.key.id) {
                continue;
            }
            self.lines.forget(row.key.tab);
            wrong.insert(row.key.clone());
            wrong.extend(
                stands.filter(|id| !id.is_empty()).map(|id| RowKey { tab: row.key.tab, id: id.clone() }),
            );
        }
        if !wrong.is_empty() {
            tracing::warn!(
                rows = wrong.len(),
                "the spreadsheet was sorted meanwhile; rows are written again"
            );
        }
        wrong
    }

    /// The open batch did not land and never will. After a second refusal it is halved, and a row that is refused
    /// alone is parked.
    fn reject(&mut self) -> Result<(), Trouble> {
        self.unsettled = false;
        let mut closing = Closing::default();
        let carries = self.head().open.as_ref().map(|open| open.carries.clone());
        match carries {
            Some(Carries::Rows(rows)) if self.refusals > 1 => match rows.as_slice() {
                [row] => {
                    closing.parked = Some(row.key.clone());
                    self.cap = MAX_ROWS;
                    self.refusals = 0;
                }
                rows => self.cap = (rows.len() / 2).max(1),
            },
            Some(Carries::Tabs(_)) if self.refusals > 0 => return Err(Trouble::TabsRefused),
            _ => {}
        }
        self.closing = Some(closing);
        Ok(())
    }

    /// One commit: what is known of the last batch, and the next one as open. Proves that nobody has taken over.
    async fn record(&mut self, open: Option<Carries>) -> Result<(), Trouble> {
        if self.closing.is_none() && open.is_none() && self.head().open.is_none() {
            return Ok(());
        }
        let expected = self.head().clone();
        let closing = self.closing.take().unwrap_or_default();
        let now = (self.ledger.clock)();
        let next = closing.next_head(&expected, open, now);
        let result = closing.commit(&*self.ledger.store, &expected, &next).await;
        match result {
            Ok(()) => self.head = Some(next),
            Err(_) => self.closing = Some(closing),
        }
        result
    }
}
