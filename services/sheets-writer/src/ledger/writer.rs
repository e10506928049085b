//! The one task that writes: settle what is open, set up the tabs, send what waits.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use chassis::brink::{self, Point};
use domain::Tab;
use tokio::time::Instant;

use super::{
    Ledger,
    compose::call,
    hunt::Hunt,
    layout::Place,
    lease::{self, Watch},
    locate::Lines,
    pace::Pace,
    patrol::Patrol,
    protocol::{Carries, Head, Machine, Mark, Open, Terms, Verdict},
    seen::Seen,
    sweep::Sweep,
    trouble::Trouble,
};
use crate::{
    rows::RowKey,
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
    /// What it knows of the batches.
    pub(super) machine: Machine,
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
    pub(super) patrol: Patrol,
    /// Marks of another ledger in the spreadsheet, which the operator wants taken over.
    pub(super) claimed: Vec<i32>,
    /// People's columns are to be read before anything else.
    pub(super) sweeps: bool,
    /// A tab that is gone and is to be filled.
    rebuild: Option<Tab>,
    /// After a restore, the ids that stood in each tab when somebody last looked.
    pub(super) standing: BTreeMap<Tab, HashSet<String>>,
    /// Rows whose line stands and lost its id too often: they wait, and until when nobody looks for it.
    pub(super) held: BTreeMap<RowKey, Instant>,
}

// === impl Writer ===

impl<'l> Writer<'l> {
    pub(super) fn new(ledger: &'l Ledger) -> Self {
        Self {
            ledger,
            machine: Machine::default(),
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
            patrol: Patrol::default(),
            claimed: Vec::new(),
            sweeps: false,
            rebuild: None,
            standing: BTreeMap::new(),
            held: BTreeMap::new(),
        }
    }

    /// Does the next thing there is to do; a pause when there is nothing more.
    pub(super) async fn step(&mut self) -> Result<Option<Pause>, Trouble> {
        if self.machine.head().is_none()
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
            || self.goes_on().is_some_and(|rest| rest.is_zero())
            || self.rebuild.is_some()
            || self.machine.closing().is_some()
            || head.open.is_some()
            || head.tabs.is_empty()
    }

