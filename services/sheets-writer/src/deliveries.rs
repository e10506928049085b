//! Outgoing events: what happens in the books is told to n8n and others, signed, at least once.
//!
//! A delivery is a document that is committed together with what causes it ([`outbox`], [`causes`]); a task for each
//! destination sends what is due ([`lane`]). The invariant: what is committed is sent until its receiver has said 2xx
//! or it is parked, whatever dies in between.

mod backoff;
pub(crate) mod catalogue;
mod causes;
mod desk;
mod destination;
mod event;
mod guard;
mod lane;
mod notices;
mod outbox;
mod post;
pub(crate) mod record;
mod removal;
mod signature;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use store::{Clock, Store};
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

pub(crate) use desk::Tested;
pub(crate) use destination::Destination;
pub use destination::{Address, Destinations, Header};
pub(crate) use guard::Guard;
use lane::Lane;
pub(crate) use notices::Notices;
use outbox::Outbox;
pub(crate) use post::{Post, TIMEOUT};
pub use signature::Keys;

/// A panic may come again at once.
const AFTER_A_PANIC: Duration = Duration::from_secs(1);

/// All of it, shared by those who commit, those who send, and those who ask.
pub(crate) struct Deliveries {
    store: Arc<dyn Store>,
    outlets: Arc<[Arc<Outlet>]>,
    post: Post,
    clock: Clock,
    /// A restore has ended.
    restored: Notify,
}

/// A destination in use.
pub(crate) struct Outlet {
    pub(crate) destination: Destination,
    /// Something may be due.
    wake: Notify,
    /// It answered 410: nothing more is sent until somebody turns it on.
    gone: AtomicBool,
}

// === impl Deliveries ===

impl Deliveries {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        destinations: Vec<Destination>,
        post: Post,
        clock: Clock,
    ) -> Self {
        let outlet =
            |destination| Arc::new(Outlet { destination, wake: Notify::new(), gone: AtomicBool::new(false) });
        let outlets = destinations.into_iter().map(outlet).collect();
        Self { store, outlets, post, clock, restored: Notify::new() }
    }

    /// Looks at what a restore has brought.
    pub(crate) fn look_again(&self) {
        self.restored.notify_one();
        self.outlets.iter().for_each(|outlet| outlet.wake.notify_one());
    }

    /// The store for those who write the books: what they commit is told.
    pub(crate) fn outbox(&self) -> Arc<dyn Store> {
        if self.outlets.is_empty() {
            return self.store.clone();
        }
        let (store, outlets) = (self.store.clone(), self.outlets.clone());
        Arc::new(Outbox { store, outlets, clock: self.clock.clone() })
    }

    /// Sends until `shutdown`.
    pub(crate) async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let mut lanes = JoinSet::new();
        for outlet in self.outlets.iter().cloned() {
            lanes.spawn(self.clone().keep(outlet, shutdown.clone()));
        }
        self.keep_parking(&shutdown).await;
        while lanes.join_next().await.is_some() {}
    }

    /// Keeps one lane running: all of its memory can be lost.
    async fn keep(self: Arc<Self>, outlet: Arc<Outlet>, shutdown: CancellationToken) {
        let mut running = JoinSet::new();
        loop {
            running.spawn(self.lane(outlet.clone()).run(shutdown.clone()));
            let panicked = running.join_next().await.is_some_and(|ended| ended.is_err());
            if !panicked || shutdown.is_cancelled() {
                return;
            }
            tracing::error!(
                delivery.destination = outlet.destination.name,
                "a sender panicked and is started again"
            );
            tokio::time::sleep(AFTER_A_PANIC).await;
        }
    }

    fn lane(&self, outlet: Arc<Outlet>) -> Lane {
        Lane::new(outlet, self.store.clone(), self.post.clone(), self.clock.clone())
    }
}
