//! One process's way to the shared store: it loses answers, fails, and is where the process can be held.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use store::{Commit, Document, Error, Key, Page, Query, Store, Write};

use super::{
    process::Gate,
    sim::{Dice, Sim},
};
use crate::ledger::timer::Timer as _;

/// What became of calls.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) commits: AtomicU64,
    pub(super) reads: AtomicU64,
    /// Answers of commits that happened and that nobody heard.
    pub(super) lost: AtomicU64,
    /// Commits that came long after they were given up.
    pub(super) late: AtomicU64,
}

/// How bad the way is.
#[derive(Default)]
pub(super) struct Weather {
    /// Nothing gets through until then.
    pub(super) cut_until: Duration,
    /// Percent of the commits that meet something.
    pub(super) faults: u64,
    /// What one call meets, after so many others.
    pub(super) trip: Option<(u64, Trip)>,
}

/// What a single call meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trip {
    /// An error: nothing happened.
    Fails,
    /// A commit's answer is unknown, and it did not happen; a read fails.
    NeverHappened,
    /// A commit's answer is unknown, and it happened; a read fails.
    Happened,
}

/// The way.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) inner: Arc<dyn Store>,
    pub(super) shared: bool,
    pub(super) gate: Arc<Gate>,
    pub(super) weather: Arc<Mutex<Weather>>,
    pub(super) tally: Arc<Tally>,
    pub(super) sim: Sim,
    pub(super) dice: Dice,
}

/// What a commit meets.
enum Fault {
    NotSent,
    LostBefore,
    LostAfter,
    Late(Duration),
}

impl Door {
    fn is_cut(&self) -> bool {
        self.sim.elapsed() < self.weather.lock().unwrap().cut_until
    }

    /// What was arranged for this call.
    fn trip(&self) -> Option<Trip> {
        let mut weather = self.weather.lock().unwrap();
        let (calls, trip) = weather.trip?;
        weather.trip = (calls > 1).then_some((calls - 1, trip));
        (calls <= 1).then_some(trip)
    }

    fn fault(&self) -> Option<Fault> {
        if let Some(trip) = self.trip() {
            return Some(match trip {
                Trip::Fails => Fault::NotSent,
                Trip::NeverHappened => Fault::LostBefore,
                Trip::Happened => Fault::LostAfter,
            });
        }
        let faults = self.weather.lock().unwrap().faults;
        if self.is_cut() {
            return Some(if self.dice.percent(50) { Fault::NotSent } else { Fault::LostBefore });
        }
        self.dice.percent(faults).then(|| match self.dice.below(4) {
            0 => Fault::NotSent,
            1 => Fault::LostBefore,
            2 => Fault::LostAfter,
            _ => Fault::Late(self.dice.seconds(0, 20)),
        })
    }

    /// Works in a task of its own: what has been sent is done even if the process ends.
    async fn send<T: Send + 'static>(
        &self,
        work: impl FnOnce(Arc<dyn Store>) -> Sent<T> + Send + 'static,
    ) -> Result<T, Error> {
        let (busy, work) = (self.sim.busy(), work(self.inner.clone()));
        let task = tokio::spawn(async move {
            let answer = work.await;
            drop(busy);
            answer
        });
        task.await.unwrap()
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(Arc<dyn Store>) -> Sent<T> + Send + 'static,
    ) -> Result<T, Error> {
        self.gate.pass().await;
        self.tally.reads.fetch_add(1, Ordering::Relaxed);
        if let Some(trip) = self.trip() {
            return Err(if trip == Trip::Fails { Error::Contended(100) } else { Error::Unknown });
        }
        if self.is_cut() {
            return Err(unavailable());
        }
        let answer = self.send(work).await;
        self.gate.pass().await;
        answer
    }

    async fn try_commit(&self, writes: Vec<Write>) -> Result<Commit, Error> {
        let commit = |writes| {
            move |store: Arc<dyn Store>| -> Sent<Commit> {
                Box::pin(async move { store.commit(writes).await })
            }
        };
        match self.fault() {
            None => self.send(commit(writes)).await,
            Some(Fault::NotSent) => Err(unavailable()),
            Some(Fault::LostBefore) => Ok(Commit::Unknown),
            Some(Fault::LostAfter) => {
                if let Commit::Done(_) = self.send(commit(writes)).await? {
                    self.tally.lost.fetch_add(1, Ordering::Relaxed);
                }
                Ok(Commit::Unknown)
            }
            Some(Fault::Late(after)) => {
                let door = self.clone();
                tokio::spawn(async move {
                    door.sim.sleep(after).await;
                    if let Ok(Commit::Done(_)) = door.send(commit(writes)).await {
                        door.tally.late.fetch_add(1, Ordering::Relaxed);
                    }
                });
                Ok(Commit::Unknown)
            }
        }
    }
}

type Sent<T> = std::pin::Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

fn unavailable() -> Error {
    Error::Unavailable("cut off".into())
}

#[async_trait::async_trait]
impl Store for Door {
    async fn get(&self, key: &Key) -> Result<Option<Document>, Error> {
        let key = key.clone();
        self.read(|store| Box::pin(async move { store.get(&key).await })).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, Error> {
        let keys = keys.to_vec();
        self.read(|store| Box::pin(async move { store.get_many(&keys).await })).await
    }

    async fn query(&self, query: Query) -> Result<Page, Error> {
        self.read(|store| Box::pin(async move { store.query(query).await })).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Commit, Error> {
        self.gate.pass().await;
        self.tally.commits.fetch_add(1, Ordering::Relaxed);
        let answer = self.try_commit(writes).await;
        self.gate.pass().await;
        answer
    }

    fn is_shared(&self) -> bool {
        self.shared
    }
}
