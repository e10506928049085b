//! The one task that writes: settle what is open, set up the tabs, send what waits.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use domain::Tab;
use tokio::time::Instant;

use super::{
    Ledger,
    closing::Closing,
    compose::{call, compose},
    hunt::Hunt,
    layout::Place,
    lease::{self, Watch},
    locate::{Lines, locate},
    pace::Pace,
    protocol::{Carries, Head, Mark},
    seen::Seen,
    sweep::Sweep,
    trouble::Trouble,
};
use crate::{
    people,
    sheets::{Reply, body::Request},
};

/// Most rows of a batch.
pub(super) const MAX_ROWS: usize = 400;
/// How often an idle ledger looks by itself, and for a tab that was deleted. Over a shared store this finds the rows
/// that a process left behind; a look is one read there, 2,880 a day.
pub(super) const LOOK: Duration = Duration::from_secs(30);
/// How often the holder of a lease looks for rows that other processes took in: they wait for it as long as it holds
/// the lease, and no longer, since an idle one lapses. Where batches never cease for long it is 28,800 reads a day.
const LOOK_FOR_OTHERS: Duration = Duration::from_secs(3);
/// How often a wrong header is read again: somebody is likely to be at it.
const LOOK_AT_HEADER: Duration = Duration::from_secs(5);
/// How often it is looked whether a protection was lifted: one read for all tabs.
const LOOK_AT_PROTECTION: Duration = Duration::from_secs(10);

