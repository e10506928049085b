//! What came in from outside and waits to be worked on: webhooks.
//!
//! A message is a job of the queue [`INBOX`] under an id that follows from who sent it and what the sender calls it. The
//! invariants: a message that was taken is worked on until it is done or parked; one that comes twice is one, which is tried
//! anew if it was parked; and what is done is remembered for thirty days, so that it is known when it comes again.

mod body;
mod forgetting;
mod listing;
mod mentions;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use domain::id::MessageId;
use serde::{Deserialize, Serialize};

use crate::{
    Attempts, Clock, Error, Index, Store, Work,
    query::DESCENDING,
    queue::{Job, Queue, State},
};

pub use body::Body;
pub use forgetting::Forgotten;
pub use listing::{Listed, Listing};
pub use mentions::Mentions;

/// All messages of a service. Its collection expires; [`NEWEST`] belongs to it too.
pub static INBOX: Queue<Message> = Queue::keeping("inbox", 30);
/// By when they came.
pub static NEWEST: Index =
    Index { collection: "inbox", name: "newest", fields: &["came_at"], orders: DESCENDING };

/// Longest body that is taken, in bytes.
pub const LONGEST_BODY: usize = 512 << 10;

/// A message as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who sent it, e.g. `stripe`.
    pub source: String,
    /// Its type in the sender's words.
    pub kind: String,
    /// What it says, byte for byte.
    pub body: Body,
}

/// A message that is in the inbox now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Its id.
    pub id: MessageId,
    /// It was there before, and nothing is to be done about it now.
    pub duplicate: bool,
}

/// The inbox of a service.
#[derive(Clone)]
pub struct Inbox {
    store: Arc<dyn Store>,
    clock: Clock,
}

// === impl Inbox ===

impl Inbox {
    /// The inbox in this store.
    pub fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// Takes a message that its source knows under `key`. An answer means that it is durable; one that is there already
    /// stays as it is, unless it was parked: whoever sends it once more wants it tried once more.
    ///
    /// # Errors
    /// The store's; [`Error::Invalid`] for a body that is longer than [`LONGEST_BODY`].
    pub async fn take(&self, source: &str, key: &str, kind: &str, body: &[u8]) -> Result<Taken, Error> {
        self.take_if(source, key, kind, body, |state| state == State::Parked).await
    }

    /// As [`Inbox::take`], of a message whose outcome is found to be missing: it waits again even if it was done.
    ///
    /// # Errors
    /// As [`Inbox::take`].
    pub async fn take_again(&self, source: &str, key: &str, kind: &str, body: &[u8]) -> Result<Taken, Error> {
        self.take_if(source, key, kind, body, |state| state != State::Waiting).await
    }

    async fn take_if(
        &self,
        source: &str,
        key: &str,
        kind: &str,
        body: &[u8],
        is_wanted: fn(State) -> bool,
    ) -> Result<Taken, Error> {
        if body.len() > LONGEST_BODY {
            return Err(Error::Invalid("the message is too long".into()));
        }
        let id = MessageId::derive(&[source, key]);
        let message = Message { source: source.into(), kind: kind.into(), body: Body::new(body) };
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            let known = work.get(INBOX.jobs(), id.as_str()).await?;
            if known.as_ref().is_some_and(|known| !is_wanted(known.state)) {
                return Ok(Taken { id, duplicate: true });
            }
            INBOX.put(&mut work, id.as_str(), &message, (self.clock)()).await?;
            if let Some(known) = known
                && let Some(job) = work.get(INBOX.jobs(), id.as_str()).await?
            {
                work.put(INBOX.jobs(), id.as_str(), &Job { came_at: known.came_at, ..job });
            }
            if attempts.commit(work).await? {
                return Ok(Taken { id, duplicate: false });
            }
        }
    }
}
