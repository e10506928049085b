//! Removing threads: because their visitor wishes it, by age, or because a person is to be forgotten.
//!
//! A thread goes in portions, the newest items first. The invariant: a portion is one commit that goes through the
//! thread's version, so nothing comes in between, and whatever interrupts it leaves the beginning whole.

use std::ops::Bound;

use chassis::Ticked;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use store::{Attempts, Error, Key, Order, Query, Range, Work, erasing::Progress};

use super::{
    KEPT, Owner, Record, Threads,
    pages::{Direction, after_place, read},
    record::{BY_AGE, BY_OWNER, BY_PLACE, FEEDBACK, Feedback, ITEMS, THREADS, item_key},
};
use crate::{
    hand_off::{is_of_person, is_of_server},
    notices::is_notice,
};

/// Most items that are removed in one commit.
const BATCH: u32 = 200;
/// Most portions of one tick.
const PORTIONS: usize = 50;

/// After this a turn that was under way has ended, or died with its process.
const TURN: SignedDuration = SignedDuration::from_mins(5);

/// Why a thread goes.
#[derive(Clone, Copy)]
pub(crate) enum Why<'a> {
    /// Its visitor says so.
    Wish,
    /// Nobody has touched it since.
    Idle(i64),
    /// Its visitor is to be forgotten.
    Erasure {
        /// The erasure, which counts what goes.
        id: &'a str,
        /// A turn on it, or what that left in the background, goes on here.
        busy: bool,
    },
}

/// What went in one commit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Portion {
    pub(super) items: i64,
    pub(super) feedback: i64,
    /// The thread went, too.
    pub(super) gone: bool,
}

impl Threads {
    /// What was last touched then or earlier is idle, in microseconds.
    pub(super) fn idle_since(&self) -> i64 {
        (self.now() - KEPT).as_microsecond()
    }

