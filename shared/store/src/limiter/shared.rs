//! The limit as all processes over one store keep it together.
//!
//! A key's document holds when the key is as good as fresh. Drawing permits moves that on by as many cells, guarded by
//! the document's version, and is the only way to permits. The invariants: callers of one process wait for one draw
//! together; what a draw found out is not asked again.

use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use chassis::gate::{Gate, Keys, Rate, nanos};
use domain::fault::Quota;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

use super::{
    pocket::{AtHand, Pocket, Seen},
    trouble::Trouble,
};
use crate::{Clock, Collection, Commit, Error, Precondition, Store, backoff};

/// How often a draw that others interfered with is done again.
const ATTEMPTS: u32 = 8;
/// The longest that callers wait for a draw.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a document outlives the moment from which on it says nothing: clocks differ.
const KEPT: SignedDuration = SignedDuration::from_mins(1);

const LIMITS: Collection<Record> = Collection::new(super::COLLECTION);

/// A key's document.
#[derive(Serialize, Deserialize)]
struct Record {
    /// When the key is as good as fresh.
    fresh_at: Timestamp,
}

/// Draws permits and hands them out.
pub(super) struct Shared {
    rate: Rate,
    store: Arc<dyn Store>,
    name: &'static str,
    clock: Clock,
    /// What this process has let through; it decides when the store cannot be asked.
    gate: Gate,
    keys: Keys<Arc<Entry>>,
    trouble: Trouble,
}

/// A permit of a pocket.
pub(super) struct Held {
    entry: Arc<Entry>,
    until: i64,
}

struct Entry {
    pocket: Mutex<Pocket>,
    /// Whoever has it draws.
    draw: tokio::sync::Mutex<()>,
    /// Callers that wait for a draw, the one that draws included.
    waiting: AtomicU32,
}

/// A caller that waits for a draw.
struct Waiting<'e>(&'e AtomicU32);

// === impl Shared ===

impl Shared {
    pub(super) fn new(rate: Rate, store: Arc<dyn Store>, name: &'static str, clock: Clock) -> Self {
        let (gate, keys, trouble) = (Gate::new(rate), Keys::default(), Trouble::new());
        Self { rate, store, name, clock, gate, keys, trouble }
    }

    /// What decides when the store cannot be asked.
    pub(super) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Whether a call would be refused by what is known here.
    pub(super) fn peek(&self, key: &str) -> Result<(), Quota> {
        let now = self.now();
        if self.trouble.is_on(now) {
            return self.gate.peek(key, now);
        }
        let wait = self.keys.look(key, |entry| entry.pocket().peek(&self.rate, now)).flatten();
        wait.map_or(Ok(()), |wait| Err(self.rate.refusal(wait)))
    }

    /// A permit; none if the gate has let the call through in the store's place.
    pub(super) async fn acquire(&self, key: &str) -> Result<Option<Held>, Quota> {
        let (entry, now) = (self.entry(key), self.now());
        entry.pocket().note(&self.rate, now);
        if let Some(answer) = self.at_hand(&entry, now) {
            return answer;
        }
        if self.trouble.is_on(now) {
            return self.gate.take(key, now).map(|()| None);
        }
        let _waiting = Waiting::on(&entry.waiting);
        let _turn = entry.draw.lock().await;
        // Whoever drew before may have left something.
        let now = self.now();
        if let Some(answer) = self.at_hand(&entry, now) {
            return answer;
        }
        if !self.trouble.admits(now) {
            return self.gate.take(key, now).map(|()| None);
        }
        let drawn = timeout(PATIENCE, self.draw(key, &entry)).await;
        let drawn = drawn.unwrap_or_else(|elapsed| Err(Error::Unavailable(elapsed.into())));
        match drawn {
            Ok(drawn) => {
                self.trouble.end(self.name);
                drawn.map(|until| Some(Held { entry: Arc::clone(&entry), until }))
            }
            Err(error) => {
                let now = self.now();
                self.trouble.begin(self.name, &error, now);
                self.gate.take(key, now).map(|()| None)
            }
        }
    }

    /// A call that a permit was taken for happens.
    pub(super) fn spent(&self, key: &str) {
        self.gate.charge(key, self.now());
    }

    /// It does not happen. The next one has the permit, if it comes in time.
    pub(super) fn put_back(&self, held: &Held) {
        let now = self.now();
        if now < held.until {
            held.entry.pocket().put(&self.rate, 1, held.until, now);
        }
    }

