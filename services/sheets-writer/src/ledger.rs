//! The ledger: rows that wait in the store become lines of the spreadsheet, in numbered batches.
//!
//! Committing a row as pending is the acknowledgement; everything here may die at any moment and is picked up from
//! the store. The invariant: a batch is recorded before it is sent, and nothing else is sent until it is known
//! whether it landed.

mod adoption;
mod cells;
mod claim;
mod closing;
mod compose;
mod flush;
mod gone;
mod hunt;
mod layout;
mod lease;
mod line;
mod locate;
mod look;
mod lost;
mod mends;
mod outcome;
mod pace;
mod parse;
mod patrol;
mod protocol;
mod queue;
mod reader;
mod rebuild;
pub(crate) mod restored;
mod seen;
mod sweep;
mod takeover;
mod timer;
mod trouble;
pub(crate) mod verify;
mod view;
mod writer;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use domain::{Tab, id::LedgerId};
use jiff::tz::TimeZone;
use store::{Clock, Collection, Precondition, Store};
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    error::Chain,
    rows::{self, State},
    sheets,
};
use lease::Tenure;
pub(crate) use mends::Mend;
use protocol::Head;
use timer::{System, Timer};
use trouble::Trouble;
pub(crate) use view::Shown;
use writer::{Pause, Writer};

/// The ledger's own state.
pub(crate) const LEDGER: Collection<Head> = Collection::new("ledger");
/// Its one document.
pub(crate) const HEAD: &str = "head";

/// A panic may come again at once.
const AFTER_A_PANIC: Duration = Duration::from_secs(1);

/// The ledger, shared by those who put rows into the store and the task that writes them.
pub(crate) struct Ledger {
    store: Arc<dyn Store>,
    sheets: sheets::Client,
    zone: TimeZone,
    clock: Clock,
    wake: Notify,
    blocked: Mutex<Option<String>>,
    /// Somebody wants tabs and people's columns looked at now.
    asked: AtomicBool,
    timer: Arc<dyn Timer>,
    tenure: Tenure,
    /// Reads beside the writer.
    reads: reader::Reads,
    views: view::Views,
}

/// How far the spreadsheet is behind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) ledger_id: String,
    pub(crate) spreadsheet_id: String,
    pub(crate) next_batch: i32,
    pub(crate) batch_open: bool,
    pub(crate) pending: u64,
    pub(crate) parked: u64,
    pub(crate) blocked: String,
    pub(crate) cells: u64,
    pub(crate) warning: String,
    pub(crate) rebuilding: String,
    pub(crate) mends: mends::Mends,
}

// === impl Ledger ===

impl Ledger {
    pub(crate) fn new(store: Arc<dyn Store>, sheets: sheets::Client, zone: TimeZone, clock: Clock) -> Self {
        Self {
            store,
            sheets,
            zone,
            wake: Notify::new(),
            blocked: Mutex::new(None),
            asked: AtomicBool::new(false),
            reads: reader::Reads::new(System.now()),
            views: view::Views::default(),
            timer: Arc::new(System),
            tenure: Tenure::new(clock()),
            clock,
        }
    }

    /// Look at everything again: people's columns, and what keeps tabs from being written.
    pub(crate) fn look_again(&self) {
        self.asked.store(true, Ordering::Relaxed);
        self.wake();
    }

    /// Rows wait; write them soon.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Writes rows until `shutdown`; what is under way then is finished and recorded. A writer that panics is started
    /// again: all of its memory can be lost.
    pub(crate) async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let mut writing = JoinSet::new();
        loop {
            writing.spawn(self.clone().write(shutdown.clone()));
            let panicked = writing.join_next().await.is_some_and(|ended| ended.is_err());
            if !panicked || shutdown.is_cancelled() {
                return;
            }
            tracing::error!("the ledger's writer panicked and is started again");
            self.timer.sleep(AFTER_A_PANIC).await;
        }
    }

    async fn write(self: Arc<Self>, shutdown: CancellationToken) {
        let mut writer = Writer::new(&self);
        while !shutdown.is_cancelled() {
            let Some(pause) = self.turn(&mut writer).await else { continue };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.timer.sleep(pause.longest) => {}
                () = self.wake.notified(), if pause.until_woken => {}
            }
        }
        match writer.finish().await {
            Ok(()) => {}
            Err(Trouble::Overtaken) if self.is_shared() => {}
            Err(trouble) => {
                tracing::warn!(error = %Chain(&trouble), "the last batch is settled at the next start");
            }
        }
    }

    async fn turn(&self, writer: &mut Writer<'_>) -> Option<Pause> {
        match writer.step().await {
            Ok(pause) => {
                self.report(writer.trouble(), false).await;
                pause
            }
            Err(trouble) => {
                let pause = writer.recover(&trouble);
                if pause.is_some() {
                    let why = Chain(&trouble).to_string();
                    self.report(Some(why), matches!(trouble, Trouble::Store(_))).await;
                } else {
                    tracing::info!("another process writes the ledger now");
                    *self.blocked() = None;
                }
                pause
            }
        }
    }

    /// How far the spreadsheet is behind, and what keeps it.
    pub(crate) async fn status(&self) -> Result<Status, store::Error> {
        let head = self.load_head().await?;
        Ok(Status {
            ledger_id: head.ledger_id.to_string(),
            spreadsheet_id: head.spreadsheet_id.clone(),
            next_batch: head.next,
            batch_open: head.open.is_some(),
            pending: rows::count(&*self.store, State::Pending).await?,
            parked: rows::count(&*self.store, State::Parked).await?,
            blocked: self.blocked_by(&head).unwrap_or_default(),
            cells: head.cells,
            rebuilding: self.rebuilding().await?,
            mends: mends::load(&*self.store).await?,
            warning: layout::warning(head.cells).unwrap_or_default(),
        })
    }

    /// The ledger's state, made at the first start.
    async fn load_head(&self) -> Result<Head, store::Error> {
        if let Some(found) = LEDGER.get(&*self.store, HEAD).await? {
            return Ok(found.value);
        }
        let head = Head::new(LedgerId::generate((self.clock)()), self.sheets.spreadsheet_id().to_owned());
        // Whoever comes second reads what the first one made.
        let _ = self.store.commit(vec![LEDGER.put(HEAD, &head, Precondition::Absent)]).await?;
        match LEDGER.get(&*self.store, HEAD).await? {
            Some(found) => Ok(found.value),
            None => Err(store::Error::Unknown),
        }
    }

    /// What keeps rows from being written: only the process that writes knows.
    fn blocked_by(&self, head: &Head) -> Option<String> {
        match &head.lease {
            Some(lease) if self.is_shared() && !self.tenure.owns(Some(lease)) => lease.trouble.clone(),
            _ => self.blocked().clone(),
        }
    }

    fn blocked(&self) -> MutexGuard<'_, Option<String>> {
        self.blocked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what keeps rows from being written; when it changes, logs it and tells the other processes.
    async fn report(&self, now: Option<String>, store_failed: bool) {
        if std::mem::replace(&mut *self.blocked(), now.clone()) == now {
            return;
        }
        match &now {
            Some(why) => tracing::error!(error = why, "rows wait"),
            None => tracing::info!("rows are written again"),
        }
        if !store_failed
            && self.tenure.is_held(self.timer.now())
            && let Err(error) = self.renew().await
        {
            tracing::debug!(error = &error as &dyn std::error::Error, "the other processes are not told");
        }
    }
}

/// The tabs of a spreadsheet that was set up.
fn all_tabs() -> impl Iterator<Item = Tab> {
    Tab::ALL.into_iter()
}

#[cfg(test)]
mod tests;