    /// Removes a thread with all its items.
    pub(crate) async fn delete(&self, owner: &Owner, id: &str) -> Result<bool, Error> {
        while self.find(owner, id).await?.is_some() {
            if self.shrink(id, Why::Wish).await?.is_some_and(|portion| portion.gone) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Removes every item behind a place, but for those that are of no turn.
    pub(crate) async fn cut_after(&self, id: &str, seq: i64) -> Result<(), Error> {
        loop {
            let items = self.behind(id, seq, is_of_turn).await?;
            if items.is_empty() {
                return Ok(());
            }
            self.edit(id, items.into_iter().map(super::Edit::Remove).collect()).await?;
        }
    }

    /// Removes a bounded portion of what is idle.
    pub(crate) async fn sweep(&self) -> Result<Ticked, Error> {
        let idle = self.idle_since();
        let mut query = Query::new(&BY_AGE, []).limit(PORTIONS as u32);
        query.range = Some(Range { from: Bound::Unbounded, to: Bound::Included(idle.into()) });
        let found = self.store.query(query).await?;
        let (mut ticked, mut left) = (Ticked { more: found.next.is_some(), ..Ticked::default() }, PORTIONS);
        for document in found.documents {
            let id = read(document)?.thread.id;
            loop {
                if left == 0 {
                    return Ok(Ticked { more: true, ..ticked });
                }
                left -= 1;
                // touched or removed meanwhile: nothing to do
                let Some(portion) = self.shrink(&id, Why::Idle(idle)).await? else { break };
                ticked.count("items", portion.items);
                ticked.count("feedback", portion.feedback);
                ticked.count("threads", portion.gone.into());
                if portion.gone {
                    break;
                }
            }
        }
        Ok(ticked)
    }

    /// A thread of this visitor, whatever its workflow and age.
    pub(crate) async fn any_of(&self, visitor: &str) -> Result<Option<Record>, Error> {
        let query = Query::new(&BY_OWNER, [Value::from(visitor)]).limit(1);
        self.store.query(query).await?.documents.into_iter().next().map(read).transpose()
    }

    /// Removes the thread, portion by portion, until it is gone or `until` has come; whether it is gone.
    pub(crate) async fn remove(
        &self,
        id: &str,
        why: Why<'_>,
        until: tokio::time::Instant,
    ) -> Result<bool, Error> {
        while let Some(portion) = self.shrink(id, why).await? {
            if portion.gone {
                break;
            }
            if tokio::time::Instant::now() >= until {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Removes the last items of a thread, and the thread with the first ones. `None` if there is no such thread.
    async fn shrink(&self, id: &str, why: Why<'_>) -> Result<Option<Portion>, Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            let Some(record) = work.get(&THREADS, id).await? else { return Ok(None) };
            if matches!(why, Why::Idle(since) if record.updated_us > since) {
                return Ok(None);
            }
            let items = self.behind(id, -1, |_| true).await?;
            let mut portion = Portion { gone: items.len() < BATCH as usize, ..Portion::default() };
            work.prefetch(keys(id, &items)).await?;
            for item in &items {
                portion.feedback += i64::from(remove(&mut work, id, item).await?);
                portion.items += 1;
            }
            if portion.gone {
                work.delete(&THREADS, id);
            } else {
                // so that no item comes in between
                self.keep(&mut work, &record);
            }
            if let Why::Erasure { id, busy } = why {
                let elsewhere = record.running_since.filter(|_| self.store.is_shared());
                let since = if busy { Some(self.now()) } else { elsewhere };
                self.note(&mut work, id, &portion, since).await?;
            }
            if attempts.commit(work).await? {
                return Ok(Some(portion));
            }
        }
    }

    async fn note(
        &self,
        work: &mut Work<'_>,
        id: &str,
        portion: &Portion,
        running_since: Option<Timestamp>,
    ) -> Result<(), Error> {
        let note = |progress: &mut Progress| {
            progress.count("items", portion.items);
            progress.count("feedback", portion.feedback);
            progress.count("threads", portion.gone.into());
            progress.not_before = progress.not_before.max(running_since.map(|since| since + TURN));
        };
        self.erasures().note_in(work, id, note).await
    }

    /// Ids of the last items behind a place that are of this kind, newest first.
    async fn behind(&self, id: &str, seq: i64, kind: fn(&str) -> bool) -> Result<Vec<String>, Error> {
        let mut query = Query::new(&BY_PLACE, [Value::from(id)]).limit(BATCH);
        query.order = Order::Descending;
        query.range = Some(after_place(seq, Direction::Ascending));
        let mut found = Vec::new();
        loop {
            let page = self.store.query(query.clone()).await?;
            for document in page.documents {
                let item = ITEMS.read(document)?.value.item;
                found.extend(Some(item.id().to_owned()).filter(|id| kind(id)));
            }
            query.after = page.next;
            if !found.is_empty() || query.after.is_none() {
                return Ok(found);
            }
        }
    }
}

/// Whether an item goes with the turn in which it came: what happened and what people said stays, whatever becomes of the
/// turns around it.
fn is_of_turn(item_id: &str) -> bool {
    !is_notice(item_id) && !is_of_person(item_id) && !is_of_server(item_id)
}

fn keys(thread: &str, items: &[String]) -> Vec<Key> {
    let of = |item: &String| {
        let key = item_key(thread, item);
        [ITEMS.key(&*key), FEEDBACK.key(key)]
    };
    items.iter().flat_map(of).collect()
}

/// Removes an item, and what its visitor thinks of it; whether that was said.
pub(super) async fn remove(work: &mut Work<'_>, thread: &str, item: &str) -> Result<bool, Error> {
    let key = item_key(thread, item);
    if work.get(&ITEMS, &key).await?.is_some() {
        work.delete(&ITEMS, &key);
    }
    let judged = work.get::<Feedback>(&FEEDBACK, &key).await?.is_some();
    if judged {
        work.delete(&FEEDBACK, &key);
    }
    Ok(judged)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use store::{Location, system_clock};

    use super::*;
    use crate::{
        protocol::{Status, Thread},
        threads::SCHEMA,
    };

    #[tokio::test]
    async fn an_opinion_that_comes_too_late_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let config = store::Config::at(Location::Sqlite(dir.path().to_owned()));
        let store = config.open(crate::NAME, SCHEMA, system_clock()).unwrap();
        let threads = Threads::new(store.clone(), system_clock());
        let visitor = "vis_00000000000000000000000000000001".parse().unwrap();
        let owner = Owner { visitor, workflow: "lead-concierge".into() };
        let thread = Thread {
            title: None,
            id: "thr_1".into(),
            created_at: threads.now(),
            status: Status::Active,
            metadata: BTreeMap::<String, _>::new().into_iter().collect(),
        };
        let record = threads.create(&owner, thread, Vec::new()).await.unwrap();
        let kept =
            async |item: &str| FEEDBACK.get(&*store, &item_key("thr_1", item)).await.unwrap().is_some();
        threads.judge(&record, &["msg_1".to_owned()], true).await.unwrap();
        assert!(kept("msg_1").await);
        assert!(threads.delete(&owner, "thr_1").await.unwrap());
        // it read the thread before, and comes after
        threads.judge(&record, &["msg_2".to_owned()], true).await.unwrap();
        assert!(!kept("msg_2").await);
    }
}
