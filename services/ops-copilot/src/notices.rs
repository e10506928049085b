//! Notices: what people are told, and how far each is on each of its ways.
//!
//! A notice and a sending for every way that is set up are one commit. The invariants: a notice under a known id tells nobody
//! twice; what is taken is sent until somebody took it, or is parked after a day; what is more than the limit waits and is
//! told in one message.

mod lane;
mod listing;
mod mask;
mod sending;
mod words;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use store::{
    Attempts, Clock, Collection, Error, Index, Store, Work,
    queue::{Queue, Worker},
};

pub(crate) use lane::{LANES, name as lane_name};
pub(crate) use listing::Listed;
pub(crate) use mask::masked;
pub(crate) use sending::{Post, Sending, ways};
pub(crate) use words::Words;

/// All notices, under their ids.
pub(crate) const NOTICES: Collection<Notice> = Collection::new("notices");
/// Notices by when they were taken.
pub(crate) static NEWEST: Index =
    Index { collection: "notices", name: "newest", fields: &["created_at"], orders: store::DESCENDING };
/// What is on its way.
pub(crate) static SENDINGS: Queue<Sending> = Queue::keeping("sendings", KEPT);
/// Days for which a notice is kept, sent or not: until then its id is known, and it can be sent again.
const KEPT: u16 = 30;

/// A way to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Channel {
    /// Slack's incoming webhook.
    Slack,
    /// Mail.
    Email,
}

/// What is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Letter {
    /// In one line.
    pub(crate) title: String,
    /// The rest, in lines.
    pub(crate) text: String,
    /// Where to look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) link: Option<String>,
}

/// A notice as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Notice {
    /// What made it.
    pub(crate) kind: String,
    pub(crate) letter: Letter,
    /// When it was taken, in microseconds, so that it sorts as a number.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub(crate) created_at: Timestamp,
    /// The ways that were set up then.
    pub(crate) channels: Vec<Channel>,
    /// Ids of whom it is about: an erasure finds it by them, and nobody is shown them.
    #[serde(default)]
    pub(crate) about: Vec<String>,
}

/// Takes notices, and tells how far they are.
#[derive(Clone)]
pub(crate) struct Notices {
    store: Arc<dyn Store>,
    clock: Clock,
    worker: Worker<Sending>,
    channels: Vec<Channel>,
}

// === impl Channel ===

impl Channel {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Email => "email",
        }
    }
}

// === impl Notices ===

impl Notices {
    pub(crate) fn new(store: Arc<dyn Store>, clock: Clock, post: Post) -> Self {
        let channels = post.channels();
        let worker = Worker::new(&SENDINGS, store.clone(), clock.clone(), Arc::new(post));
        Self { store, clock, worker, channels }
    }

    /// Who sends.
    pub(crate) fn worker(&self) -> &Worker<Sending> {
        &self.worker
    }

    /// The ways by which people are told.
    pub(crate) fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// Takes a notice about these people; false if it is known under this id.
    pub(crate) async fn take(
        &self,
        id: &str,
        kind: &str,
        letter: &Letter,
        about: &[String],
    ) -> Result<bool, Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            if work.get(&NOTICES, id).await?.is_some() {
                return Ok(false);
            }
            let notice = Notice {
                kind: kind.to_owned(),
                letter: letter.clone(),
                created_at: (self.clock)(),
                channels: self.channels.clone(),
                about: about.to_owned(),
            };
            self.put(&mut work, id, &notice).await?;
            if attempts.commit(work).await? {
                self.worker.wake();
                return Ok(true);
            }
        }
    }

    async fn put(&self, work: &mut Work<'_>, id: &str, notice: &Notice) -> Result<(), Error> {
        let now = notice.created_at;
        work.put_until(&NOTICES, id, notice, Some(expiry(now)));
        for channel in &self.channels {
            let sending = Sending { notice: id.to_owned(), channel: *channel, kind: notice.kind.clone() };
            SENDINGS.put(work, &sending_id(id, *channel), &sending, now).await?;
        }
        Ok(())
    }
}

fn expiry(now: Timestamp) -> Timestamp {
    now.saturating_add(SignedDuration::from_hours(24 * i64::from(KEPT))).unwrap_or(Timestamp::MAX)
}

/// The id of a notice that follows from what it is about.
pub(crate) fn notice_id(parts: &[&str]) -> String {
    format!("ntf_{}", domain::id::digest(parts))
}

/// The id of a notice on one of its ways.
pub(crate) fn sending_id(notice: &str, channel: Channel) -> String {
    format!("{notice}.{}", channel.as_str())
}
