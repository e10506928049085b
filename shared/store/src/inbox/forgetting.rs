//! Forgetting a person's messages.
//!
//! A message of theirs that still waits is worked on first: what it is a hint of must not be lost. Then its body is
//! blanked; that it came, when, and of what kind it was stays, so that it is known when it comes again. The invariant:
//! what is counted was blanked in the commit that counts it.

use std::time::Instant;

use super::{Body, INBOX, Inbox, Mentions, Message, NEWEST};
use crate::{
    Attempts, Error, Order, Query, Work,
    erasing::Erasures,
    queue::{State, Worker},
    read_body,
};

/// What is counted, and where the walk's place is kept.
const KIND: &str = "inbox";
/// Messages that are looked at between two looks at the clock.
const STEP: u32 = 10;
/// The place after the last message.
const END: &str = "end";

/// How far the inbox has forgotten a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// None of the messages that were there names them.
    All,
    /// There are more to look at.
    More,
    /// One of theirs waits to be worked on; it is done or parked within a day or so.
    Waiting,
}

impl Inbox {
    /// Blanks the messages that mention a person, a portion of them until `until`; called again for the same erasure it
    /// goes on.
    ///
    /// # Errors
    /// The store's.
    pub async fn forget(
        &self,
        worker: &Worker<Message>,
        person: &Mentions,
        erasures: &Erasures,
        erasure: &str,
        until: Instant,
    ) -> Result<Forgotten, Error> {
        loop {
            let place = erasures.get(erasure).await?.place(KIND).map(str::to_owned);
            if place.as_deref() == Some(END) {
                return Ok(Forgotten::All);
            }
            let query = Query::new(&NEWEST, []).limit(STEP).after(place);
            let page = self.store.query(Query { order: Order::Descending, ..query }).await?;
            for document in page.documents {
                let found = INBOX.jobs().read(document)?;
                if is_about(person, &found.id, &found.value.payload)?
                    && !self.forget_one(worker, &found.id, erasures, erasure).await?
                {
                    return Ok(Forgotten::Waiting);
                }
            }
            let place = page.next.unwrap_or_else(|| END.to_owned());
            erasures.note(erasure, |progress| progress.set_place(KIND, &place)).await?;
            if Instant::now() >= until && place != END {
                return Ok(Forgotten::More);
            }
        }
    }

    /// Blanks a message; false if it must be worked on first and could not be.
    async fn forget_one(
        &self,
        worker: &Worker<Message>,
        id: &str,
        erasures: &Erasures,
        erasure: &str,
    ) -> Result<bool, Error> {
        let mut attempts = Attempts::default();
        let waits = |state| state == State::Waiting;
        if self.get(id).await?.is_some_and(|message| waits(message.state))
            && worker.work_on(id).await?.is_some_and(waits)
        {
            return Ok(false);
        }
        loop {
            let mut work = Work::new(&*self.store);
            let Some(mut job) = work.get(INBOX.jobs(), id).await? else { return Ok(true) };
            let mut message: Message = read_body(INBOX.jobs().key(id), &job.payload)?;
            message.body = Body::new(b"");
            job.payload = serde_json::to_value(message).expect("a message serializes to JSON");
            // What is done expires thirty days from now, not from when it was done.
            let expiry = (job.state == State::Done).then(|| INBOX.expiry((self.clock)())).flatten();
            work.put_until(INBOX.jobs(), id, &job, expiry);
            erasures.note_in(&mut work, erasure, |progress| progress.count(KIND, 1)).await?;
            if attempts.commit(work).await? {
                return Ok(true);
            }
        }
    }
}

fn is_about(person: &Mentions, id: &str, payload: &serde_json::Value) -> Result<bool, Error> {
    let message: Message = read_body(INBOX.jobs().key(id), payload)?;
    Ok(person.are_in(message.body.bytes()))
}
