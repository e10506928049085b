//! The way to one destination: what is due goes out in order, a bounded number at a time.
//!
//! Destinations do not wait for each other, and within one an event waits for nothing but an earlier attempt about the
//! same thing that is under way. So a failing event is overtaken, and never blocks the others. The invariant: within
//! this process a delivery is under way at most once.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use store::{Clock, Commit, Error, Found, Store};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    Outlet, backoff,
    post::Post,
    record::{self, Record},
};
use crate::error::Chain;

/// How often it is looked whether a restore has ended.
const RESTORE: SignedDuration = SignedDuration::from_secs(5);
/// Most deliveries under way to one destination.
pub(super) const AT_ONCE: usize = 8;
/// How far ahead of the first one is looked.
const WINDOW: u32 = 64;
/// How often an idle lane looks by itself: over a shared store for what another process left behind.
const LOOK: Duration = Duration::from_secs(30);
/// After trouble with the store.
const AFTER_TROUBLE: Duration = Duration::from_secs(5);
/// For how long others leave alone what this process sends; longer than an attempt takes.
const CLAIM: Duration = Duration::from_secs(60);
const SWITCHED_OFF: &str = "the destination is switched off since it answered 410";

/// What an attempt leaves to the lane.
#[derive(Debug, Default)]
struct Left {
    /// The receiver wants to be left alone for so long.
    rest: Option<Duration>,
    /// The outcome was not recorded.
    trouble: bool,
}

/// The sender to one destination.
pub(super) struct Lane {
    outlet: Arc<Outlet>,
    store: Arc<dyn Store>,
    post: Post,
    clock: Clock,
    sending: JoinSet<Left>,
    /// Delivery and subject of each attempt that is under way.
    under_way: HashMap<Id, (String, String)>,
    /// Nothing is sent before.
    rests_until: Option<Timestamp>,
}

// === impl Lane ===

impl Lane {
    pub(super) fn new(outlet: Arc<Outlet>, store: Arc<dyn Store>, post: Post, clock: Clock) -> Self {
        Self {
            outlet,
            store,
            post,
            clock,
            sending: JoinSet::new(),
            under_way: HashMap::new(),
            rests_until: None,
        }
    }

