//! Claims what is due, has it done, notes what came of it.

use std::{
    collections::BTreeSet,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use chassis::Ticked;
use futures_util::{FutureExt as _, future};
use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    Handler, Next, Queue, Trouble,
    job::{CLAIM, Job, State},
};
use crate::{Attempts, Clock, Commit, Error, Found, Precondition, Query, Store, Work, read_body};

/// So many jobs are done at a time.
const AT_ONCE: usize = 8;
/// A job is broken off so that its claim cannot lapse under it.
const LONGEST_WORK: Duration = Duration::from_secs(50);
/// How often it looks at what nobody told it of: what another process put.
const NOW_AND_THEN: Duration = Duration::from_secs(30);
/// The pause after trouble with the store.
const AFTER_TROUBLE: Duration = Duration::from_secs(1);
/// Most unreadable documents that are remembered as told.
const MOST_TOLD: usize = 64;

/// Works on a queue. Clones share one.
pub struct Worker<T: 'static> {
    queue: &'static Queue<T>,
    store: Arc<dyn Store>,
    clock: Clock,
    handler: Arc<dyn Handler<T>>,
    wake: Arc<Notify>,
    /// Documents that are no jobs, which were told of.
    told: Arc<Mutex<BTreeSet<String>>>,
}

/// A job that is ours for a while.
struct Claimed {
    id: String,
    claim: String,
    job: Job,
}

/// What a look at the queue found.
struct Due {
    claimed: Vec<Claimed>,
    /// How long there is nothing else to do.
    pause: Duration,
}