    fn at_hand(&self, entry: &Arc<Entry>, now: i64) -> Option<Result<Option<Held>, Quota>> {
        match entry.pocket().take(&self.rate, now) {
            AtHand::Permit(until) => Some(Ok(Some(Held { entry: Arc::clone(entry), until }))),
            AtHand::Refusal(wait) => Some(Err(self.rate.refusal(wait))),
            AtHand::Unknown => None,
        }
    }

    /// Draws permits for all who wait and some more; until when they are good. One is the drawer's.
    async fn draw(&self, key: &str, entry: &Entry) -> Result<Result<i64, Quota>, Error> {
        let id = domain::id::digest(&[self.name, key]);
        // Taken out, so that a draw that is given up half-way leaves no guess behind.
        let mut seen = entry.pocket().seen.take();
        for attempt in 1..=ATTEMPTS {
            let (guessed, state) = match seen.take() {
                Some(seen) => (true, seen),
                None => (false, self.read(&id).await?),
            };
            let now = self.now();
            let fresh_at = self.rate.believe(state.fresh_at, now);
            let waiting = entry.waiting.load(Ordering::Relaxed);
            let wanted = waiting.saturating_add(entry.pocket().ahead(&self.rate, waiting, now));
            let permits = wanted.min(self.rate.free(fresh_at, now));
            if permits == 0 {
                // True of a guess too: others can only have made it less.
                let wait = self.rate.pause(fresh_at, now);
                entry.pocket().seen = Some(state);
                entry.pocket().close_until(now.saturating_add(wait));
                return Ok(Err(self.rate.refusal(wait)));
            }
            let fresh_at = self.rate.after(fresh_at, now, permits);
            match self.write(&id, state.precondition, fresh_at).await? {
                Commit::Done(version) => {
                    let until = now.saturating_add(self.rate.hold());
                    let mut pocket = entry.pocket();
                    pocket.put(&self.rate, permits - 1, until, now);
                    pocket.seen = Some(Seen::at(version, fresh_at));
                    pocket.close_until(now.saturating_add(self.rate.pause(fresh_at, now)));
                    return Ok(Ok(until));
                }
                Commit::Conflict if guessed => {}
                Commit::Conflict => sleep(backoff::jittered(attempt)).await,
                Commit::Unknown => return Err(Error::Unknown),
            }
        }
        Err(Error::Contended(ATTEMPTS))
    }

    async fn read(&self, id: &str) -> Result<Seen, Error> {
        let Some(document) = self.store.get(&LIMITS.key(id)).await? else { return Ok(Seen::NOTHING) };
        let version = document.version;
        // A document that cannot be read is no reason to refuse anybody: the next draw replaces it.
        let fresh_at = LIMITS.read(document).map_or(i64::MIN, |found| nanos(found.value.fresh_at));
        Ok(Seen::at(version, fresh_at))
    }

    async fn write(&self, id: &str, precondition: Precondition, fresh_at: i64) -> Result<Commit, Error> {
        let fresh_at = Timestamp::from_nanosecond(fresh_at.into()).expect("64 bits end in the year 2262");
        let write = LIMITS.put_until(id, &Record { fresh_at }, precondition, Some(fresh_at + KEPT));
        self.store.commit(vec![write]).await
    }

    fn entry(&self, key: &str) -> Arc<Entry> {
        let keep = |entry: &Arc<Entry>| {
            let kept = i64::try_from(KEPT.as_nanos()).unwrap_or(i64::MAX);
            Arc::strong_count(entry) > 1 || !entry.pocket().is_stale(self.now(), kept)
        };
        self.keys.with(key, || Arc::new(Entry::new()), keep, |entry| Arc::clone(entry))
    }

    fn now(&self) -> i64 {
        nanos((self.clock)())
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.keys.count()
    }
}

// === impl Entry ===

impl Entry {
    fn new() -> Self {
        Self {
            pocket: Mutex::new(Pocket::new()),
            draw: tokio::sync::Mutex::new(()),
            waiting: AtomicU32::new(0),
        }
    }

    fn pocket(&self) -> MutexGuard<'_, Pocket> {
        self.pocket.lock().expect("nothing panics under this lock")
    }
}

// === impl Waiting ===

impl<'e> Waiting<'e> {
    fn on(count: &'e AtomicU32) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