    /// Sends until `shutdown`; what is under way then is finished.
    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        let outlet = self.outlet.clone();
        while !shutdown.is_cancelled() {
            let pause = self.turn().await;
            tokio::select! {
                () = shutdown.cancelled() => {}
                Some(ended) = self.sending.join_next_with_id() => self.settle(ended),
                () = outlet.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.drain().await;
    }

    /// Starts what is due; how long there is nothing more to start.
    async fn turn(&mut self) -> Duration {
        let now = (self.clock)();
        match self.fill(now).await {
            Ok(next) => {
                let pause = next.map(|next| Duration::try_from(next.duration_since(now)).unwrap_or_default());
                pause.unwrap_or(LOOK).min(LOOK)
            }
            Err(error) => {
                let destination = &*self.outlet.destination.name;
                tracing::error!(delivery.destination = destination, error = %Chain(&error), "deliveries cannot be read");
                AFTER_TROUBLE
            }
        }
    }

    /// Starts what is due at `now` and may go; when the next one is due that is not.
    pub(super) async fn fill(&mut self, now: Timestamp) -> Result<Option<Timestamp>, Error> {
        if let Some(until) = self.rests_until.filter(|until| *until > now) {
            return Ok(Some(until));
        }
        let waiting = record::waiting(&*self.store, &self.outlet.destination.name, WINDOW).await?;
        let is_due = waiting.first().is_some_and(|first| first.value.due_at <= now);
        // What is sent changes, and the restore would not know its own document again.
        if is_due && store::backup::is_under_way(&*self.store).await? {
            return Ok(Some(now + RESTORE));
        }
        let (ids, mut subjects): (HashSet<String>, HashSet<String>) =
            self.under_way.values().cloned().unzip();
        for found in waiting {
            if found.value.due_at > now {
                return Ok(Some(found.value.due_at));
            }
            if self.under_way.len() == AT_ONCE {
                break;
            }
            if !ids.contains(&found.id) && subjects.insert(found.value.subject.clone()) {
                self.start(found);
            }
        }
        Ok(None)
    }

    fn start(&mut self, found: Found<Record>) {
        let name = (found.id.clone(), found.value.subject.clone());
        let (outlet, store) = (self.outlet.clone(), self.store.clone());
        let attempt = attempt(outlet, store, self.post.clone(), self.clock.clone(), found);
        let task = self.sending.spawn(attempt);
        self.under_way.insert(task.id(), name);
    }

    /// Waits until nothing is under way.
    pub(super) async fn drain(&mut self) {
        while let Some(ended) = self.sending.join_next_with_id().await {
            self.settle(ended);
        }
    }

    fn settle(&mut self, ended: Result<(Id, Left), JoinError>) {
        let (id, left) = match ended {
            Ok(ended) => ended,
            Err(panicked) => (panicked.id(), Left { trouble: true, ..Left::default() }),
        };
        self.under_way.remove(&id);
        if let Some(rest) = left.rest {
            self.rests_until = Some((self.clock)() + rest);
        }
        if left.trouble {
            // it would be sent again at once
            self.rests_until = Some((self.clock)() + AFTER_TROUBLE);
        }
    }
}

/// Sends one delivery and records what came of it.
async fn attempt(
    outlet: Arc<Outlet>,
    store: Arc<dyn Store>,
    post: Post,
    clock: Clock,
    found: Found<Record>,
) -> Left {
    match try_once(&outlet, &*store, &post, &clock, found).await {
        Ok(left) => left,
        Err(error) => {
            let destination = &*outlet.destination.name;
            tracing::error!(delivery.destination = destination, error = %Chain(&error), "a delivery cannot be recorded");
            Left { trouble: true, ..Left::default() }
        }
    }
}

async fn try_once(
    outlet: &Outlet,
    store: &dyn Store,
    post: &Post,
    clock: &Clock,
    found: Found<Record>,
) -> Result<Left, Error> {
    let began = clock();
    let claimed =
        if store.is_shared() { record::claim(store, found, began, CLAIM).await? } else { Some(found) };
    let Some(mut found) = claimed else { return Ok(Left::default()) };
    if outlet.gone.load(Ordering::Relaxed) {
        found.value.park(SWITCHED_OFF);
        return save(store, &found).await;
    }
    let answer = post.send(&outlet.destination, &found.value.event_id, &found.value.body, began).await;
    if answer.is_gone() {
        outlet.gone.store(true, Ordering::Relaxed);
    }
    found.value.tried(&answer, began, clock(), backoff::dice());
    report(&found);
    let left = save(store, &found).await?;
    Ok(Left { rest: answer.rest(), ..left })
}

async fn save(store: &dyn Store, found: &Found<Record>) -> Result<Left, Error> {
    Ok(match record::save(store, found).await? {
        // a conflict is an operator who was faster: what they want is due by itself
        Commit::Done(_) | Commit::Conflict => Left::default(),
        Commit::Unknown => Left { trouble: true, ..Left::default() },
    })
}

fn report(found: &Found<Record>) {
    let Record { destination, event_id, kind, attempts, state, error, .. } = &found.value;
    let (destination, event_id, kind) = (destination.as_str(), event_id.as_str(), kind.as_str());
    match (state, error) {
        (record::State::Done, _) => {
            tracing::debug!(
                delivery.destination = destination,
                event.id = event_id,
                event.kind = kind,
                attempts,
                "delivered"
            );
        }
        (record::State::Parked, error) => {
            let error = error.as_deref().unwrap_or_default();
            tracing::error!(
                delivery.destination = destination,
                event.id = event_id,
                event.kind = kind,
                attempts,
                error,
                "delivery parked"
            );
        }
        (record::State::Waiting, error) => {
            let error = error.as_deref().unwrap_or_default();
            tracing::warn!(
                delivery.destination = destination,
                event.id = event_id,
                event.kind = kind,
                attempts,
                error,
                "delivery failed, it is tried again"
            );
        }
    }
}