    async fn work(&mut self, rows: bool) -> Result<Option<Pause>, Trouble> {
        if self.machine.closing().is_some_and(|closing| closing.tabs.is_some()) {
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
        if !self.claimed.is_empty() && !self.machine.is_unsettled() {
            self.record(None).await?;
            let marks = std::mem::take(&mut self.claimed);
            return self.take_spreadsheet(&marks).await.map(|()| None);
        }
        if self.sweeps && !self.machine.is_unsettled() && !self.head().tabs.is_empty() {
            self.record(None).await?;
            self.sweep().await?;
            self.patrol().await?;
            self.sweeps = false;
            return Ok(None);
        }
        if self.goes_on().is_some_and(|rest| rest.is_zero())
            && !self.machine.is_unsettled()
            && !self.head().tabs.is_empty()
        {
            self.record(None).await?;
            self.patrol().await?;
            return Ok(None);
        }
        if let (Some(tab), false) = (self.rebuild, self.machine.is_unsettled()) {
            self.record(None).await?;
            return self.rebuild(tab).await;
        }
        let writes = self.machine.is_unsettled() || self.head().tabs.is_empty() || rows;
        if let (true, Some(rest)) = (writes, self.pace.rest(self.now())) {
            return Ok(Some(Pause { longest: rest, until_woken: false }));
        }
        if self.machine.is_unsettled() {
            self.settle().await?;
            brink::pass(Point::Settled);
        } else if !self.hunt.is_on() && self.head().must_sweep((self.ledger.clock)()) {
            self.send(Carries::nothing(), Vec::new(), Vec::new()).await?;
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
            Trouble::Overtaken | Trouble::StoreBehind(_) => self.machine.lose(),
            Trouble::Quota(_) => {}
            _ => self.places = None,
        }
        if matches!(trouble, Trouble::Overtaken) && self.ledger.is_shared() {
            return None;
        }
        let wait = self.pace.back_off(hint);
        // Long waits are for Google's quota.
        let longest = if matches!(trouble, Trouble::Store(_) | Trouble::Restoring) {
            wait.min(lease::LENGTH)
        } else {
            wait
        };
        Some(Pause { longest, until_woken: false })
    }

    /// Records what is known when the process ends.
    pub(super) async fn finish(&mut self) -> Result<(), Trouble> {
        self.leaving = true;
        if self.machine.closing().is_some() { self.record(None).await } else { self.give_up().await }
    }

    /// Forgets what was seen of the spreadsheet, and what it refused: that may have been another process's doing.
    pub(super) fn forget(&mut self) {
        self.places = None;
        self.forget_lines();
        self.standing.clear();
        self.held.clear();
        self.blocked.clear();
        self.hunt = Hunt::default();
    }

    /// A line was written to: what it showed before tells nothing any more.
    pub(super) fn forget_line(&mut self, key: &RowKey) {
        self.sweep.forget_line(key);
        self.patrol.forget_line(key);
    }

    /// Anything may stand in the tabs.
    pub(super) fn forget_lines(&mut self) {
        self.lines.clear();
        self.sweep.forget();
        self.patrol = Patrol::default();
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
        let due = [self.until_sweep(), self.goes_on()].into_iter().flatten().min();
        let look = due.map_or(look, |rest| rest.min(look));
        self.blocked.values().map(|(_, until)| until.duration_since(now)).min().unwrap_or(look).min(look)
    }

    pub(super) fn head(&self) -> &Head {
        self.machine.head().expect("a step without a head begins with take_over")
    }

    /// How long it is until people's columns are read. Over a shared store that is while there is work, since it takes
    /// the lease, and an idle ledger writes nothing.
    pub(super) fn until_sweep(&self) -> Option<Duration> {
        let now = self.now();
        self.may_look(now).then(|| self.sweep.rest(now))
    }

    /// How long it is until lines are looked at that the last look left out, if there are any.
    fn goes_on(&self) -> Option<Duration> {
        let now = self.now();
        self.patrol.goes_on(now).filter(|_| self.may_look(now))
    }

    fn may_look(&self, now: Instant) -> bool {
        !self.ledger.is_shared() || self.ledger.tenure.is_held(now)
    }

    /// Records a batch as open, sends it, and judges the answer.
    pub(super) async fn send(
        &mut self,
        carries: Carries,
        requests: Vec<Request>,
        watched: Vec<String>,
    ) -> Result<(), Trouble> {
        self.record(Some(carries)).await?;
        brink::pass(Point::Opened);
        let Some(Open { number, outdated, .. }) = self.machine.send().cloned() else {
            return Err(Trouble::Overtaken);
        };
        let body = call(self.head(), number, Mark::Rows, requests, watched, &outdated);
        self.pace.go(self.now());
        let reply = self.ledger.sheets.batch_update(&body).await;
        match (self.machine.answered(reply.told()), reply) {
            (Verdict::Decided(_), Reply::Done(answer)) => {
                brink::pass(Point::Sent);
                tracing::debug!(batch = number, "batch written");
                self.land(&Seen::in_answer(&answer));
                self.sweep.note_life(self.now());
                Ok(())
            }
            (_, Reply::RateLimited(hint)) => Err(Trouble::Quota(hint)),
            (_, Reply::Refused(at)) => {
                let sheet = at.and_then(|at| body.requests.get(at)).and_then(Request::sheet_id);
                let tabs = &self.head().tabs;
                let named = tabs.iter().find(|(_, id)| sheet == Some(**id)).map(|(tab, _)| *tab);
                self.hunt.refused(named);
                self.places = None;
                tracing::warn!(batch = number, tab = named.map(Tab::as_str), "batch refused");
                Ok(())
            }
            (_, Reply::Unclear(trouble)) => Err(trouble.into()),
            _ => Err(Trouble::NoSpreadsheet(self.head().spreadsheet_id.clone())),
        }
    }

    /// One commit: what is known of the last batch, and the next one as open. Proves that nobody has taken over.
    pub(super) async fn record(&mut self, open: Option<Carries>) -> Result<(), Trouble> {
        let head = self.head();
        let known = self.machine.closing().is_none() && head.open.is_none() && head.cells == self.cells;
        if known && open.is_none() {
            return Ok(());
        }
        let (now, began) = ((self.ledger.clock)(), self.now());
        let lease = (self.ledger.is_shared() && !self.leaving).then(|| self.ledger.lease());
        let terms = Terms { lean: self.hunt.is_on(), cells: self.cells, lease, now };
        let Some(step) = self.machine.step(open, terms) else { return Err(Trouble::Overtaken) };
        let result = step.commit(&*self.ledger.store).await;
        match result {
            Ok(()) => {
                self.ledger.moved(&step.next, began);
                self.machine.committed(step);
            }
            Err(_) => self.machine.not_committed(step),
        }
        result
    }
}
