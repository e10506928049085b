//! Who writes: taking the lease, keeping it while there is work, giving it up.
//!
//! A ledger with nothing to do lets its lease lapse, so idle processes write nothing into the store. The invariant:
//! nobody talks to the spreadsheet without having held the lease when the work began, and whoever was stopped past
//! its end finds that out at its next commit, since that is a commit against the head it knows.

use std::{convert::Infallible, time::Duration};

use store::{Commit, Work};

use super::{
    HEAD, LEDGER, Ledger,
    lease::Lease,
    protocol::Head,
    trouble::Trouble,
    writer::{Pause, Writer},
};

/// A pause after a renewal that failed, and before the first one: most work renews the lease by its own commit before
/// that, and the two would only be in conflict.
const AGAIN: Duration = Duration::from_secs(1);
/// What must be left of the lease when work begins, so that it does not end before the first renewal.
const ENOUGH: Duration = Duration::from_secs(2);

impl Writer<'_> {
    /// Reads the head after a start or a takeover; a batch that is open then must be settled. A pause while somebody
    /// else writes.
    pub(super) async fn take_over(&mut self) -> Result<Option<Pause>, Trouble> {
        if store::backup::is_under_way(&*self.ledger.store).await? {
            return Err(Trouble::Restoring);
        }
        let head = self.ledger.load_head().await?;
        if head.spreadsheet_id != self.ledger.sheets.spreadsheet_id() && !self.may_move().await? {
            return Err(Trouble::OtherSpreadsheet(head.spreadsheet_id));
        }
        if self.ledger.is_shared() && !self.ledger.tenure.owns(head.lease.as_ref()) {
            self.ledger.tenure.lose();
            self.forget();
            if let Some(rest) = self.respect(head.lease.as_ref()) {
                // Rows that come in meanwhile are seen by the one who writes.
                return Ok(Some(Pause { longest: rest, until_woken: false }));
            }
        }
        self.cells = head.cells;
        self.machine.take_over(head);
        Ok(None)
    }

    /// How long another process's lease has to be respected.
    fn respect(&mut self, lease: Option<&Lease>) -> Option<Duration> {
        let (now, tick) = ((self.ledger.clock)(), self.now());
        let rest = self.watch.rest(lease?, now, tick);
        (!rest.is_zero()).then_some(rest)
    }

    /// Makes sure of the lease before work begins.
    pub(super) async fn hold(&mut self) -> Result<(), Trouble> {
        if !self.ledger.is_shared() || self.ledger.tenure.is_held(self.now() + ENOUGH) {
            return Ok(());
        }
        self.move_lease(Some(self.ledger.lease())).await
    }

    /// Lets the next process begin at once.
    pub(super) async fn give_up(&mut self) -> Result<(), Trouble> {
        if self.ledger.is_shared() && self.ledger.tenure.is_held(self.now()) && self.machine.head().is_some()
        {
            self.move_lease(None).await?;
        }
        Ok(())
    }

    async fn move_lease(&mut self, lease: Option<Lease>) -> Result<(), Trouble> {
        let (ledger, began) = (self.ledger, self.now());
        let mine = ledger.tenure.owns(self.head().lease.as_ref());
        let next = Head { lease, ..self.head().clone() };
        let mut work = Work::new(&*ledger.store);
        let found = work.get(&LEDGER, HEAD).await?;
        // Somebody else's lease must not even have been renewed.
        let is_known = |found: &Head| if mine { found.is_still(self.head()) } else { found == self.head() };
        if !found.as_ref().is_some_and(is_known) {
            return Err(Trouble::Overtaken);
        }
        work.put(&LEDGER, HEAD, &next);
        match work.commit().await? {
            Commit::Done(_) => {}
            Commit::Conflict => return Err(Trouble::Overtaken),
            Commit::Unknown => return Err(store::Error::Unknown.into()),
        }
        if !mine {
            tracing::info!(batch_open = next.open.is_some(), "this process writes the ledger now");
        }
        ledger.moved(&next, began);
        self.machine.follow(next);
        Ok(())
    }
}

impl Ledger {
    /// Whether other processes may write this ledger.
    pub(super) fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    /// The lease of this process from now on.
    pub(super) fn lease(&self) -> Lease {
        self.tenure.lease((self.clock)(), self.blocked().clone())
    }

    /// The head was committed, by a commit that began at `began`.
    pub(super) fn moved(&self, head: &Head, began: tokio::time::Instant) {
        if self.tenure.owns(head.lease.as_ref()) { self.tenure.renew(began) } else { self.tenure.lose() }
    }

    /// Does `work`; where a lease is held, it is held until the work is done.
    pub(super) async fn keeping<T>(&self, work: impl Future<Output = T>) -> T {
        if !self.is_shared() {
            return work.await;
        }
        tokio::select! {
            biased;
            done = work => done,
            never = self.keep() => match never {},
        }
    }

    async fn keep(&self) -> Infallible {
        loop {
            self.timer.sleep(self.tenure.rest(self.timer.now()).max(AGAIN)).await;
            if let Err(error) = self.renew().await {
                tracing::debug!(error = &error as &dyn std::error::Error, "the lease was not renewed");
            }
        }
    }

    /// Renews the lease, and shows in it what keeps this process from writing.
    pub(super) async fn renew(&self) -> Result<(), store::Error> {
        let began = self.timer.now();
        let mut work = Work::new(&*self.store);
        let head = work.get(&LEDGER, HEAD).await?.filter(|head| self.tenure.owns(head.lease.as_ref()));
        let Some(head) = head else {
            self.tenure.lose();
            return Ok(());
        };
        let next = Head { lease: Some(self.lease()), ..head };
        work.put(&LEDGER, HEAD, &next);
        // A conflict is the writer's own commit, which renews it as well, or the end of the lease.
        if let Commit::Done(_) = work.commit().await? {
            self.moved(&next, began);
        }
        Ok(())
    }
}
