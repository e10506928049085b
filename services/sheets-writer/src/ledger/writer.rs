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
    compose::{call, compose},
    layout::{self, Description, Place},
    lease::{self, Watch},
    locate::{self, Lines, locate},
    pace::Pace,
    protocol::{Carried, Carries, Head, Mark},
    seen::Seen,
    trouble::Trouble,
};
use crate::{
    rows::{self, RowDoc, RowKey, State},
    sheets::{Reply, body::Request},
};

/// Most rows of a batch.
pub(super) const MAX_ROWS: usize = 400;
/// How often an idle ledger looks by itself, and for a tab that was deleted. Over a shared store this finds the rows
/// that a process left behind; a look is one read there, 2,880 a day.
const LOOK: Duration = Duration::from_secs(30);
/// How often the holder of a lease looks for rows that other processes took in: they wait for it as long as it holds
/// the lease, and no longer, since an idle one lapses. Where batches never cease for long it is 28,800 reads a day.
const LOOK_FOR_OTHERS: Duration = Duration::from_secs(3);
/// How often a wrong header is read again: somebody is likely to be at it.
const LOOK_AT_HEADER: Duration = Duration::from_secs(5);

/// A rest between two steps.
pub(super) struct Pause {
    pub(super) longest: Duration,
    /// Rows that come in end it.
    pub(super) until_woken: bool,
}