impl<T> Clone for Worker<T> {
    fn clone(&self) -> Self {
        let Self { queue, store, clock, handler, wake, told } = self;
        Self {
            queue,
            store: store.clone(),
            clock: clock.clone(),
            handler: handler.clone(),
            wake: wake.clone(),
            told: told.clone(),
        }
    }
}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Worker<T> {
    /// Has `handler` do what waits in `queue`.
    pub fn new(
        queue: &'static Queue<T>,
        store: Arc<dyn Store>,
        clock: Clock,
        handler: Arc<dyn Handler<T>>,
    ) -> Self {
        Self { queue, store, clock, handler, wake: Arc::default(), told: Arc::default() }
    }

    /// What it works on.
    pub fn queue(&self) -> &'static Queue<T> {
        self.queue
    }

    pub(super) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Something was put that is due: [`Worker::run`] looks now.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Does what is due when it is due, until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut running = JoinSet::new();
        loop {
            let pause = self.start(&mut running).await;
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(_) = running.join_next() => {}
                () = self.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        // What is broken off here is claimed by somebody else once the claim has lapsed.
        while running.join_next().await.is_some() {}
    }

    /// Does what is due, at most `limit` jobs.
    ///
    /// # Errors
    /// The store's.
    pub async fn tick(&self, limit: usize) -> Result<Ticked, Error> {
        let mut ticked = Ticked::default();
        let mut left = limit;
        while left > 0 {
            let Due { claimed, pause } = self.claim_due(AT_ONCE.min(left)).await?;
            if claimed.is_empty() {
                ticked.more = pause.is_zero();
                return Ok(ticked);
            }
            left -= claimed.len().min(left);
            let outcomes = future::join_all(claimed.into_iter().map(|job| self.work(job))).await;
            let done = outcomes.into_iter().filter(|outcome| *outcome).count();
            ticked.count(self.queue.collection(), i64::try_from(done).unwrap_or(i64::MAX));
        }
        ticked.more = true;
        Ok(ticked)
    }

    /// Does one job now, whatever its state, unless somebody is at it; how it stands then, `None` if there is none.
    ///
    /// # Errors
    /// The store's.
    pub async fn work_on(&self, id: &str) -> Result<Option<State>, Error> {
        let Some(found) = self.queue.jobs().get(&*self.store, id).await? else { return Ok(None) };
        if !found.value.is_claimed((self.clock)())
            && let Some(claimed) = self.claim(found).await?
        {
            self.work(claimed).await;
        }
        let now = self.queue.jobs().get(&*self.store, id).await?;
        Ok(Some(now.map_or(State::Done, |found| found.value.state)))
    }

    /// Starts what is due and has room; how long there is nothing else to do.
    async fn start(&self, running: &mut JoinSet<()>) -> Duration {
        let room = AT_ONCE - running.len().min(AT_ONCE);
        if room == 0 {
            return NOW_AND_THEN;
        }
        match self.claim_due(room).await {
            Ok(due) => {
                for job in due.claimed {
                    let worker = self.clone();
                    running.spawn(async move {
                        worker.work(job).await;
                    });
                }
                due.pause
            }
            Err(error) => {
                self.report_store(&error);
                AFTER_TROUBLE
            }
        }
    }

    /// Claims at most `room` jobs that are due. What fails for one of them keeps no other from being done.
    async fn claim_due(&self, room: usize) -> Result<Due, Error> {
        let (found, mut pause) = self.find_due(room).await?;
        let (mut claimed, mut trouble) = (Vec::new(), None);
        for outcome in future::join_all(found.into_iter().map(|job| self.claim(job))).await {
            match outcome {
                Ok(ours) => claimed.extend(ours),
                Err(error) => trouble = Some(error),
            }
        }
        match trouble {
            Some(error) if claimed.is_empty() => return Err(error),
            Some(error) => {
                self.report_store(&error);
                pause = pause.min(AFTER_TROUBLE);
            }
            None => {}
        }
        Ok(Due { claimed, pause })
    }

    /// At most `room` jobs that are due, and how long there is nothing else. A document that is no job is passed over.
    async fn find_due(&self, room: usize) -> Result<(Vec<Found<Job>>, Duration), Error> {
        let limit = u32::try_from(room + 1).unwrap_or(u32::MAX);
        let state = serde_json::to_value(State::Waiting).expect("a state serializes to JSON");
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let query = Query::new(&self.queue.by_due, [state.clone()]).limit(limit).after(after);
            let page = self.store.query(query).await?;
            let now = (self.clock)();
            for document in page.documents {
                let id = document.id.clone();
                let job = match self.queue.jobs().read(document) {
                    Ok(job) => job,
                    Err(error) => {
                        self.report_unreadable(id, &error);
                        continue;
                    }
                };
                if job.value.due_at > now || found.len() == room {
                    // The rest is due later still.
                    return Ok((found, until(job.value.due_at, now).min(NOW_AND_THEN)));
                }
                found.push(job);
            }
            after = page.next;
            if after.is_none() {
                return Ok((found, NOW_AND_THEN));
            }
        }
    }

    /// Claims a job in the state in which it was found; `None` if somebody else was first, or if it is not due after all.
    async fn claim(&self, found: Found<Job>) -> Result<Option<Claimed>, Error> {
        let Found { id, version, value: mut job } = found;
        let now = (self.clock)();
        let claim = domain::id::RequestId::generate(now).to_string();
        let ours = job.claim(&claim, now);
        let write = self.queue.jobs().put(id.clone(), &job, Precondition::Version(version));
        Ok(match self.store.commit(vec![write]).await? {
            Commit::Done(_) if ours => Some(Claimed { id, claim, job }),
            // An unknown claim lapses like one that died.
            Commit::Done(_) | Commit::Conflict | Commit::Unknown => None,
        })
    }

    /// Has a job done; whether it succeeded and that is noted.
    async fn work(&self, claimed: Claimed) -> bool {
        let began = Instant::now();
        let outcome = self.handle(&claimed).await;
        self.report(&claimed, &outcome, began.elapsed());
        match self.finish(&claimed, &outcome).await {
            Ok(noted) => noted && outcome.is_ok(),
            Err(error) => {
                tracing::warn!(
                    queue = self.queue.collection(),
                    job = claimed.id,
                    error = &error as &dyn std::error::Error,
                    "what came of a job was not noted, it is done again"
                );
                false
            }
        }
    }

    async fn handle(&self, Claimed { id, job, .. }: &Claimed) -> Result<Next, Trouble> {
        let key = format!("{}/{id}", self.queue.collection());
        let payload: T =
            read_body(&key, &job.payload).map_err(|error| Trouble::hopeless(error.to_string()))?;
        let work = AssertUnwindSafe(self.handler.handle(id, &payload)).catch_unwind();
        match tokio::time::timeout(LONGEST_WORK, work).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Trouble::new("the program panicked")),
            Err(_) => Err(Trouble::new("it took too long")),
        }
    }

    /// Notes what came of a claimed job; false if it is ours no longer.
    async fn finish(&self, claimed: &Claimed, outcome: &Result<Next, Trouble>) -> Result<bool, Error> {
        let Claimed { id, claim, .. } = claimed;
        let jobs = self.queue.jobs();
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            let Some(mut job) = work.get(jobs, id).await? else { return Ok(false) };
            if job.claim.as_ref() != Some(claim) {
                return Ok(false);
            }
            let now = (self.clock)();
            job.settle(outcome, self.queue.parks(), now);
            match (job.state, self.queue.expiry(now)) {
                (State::Done, None) => work.delete(jobs, id),
                (State::Done, expiry) => work.put_until(jobs, id, &job, expiry),
                (State::Waiting | State::Parked, _) => work.put(jobs, id, &job),
            }
            if attempts.commit(work).await? {
                return Ok(true);
            }
        }
    }

    fn report_store(&self, error: &Error) {
        let error: &dyn std::error::Error = error;
        tracing::warn!(queue = self.queue.collection(), error, "a queue cannot be read or claimed from");
    }

    /// Says once that a document is no job: it stays where it is, and is found again and again.
    fn report_unreadable(&self, id: String, error: &Error) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < MOST_TOLD && told.insert(id) {
            let error: &dyn std::error::Error = error;
            tracing::error!(queue = self.queue.collection(), error, "a job cannot be read and is left alone");
        }
    }

    fn report(&self, Claimed { id, job, .. }: &Claimed, outcome: &Result<Next, Trouble>, took: Duration) {
        let (queue, tries, took) = (self.queue.collection(), job.tries, took.as_millis());
        match outcome {
            Ok(_) => tracing::debug!(queue, job = id, tries, took, "a job was done"),
            Err(Trouble { why, hopeless: true, .. }) => {
                tracing::error!(queue, job = id, tries, problem = why, "a job is parked");
            }
            Err(Trouble { why, .. }) => {
                tracing::warn!(queue, job = id, tries, problem = why, "a job failed");
            }
        }
    }
}

fn until(due_at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(due_at.duration_since(now)).unwrap_or_default()
}

const _: () = assert!(LONGEST_WORK.as_secs() < CLAIM.as_secs().unsigned_abs());
