//! What agents of others wanted: which of their calls repeat an earlier one.
//!
//! The id of a JSON-RPC request cannot say that. It restarts with every connection, while a session lives for a day: this
//! evening's "book" would be taken for this morning's, and answered with a meeting that was cancelled since. And it is
//! another one when an agent does as it is told after a failure, "call it once more with the same arguments": that would
//! book twice. So it is kept what a call wanted, by whom and where, and whether that has come to an end. Whether an answer
//! has arrived nobody says, so what wants the same right after it is a repetition too. A client that knows better gives a
//! key of its own and needs none of this.
//!
//! The invariants: that a call may have run is kept before it runs; while nobody knows what became of it, every call that
//! wants the same goes on under its request id, so that it has one effect; and what is kept are digests, which tell
//! neither who nor what.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Attempts, Clock, Collection, Error, Store, Work};
use tools::Outcome;

/// The collection, whose documents expire.
pub(crate) const COLLECTION: &str = WISHES.name();
const WISHES: Collection<Wish> = Collection::new("wishes");
/// How long it is remembered: as long as a session lives.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// How long after its first success a call is repeated under its id, because the answer was lost. Later the id is that of
/// another connection.
const REPEATED: SignedDuration = SignedDuration::from_mins(10);
/// How long after it has succeeded it is repeated under any id, because a program that heard nothing counts on and asks
/// once more: as long as programs wait for an answer (a minute is usual) and models think. Later it is another wish.
const UNHEARD: SignedDuration = SignedDuration::from_mins(2);
/// So many calls of one wish are remembered by their ids, the latest ones.
const CALLS: usize = 16;

/// What has been wanted.
#[derive(Clone)]
pub(crate) struct Wishes {
    store: Arc<dyn Store>,
    clock: Clock,
}

/// A call on its way.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// Under which it goes on, and every repetition of it too.
    pub(crate) request_id: String,
    wish: String,
    by: String,
    at: Timestamp,
}

/// How a call ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    /// Nothing came of it.
    Refused,
    /// Nobody knows what came of it.
    Unknown,
}

/// What was wanted last under a digest of place, tool and arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Wish {
    /// What the services know it by.
    request_id: String,
    /// The calls that wanted it, by what each is known by to its caller.
    by: Vec<String>,
    /// When it was wanted first.
    at: Timestamp,
    /// When it was fulfilled; without it, it is open: it runs, or died, or failed in the unknown.
    done_at: Option<Timestamp>,
    /// When it was fulfilled first.
    #[serde(default)]
    first_done_at: Option<Timestamp>,
}

// === impl Wishes ===

impl Wishes {
    /// The wishes in this store.
    pub(crate) fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// Begins a call that its caller knows as `by`; it may run when this is answered, and not before.
    pub(crate) async fn begin(&self, wish: String, by: String) -> Result<Attempt, Error> {
        let now = (self.clock)();
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            let known = work.get(&WISHES, &wish).await?;
            let known = known.filter(|known: &Wish| known.is_repeated(&by, now));
            // to repeat what was done is to find out what became of it since, so that is open again
            let open = Wish { done_at: None, ..known.unwrap_or_else(|| Wish::new(now)) };
            let Wish { request_id, at, .. } = keep(&mut work, &wish, open, &by);
            if attempts.commit(work).await? {
                return Ok(Attempt { request_id, wish, by, at });
            }
        }
    }

    /// Keeps what became of a call. Where that fails, the wish stays open, and what wants the same repeats it.
    pub(crate) async fn end(&self, attempt: &Attempt, outcome: &Outcome) {
        let end = match outcome {
            Outcome { is_unknown: true, .. } => End::Unknown,
            Outcome { is_error: true, .. } => End::Refused,
            _ => End::Done,
        };
        if let Err(error) = self.close(attempt, end).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the end of a call is not kept");
        }
    }

    async fn close(&self, attempt: &Attempt, end: End) -> Result<(), Error> {
        let Attempt { request_id, wish, by, at } = attempt;
        let done_at = (end == End::Done).then(|| (self.clock)());
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            let known: Option<Wish> = work.get(&WISHES, wish).await?;
            match known {
                // there is another wish by now
                Some(known) if known.request_id != *request_id => return Ok(()),
                // whoever hears that nobody knows asks once more, though a twin of the call has succeeded by now
                Some(known) if end != End::Refused => {
                    let first_done_at = known.first_done_at.or(done_at);
                    keep(&mut work, wish, Wish { done_at, first_done_at, ..known }, by);
                }
                // a call that was refused has done nothing, so it is over unless its twin has succeeded
                Some(Wish { done_at: None, .. }) => work.delete(&WISHES, wish),
                None if end == End::Done => {
                    let request_id = request_id.clone();
                    let done = Wish { request_id, by: Vec::new(), at: *at, done_at, first_done_at: done_at };
                    keep(&mut work, wish, done, by);
                }
                _ => return Ok(()),
            }
            if attempts.commit(work).await? {
                return Ok(());
            }
        }
    }
}

fn keep(work: &mut Work<'_>, id: &str, wish: Wish, by: &str) -> Wish {
    let wish = wish.of(by);
    work.put_until(&WISHES, id, &wish, Some(wish.at + KEPT));
    wish
}

// === impl Wish ===

impl Wish {
    fn new(now: Timestamp) -> Self {
        let request_id = format!("req_{}", chassis::request_id::make());
        Self { request_id, by: Vec::new(), at: now, done_at: None, first_done_at: None }
    }

    /// Whether a call that wants the same at this time repeats it: one that came before there was an end, or whose caller
    /// may not have had the answer.
    fn is_repeated(&self, by: &str, now: Timestamp) -> bool {
        let Some(done_at) = self.done_at else { return true };
        let is_unheard = || now.duration_since(done_at) < UNHEARD || self.by.iter().any(|known| known == by);
        now.duration_since(self.first_done_at.unwrap_or(done_at)) < REPEATED && is_unheard()
    }

    /// The same, wanted by this call as well.
    fn of(mut self, by: &str) -> Self {
        self.by.retain(|known| known != by);
        self.by.push(by.to_owned());
        self.by.drain(..self.by.len().saturating_sub(CALLS));
        self
    }
}
