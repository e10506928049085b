//! One commit: `Commit` with preconditions and without a transaction, and what became of it when the answer is lost.
//!
//! Firestore applies the writes of one `Commit` all or not at all, in a transaction or not; without one it is a
//! single round trip that can be repeated. Nothing in Firestore knows that an expired document counts as absent, so
//! where that matters the documents are looked at first and the write is guarded by the state that was seen.
//!
//! After a lost answer the documents are read. One that carries this commit's id, or says that it replaced this
//! commit's work, proves that it happened. One that is still in the state that was to be replaced, or that somebody
//! else made straight out of that state, proves that it did not, and then it can be sent again: each state can be
//! replaced once, so it cannot happen twice, however late the first delivery arrives. Where every document has been
//! overwritten several times since, nothing proves anything, and the answer is `Unknown`.

mod intent;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, time::Duration};

use firestore::gcloud_sdk::{
    google::firestore::v1::{CommitRequest, CommitResponse},
    tonic::Code,
};
use tokio::time::{Instant, sleep};

use super::{
    Firestore,
    connection::{Refusal, failed, is_conflict, may_pass},
    record::{CommitId, Record, State, moment, version},
};
use crate::{Commit, Error, Op, Write, backoff::jittered};
use intent::{Guard, Intent};

/// How long a commit that was refused for a moment or whose answer was lost is followed.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often a guard is taken anew from the documents.
const LOOKS: u32 = 8;

type Records = HashMap<String, Record>;

/// Does all writes or none.
pub(super) async fn commit(store: &Firestore, writes: Vec<Write>) -> Result<Commit, Error> {
    if writes.is_empty() {
        return Ok(Commit::Done(crate::Version(0)));
    }
    let intents: Vec<Intent> =
        writes.into_iter().map(|write| Intent::new(write, store)).collect::<Result<_, _>>()?;
    Attempt {
        store,
        timed: intents.iter().any(Intent::expires),
        intents,
        id: CommitId::new(),
        lost: false,
        until: Instant::now() + PATIENCE,
    }
    .run()
    .await
}

struct Attempt<'s> {
    store: &'s Firestore,
    intents: Vec<Intent>,
    /// What the documents that it writes carry.
    id: CommitId,
    timed: bool,
    /// An answer was lost: it may have happened.
    lost: bool,
    until: Instant,
}

/// What the documents say.
#[derive(Debug, PartialEq, Eq)]
enum Finding {
    /// It happened.
    Done(crate::Version),
    /// It did not happen, and these guards would let it.
    Open(Vec<Guard>),
    /// It did not happen and cannot.
    Conflict,
    /// It may have happened.
    Unclear,
}