/// How often it is looked how large the spreadsheet is, while rows are written.
const LOOK_AT_SIZE: Duration = Duration::from_secs(600);

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
    pub(super) blocked: BTreeMap<Tab, (Trouble, Instant)>,
    pub(super) pace: Pace,
    /// What is refused, and why.
    pub(super) hunt: Hunt,
    /// How many cells the spreadsheet has.
    pub(super) cells: u64,
    /// When it was looked at.
    pub(super) looked: Instant,
    pub(super) sweep: Sweep,
    /// People's columns are to be read before anything else.
    pub(super) sweeps: bool,
    /// A tab that is gone and is to be filled.
    rebuild: Option<Tab>,
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
            hunt: Hunt::default(),
            cells: 0,
            looked: ledger.timer.now(),
            sweep: Sweep::new(ledger.timer.now()),
            sweeps: false,
            rebuild: None,
        }
    }

    /// Does the next thing there is to do; a pause when there is nothing more.
    pub(super) async fn step(&mut self) -> Result<Option<Pause>, Trouble> {
        if self.head.is_none()
            && let Some(pause) = self.take_over().await?
        {
            return Ok(Some(pause));
        }
        self.heed_wishes();
        self.examine_refused_tabs().await?;
        let rows = self.hunt.probe().is_some() || !self.waiting(1).await?.is_empty();
        if !rows && self.hunt.widen() {
            return Ok(None);
        }
        if !rows {
            let now = self.now();
            self.blocked.retain(|_, (trouble, until)| *until > now || trouble.is_put_to_the_proof());
        } else if self.is_time_to_look_again() {
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
        self.places.is_none()
            || self.sweeps
            || self.rebuild.is_some()
            || self.closing.is_some()
            || head.open.is_some()
            || head.tabs.is_empty()
    }

    async fn work(&mut self, rows: bool) -> Result<Option<Pause>, Trouble> {
        if self.closing.as_ref().is_some_and(|closing| closing.tabs.is_some()) {
            // Without them the spreadsheet counts as never written, and would be set up again.
            return self.record(None).await.map(|()| None);
        }
        if self.head().spreadsheet_id != self.ledger.sheets.spreadsheet_id() {
            return self.move_over().await.map(|()| None);
        }
        if self.places.is_none() {
            self.look().await?;
            self.rebuild = self.next_rebuild().await?;
        }
        if self.sweeps && !self.unsettled && !self.head().tabs.is_empty() {
            self.record(None).await?;
            self.sweep().await?;
            self.sweeps = false;
            return Ok(None);
        }
        if let (Some(tab), false) = (self.rebuild, self.unsettled) {
            self.record(None).await?;
            return self.rebuild(tab).await;
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
        self.hunt = Hunt::default();
        self.sweep.forget();
    }

    pub(super) fn now(&self) -> Instant {
        self.ledger.timer.now()
    }

    /// Why the rows of some tabs wait.
    pub(super) fn trouble(&self) -> Option<String> {
        let troubles: Vec<String> = self.blocked.values().map(|(trouble, _)| trouble.to_string()).collect();
        (!troubles.is_empty()).then(|| troubles.join("; "))
    }

    fn is_time_to_look_again(&self) -> bool {
        let now = self.now();
        let is_seen = |trouble: &Trouble| matches!(trouble, Trouble::TabGone(_) | Trouble::Protected { .. });
        self.looked + LOOK_AT_SIZE <= now
            || self.blocked.values().any(|(trouble, until)| is_seen(trouble) && *until <= now)
    }

    fn until_next_look(&self) -> Duration {
        let now = self.now();
        let look = if self.ledger.tenure.is_held(now) { LOOK_FOR_OTHERS } else { LOOK };
        let look = self.until_sweep().map_or(look, |rest| rest.min(look));
        self.blocked.values().map(|(_, until)| until.duration_since(now)).min().unwrap_or(look).min(look)
    }

    pub(super) fn head(&self) -> &Head {
        self.head.as_ref().expect("a step without a head begins with take_over")
    }

    /// How long it is until people's columns are read. Over a shared store that is while there is work, since it takes
    /// the lease, and an idle ledger writes nothing.
    pub(super) fn until_sweep(&self) -> Option<Duration> {
        let now = self.now();
        let may = !self.ledger.is_shared() || self.ledger.tenure.is_held(now);
        may.then(|| self.sweep.rest(now))
    }

    /// Writes the rows that wait.
    async fn flush(&mut self) -> Result<(), Trouble> {
        let (rows, now) = (self.next_rows().await?, self.now());
        let places = self.places.as_mut().expect("step looks before it flushes");
        let tabs: BTreeSet<Tab> = rows.iter().map(|doc| doc.tab).collect();
        let mut located = locate(&self.ledger.sheets, places, &mut self.lines, rows).await?;
        if self.hunt.probe().is_none() {
            self.blocked.retain(|tab, _| !tabs.contains(tab));
        }
        for (tab, trouble) in located.blocked {
            let rest = match trouble {
                Trouble::TabGone(_) => LOOK,
                Trouble::Protected { .. } => LOOK_AT_PROTECTION,
                _ => LOOK_AT_HEADER,
            };
            self.blocked.insert(tab, (trouble, now + rest));
        }
        if !located.vanished.is_empty() {
            tracing::warn!(
                rows = located.vanished.len(),
                "rows were deleted from the spreadsheet and stay deleted"
            );
            self.closing.get_or_insert_default().vanished.extend(located.vanished);
        }
        if self.is_contested(&located.placed).await? {
            if self.sweep.is_fresh(self.now()) {
                return Err(Trouble::ReadRefused);
            }
            self.sweeps = true;
            return Ok(());
        }
        let Some(places) = &self.places else { return Ok(()) };
        let docs = located.placed.iter_mut().map(|placed| &mut placed.doc);
        people::show_survivors(&*self.ledger.store, docs).await?;
        let batch = compose(located.placed, places, &self.ledger.zone);
        if batch.carried.is_empty() {
            self.hunt.drop_probe();
            return self.record(None).await;
        }
        let (carries, batch) = match self.hunt.probe() {
            Some(_) => batch.into_probe(places).expect("a probe is of one row"),
            None => (batch.carries(places), batch),
        };
        self.send(carries, batch.requests, batch.watched).await
    }

    /// Records a batch as open, sends it, and judges the answer.
    pub(super) async fn send(
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
                self.sweep.note_life(self.now());
                Ok(())
            }
            Reply::RateLimited(hint) => {
                // A plain refusal: the batch never was; its rows wait, its number is not used again.
                self.unsettled = false;
                Err(Trouble::Quota(hint))
            }
            Reply::Refused(at) => {
                let sheet = at.and_then(|at| body.requests.get(at)).and_then(Request::sheet_id);
                let tabs = &self.head().tabs;
                let named = tabs.iter().find(|(_, id)| sheet == Some(**id)).map(|(tab, _)| *tab);
                self.hunt.refused(named);
                self.places = None;
                tracing::warn!(batch = number, tab = named.map(Tab::as_str), "batch refused");
                Ok(())
            }
            Reply::Absent => Err(Trouble::NoSpreadsheet(self.head().spreadsheet_id.clone())),
            Reply::Unclear(trouble) => Err(trouble.into()),
        }
    }

    /// One commit: what is known of the last batch, and the next one as open. Proves that nobody has taken over.
    async fn record(&mut self, open: Option<Carries>) -> Result<(), Trouble> {
        let head = self.head();
        let known = self.closing.is_none() && head.open.is_none() && head.cells == self.cells;
        if known && open.is_none() {
            return Ok(());
        }
        let expected = self.head().clone();
        let closing = self.closing.take().unwrap_or_default();
        let (now, began) = ((self.ledger.clock)(), self.now());
        let mut next = closing.next_head(&expected, open, self.hunt.is_on(), now);
        next.cells = self.cells;
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