/// The writer's memory; all of it can be lost.
pub(super) struct Writer<'l> {
    pub(super) ledger: &'l Ledger,
    pub(super) head: Option<Head>,
    /// The batch in `head.open` has an unknown outcome.
    pub(super) unsettled: bool,
    /// The outcome of the batch in `head.open` is known and not recorded.
    pub(super) closing: Option<Closing>,
    pub(super) places: Option<BTreeMap<Tab, Place>>,
    pub(super) lines: Lines,
    pub(super) watch: Watch,
    /// The process ends.
    leaving: bool,
    /// Tabs that cannot be written: why, and when to look again.
    blocked: BTreeMap<Tab, (Trouble, Instant)>,
    pub(super) pace: Pace,
    /// How many rows the next batch may have, and how often the last one was refused.
    pub(super) cap: usize,
    pub(super) refusals: u32,
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
            watch: Watch::default(),
            leaving: false,
            blocked: BTreeMap::new(),
            pace: Pace::new(ledger.timer.now()),
            cap: MAX_ROWS,
            refusals: 0,
        }
    }

    /// Does the next thing there is to do; a pause when there is nothing more.
    pub(super) async fn step(&mut self) -> Result<Option<Pause>, Trouble> {
        if self.head.is_none()
            && let Some(pause) = self.take_over().await?
        {
            return Ok(Some(pause));
        }
        let rows = !self.waiting(1).await?.is_empty();
        if !rows {
            let now = self.now();
            self.blocked.retain(|_, (_, until)| *until > now);
        } else if self.is_time_for_deleted_tabs() {
            self.places = None;
        }
        if !rows && !self.has_more_to_do() {
            return Ok(Some(Pause { longest: self.until_next_look(), until_woken: true }));
        }
        self.hold().await?;
        self.ledger.keeping(self.work(rows)).await
    }

    /// Whether there is anything to do besides rows that wait.
    fn has_more_to_do(&self) -> bool {
        let head = self.head();
        self.places.is_none() || self.closing.is_some() || head.open.is_some() || head.tabs.is_empty()
    }

    async fn work(&mut self, rows: bool) -> Result<Option<Pause>, Trouble> {
        if self.closing.as_ref().is_some_and(|closing| closing.tabs.is_some()) {
            // Without them the spreadsheet counts as never written, and would be set up again.
            return self.record(None).await.map(|()| None);
        }
        if self.places.is_none() {
            self.look().await?;
        }
        let writes = self.unsettled || self.head().tabs.is_empty() || rows;
        if let (true, Some(rest)) = (writes, self.pace.rest(self.now())) {
            return Ok(Some(Pause { longest: rest, until_woken: false }));
        }
        if self.unsettled {
            self.settle().await?;
        } else if self.head().tabs.is_empty() {
            self.set_up().await?;
        } else if rows {
            self.flush().await?;
        } else {
            // What this records may be what rows were waiting for.
            self.record(None).await?;
        }
        Ok(None)
    }

    /// What to do after trouble: how long to wait. That another process writes is none.
    pub(super) fn recover(&mut self, trouble: &Trouble) -> Option<Pause> {
        let hint = if let Trouble::Quota(hint) = trouble { *hint } else { None };
        match trouble {
            Trouble::Overtaken | Trouble::StoreBehind(_) => {
                // What was known of a batch was known of another head.
                (self.head, self.closing, self.unsettled) = (None, None, false);
            }
            Trouble::Quota(_) => {}
            _ => self.places = None,
        }
        if matches!(trouble, Trouble::Overtaken) && self.ledger.is_shared() {
            return None;
        }
        let wait = self.pace.back_off(hint);
        // Long waits are for Google's quota.
        let longest = if matches!(trouble, Trouble::Store(_)) { wait.min(lease::LENGTH) } else { wait };
        Some(Pause { longest, until_woken: false })
    }

    /// Records what is known when the process ends.
    pub(super) async fn finish(&mut self) -> Result<(), Trouble> {
        self.leaving = true;
        if self.closing.is_some() { self.record(None).await } else { self.give_up().await }
    }

    /// Forgets what was seen of the spreadsheet, and what it refused: that may have been another process's doing.
    pub(super) fn forget(&mut self) {
        self.places = None;
        self.lines.clear();
        self.blocked.clear();
        (self.cap, self.refusals) = (MAX_ROWS, 0);
    }

    pub(super) fn now(&self) -> Instant {
        self.ledger.timer.now()
    }

    /// Why the rows of some tab wait.
    pub(super) fn trouble(&self) -> Option<&Trouble> {
        self.blocked.values().map(|(trouble, _)| trouble).next()
    }

    fn is_time_for_deleted_tabs(&self) -> bool {
        let now = self.now();
        self.blocked.values().any(|(trouble, until)| matches!(trouble, Trouble::TabGone(_)) && *until <= now)
    }

    fn until_next_look(&self) -> Duration {
        let now = self.now();
        let look = if self.ledger.tenure.is_held(now) { LOOK_FOR_OTHERS } else { LOOK };
        self.blocked.values().map(|(_, until)| until.duration_since(now)).min().unwrap_or(look).min(look)
    }

    pub(super) fn head(&self) -> &Head {
        self.head.as_ref().expect("a step without a head begins with take_over")
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
        if let Err(trouble) = self.head().check_marks(&description.marks) {
            return Err(self.unless_overtaken(trouble).await);
        }
        let place = |(tab, sheet_id): (&Tab, &i64)| {
            let title = description.sheets.get(sheet_id)?.clone();
            // Until the header is read, before the first batch, the columns stand as we made them.
            let columns = tab.columns().iter().map(|column| (*column).to_owned()).zip(0..).collect();
            Some((*tab, Place { sheet_id: *sheet_id, title, columns }))
        };
        self.places = Some(self.head().tabs.iter().filter_map(place).collect());
        self.lines.clear();
        Ok(description)
    }

    /// Whoever was stopped for long finds the next writer's batches and knows nothing of them.
    async fn unless_overtaken(&self, trouble: Trouble) -> Trouble {
        match self.ledger.load_head().await {
            Ok(head) if head.is_still(self.head()) => trouble,
            Ok(_) => Trouble::Overtaken,
            Err(error) => error.into(),
        }
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
        self.send(Carries::Tabs(tabs), requests, Vec::new()).await
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
        let closing = self.closing.as_ref();
        let landed: HashMap<&RowKey, &Carried> =
            closing.into_iter().flat_map(|closing| &closing.landed).map(|row| (&row.key, row)).collect();
        let parked = closing.and_then(|closing| closing.parked.as_ref());
        let gone = |doc: &RowDoc, key: &RowKey| {
            closing.is_some_and(|closing| closing.vanished.contains(key))
                || parked.is_some_and(|row| row.key == *key && row.version == doc.version)
        };
        let mut waiting = Vec::new();
        for mut doc in self.pending((most + landed.len()).min(1_000) as u32).await? {
            let key = doc.key();
            if let Some(row) = landed.get(&key) {
                doc.land(row.version, row.changed());
            }
            if doc.state == State::Pending && !gone(&doc, &key) {
                waiting.push(doc);
            }
        }
        waiting.sort_by_key(|doc| doc.occurred_at);
        waiting.truncate(most);
        Ok(waiting)
    }

    /// The oldest pending rows: of all tabs in one query, or of each tab in turn while some cannot be written.
    async fn pending(&self, limit: u32) -> Result<Vec<RowDoc>, store::Error> {
        let (store, now) = (&*self.ledger.store, self.now());
        let waits = |tab: &Tab| self.blocked.get(tab).is_some_and(|(_, until)| *until > now);
        if !all_tabs().any(|tab| waits(&tab)) {
            return rows::oldest(store, State::Pending, limit).await;
        }
        let mut pending = Vec::new();
        for tab in all_tabs().filter(|tab| !waits(tab)) {
            pending.extend(rows::in_state(store, tab, State::Pending, limit).await?);
        }
        Ok(pending)
    }

    /// Writes the rows that wait.
    async fn flush(&mut self) -> Result<(), Trouble> {
        let (rows, now) = (self.waiting(self.cap).await?, self.now());
        let places = self.places.as_mut().expect("step looks before it flushes");
        let tabs: BTreeSet<Tab> = rows.iter().map(|doc| doc.tab).collect();
        let located = locate(&self.ledger.sheets, places, &mut self.lines, rows).await?;
        self.blocked.retain(|tab, _| !tabs.contains(tab));
        for (tab, trouble) in located.blocked {
            let rest = if matches!(trouble, Trouble::TabGone(_)) { LOOK } else { LOOK_AT_HEADER };
            self.blocked.insert(tab, (trouble, now + rest));
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
        let carries = batch.carries(places);
        self.send(carries, batch.requests, batch.watched).await
    }

    /// Records a batch as open, sends it, and judges the answer.
    async fn send(
        &mut self,
        carries: Carries,
        requests: Vec<Request>,
        watched: Vec<String>,
    ) -> Result<(), Trouble> {
        self.record(Some(carries)).await?;
        let head = self.head();
        let Some(open) = &head.open else { return Err(Trouble::Overtaken) };
        let number = open.number;
        let body = call(head, number, Mark::Rows, requests, watched, &open.outdated);
        self.unsettled = true;
        self.pace.go(self.now());
        match self.ledger.sheets.batch_update(&body).await {
            Reply::Done(answer) => {
                tracing::debug!(batch = number, "batch written");
                self.land(&Seen::in_answer(&answer));
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
                tracing::warn!(batch = number, refusals = self.refusals, "batch refused");
                Ok(())
            }
            Reply::Absent => Err(Trouble::NoSpreadsheet(self.head().spreadsheet_id.clone())),
            Reply::Unclear(trouble) => Err(trouble.into()),
        }
    }

    /// One commit: what is known of the last batch, and the next one as open. Proves that nobody has taken over.
    async fn record(&mut self, open: Option<Carries>) -> Result<(), Trouble> {
        if self.closing.is_none() && open.is_none() && self.head().open.is_none() {
            return Ok(());
        }
        let expected = self.head().clone();
        let closing = self.closing.take().unwrap_or_default();
        let (now, began) = ((self.ledger.clock)(), self.now());
        let mut next = closing.next_head(&expected, open, self.refusals > 0, now);
        next.lease = (self.ledger.is_shared() && !self.leaving).then(|| self.ledger.lease());
        let result = closing.commit(&*self.ledger.store, &expected, &next).await;
        match result {
            Ok(()) => {
                self.ledger.moved(&next, began);
                self.head = Some(next);
            }
            Err(_) => self.closing = Some(closing),
        }
        result
    }
}