impl Attempt<'_> {
    async fn run(mut self) -> Result<Commit, Error> {
        let Some(mut guards) = self.first_guards().await? else { return Ok(Commit::Conflict) };
        let (mut looks, mut tries) = (0, 0);
        loop {
            match self.send(&guards).await {
                Ok(answer) => return Ok(Commit::Done(self.version(&answer))),
                Err(Refusal::NotSent(error)) if !self.lost => return Err(error),
                Err(Refusal::Answer(status)) if is_conflict(status.code()) => {
                    looks += 1;
                    if !self.lost && !self.intents.iter().any(Intent::may_be_blocked_by_expired) {
                        return Ok(Commit::Conflict);
                    }
                }
                // Somebody else was at the same documents; this one was not done.
                Err(Refusal::Answer(status)) if status.code() == Code::Aborted => {}
                Err(Refusal::Answer(status)) if may_pass(status.code()) => {
                    tracing::warn!(code = ?status.code(), "the answer of a commit was lost");
                    self.lost = true;
                }
                Err(Refusal::Answer(status)) if !self.lost => return Err(failed(&status)),
                Err(Refusal::NotSent(_) | Refusal::Answer(_)) => {}
            }
            tries += 1;
            match self.look(&guards, tries).await {
                Some(Finding::Done(version)) => return Ok(Commit::Done(version)),
                Some(Finding::Open(again)) if looks < LOOKS => guards = again,
                Some(Finding::Open(_) | Finding::Conflict) => return Ok(Commit::Conflict),
                Some(Finding::Unclear) => return Ok(Commit::Unknown),
                None if self.lost => return Ok(Commit::Unknown),
                None => return Err(Error::Contended(tries)),
            }
        }
    }

    /// The guards to begin with; `None` when one of them cannot hold.
    async fn first_guards(&self) -> Result<Option<Vec<Guard>>, Error> {
        let timed = self.intents.iter().filter(|intent| intent.must_be_seen());
        let seen = self.store.read(&timed.map(Intent::key).collect::<Vec<_>>()).await?;
        let now = self.store.now();
        Ok(self.intents.iter().map(|intent| intent.first_guard(&seen, now)).collect())
    }

    async fn send(&self, guards: &[Guard]) -> Result<CommitResponse, Refusal> {
        let writes = self.intents.iter().zip(guards);
        let request = CommitRequest {
            database: self.store.names.database().to_owned(),
            writes: writes.map(|(intent, guard)| intent.wire(*guard, self.id, self.timed)).collect(),
            ..Default::default()
        };
        self.store.connection.commit(request).await
    }

    fn version(&self, answer: &CommitResponse) -> crate::Version {
        // All documents of a commit have the same update time; deletions have none.
        let updated = answer.write_results.iter().find_map(|result| result.update_time.as_ref());
        let at = updated.or(answer.commit_time.as_ref()).map(moment).unwrap_or_default();
        version(State { updated: at, commit: self.id }, self.timed)
    }

    /// What the documents say, as soon as they can be read; `None` when it has taken too long.
    async fn look(&self, guards: &[Guard], mut tries: u32) -> Option<Finding> {
        loop {
            // Right after a lost answer every moment counts: nobody has overwritten what would tell.
            if tries > 1 || !self.lost {
                sleep(jittered(tries)).await;
            }
            if Instant::now() > self.until {
                return None;
            }
            match self.store.read(&self.intents.iter().map(Intent::key).collect::<Vec<_>>()).await {
                Ok(records) => {
                    return Some(find(
                        &self.intents,
                        guards,
                        self.id,
                        self.lost.then_some(self.timed),
                        &records,
                        self.store.now(),
                    ));
                }
                Err(error) => {
                    tracing::debug!(error = &error as &dyn std::error::Error, "documents not read");
                    tries += 1;
                }
            }
        }
    }
}

/// What `records` say about commit `id` of `intents`, which was last sent with `guards`. `lost` when an answer was
/// lost: then whether the commit is timed.
fn find(
    intents: &[Intent],
    guards: &[Guard],
    id: CommitId,
    lost: Option<bool>,
    records: &Records,
    now: i64,
) -> Finding {
    let record = |intent: &Intent| records.get(intent.name());
    let again: Option<Vec<Guard>> = intents.iter().map(|intent| intent.guard(record(intent), now)).collect();
    let Some(timed) = lost else { return again.map_or(Finding::Conflict, Finding::Open) };
    let put = intents.iter().filter(|intent| intent.is_put()).filter_map(record);
    let done = put.filter_map(|record| {
        let ours = record.commit() == id;
        // Replaced already: the version that it had is good for nothing, and nobody needs to know it.
        let was_ours = record.replaces() == Some(Some(id));
        (ours || was_ours).then_some(State { updated: if ours { record.updated } else { 0 }, commit: id })
    });
    if let Some(state) = done.max_by_key(|state| state.updated) {
        return Finding::Done(version(state, timed));
    }
    let never = intents.iter().zip(guards).any(|(intent, guard)| guard.is_unused(record(intent)));
    match (again, never) {
        (Some(again), true) => Finding::Open(again),
        (None, true) => Finding::Conflict,
        (_, false) => Finding::Unclear,
    }
}
