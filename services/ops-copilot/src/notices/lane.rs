//! What waits on a way because there was too much of it.
//!
//! One of those that wait, the leader, has the next permit and tells all of them in one message. The invariants: while a
//! leader is at it no other is, because nobody becomes it before it has left, and only who holds its job acts for it; and
//! who waits for a person has a lane and a quota of their own, so that no flood of anything else delays them.

use std::collections::BTreeSet;

use domain::notice::HANDOFF;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Attempts, Collection, Error, Store, Work};

use super::Channel;

/// What waits, by the name of its lane.
pub(crate) const LANES: Collection<Lane> = Collection::new("lanes");
/// How often those look who wait for a leader.
const LOOK: SignedDuration = SignedDuration::from_secs(2);
/// The same, while it does not succeed.
const LOOK_IN_TROUBLE: SignedDuration = SignedDuration::from_secs(60);

/// The lane of a notice of this kind on this way.
pub(crate) fn name(channel: Channel, kind: &str) -> &'static str {
    match (channel, kind) {
        (Channel::Slack, HANDOFF) => "slack.handoffs",
        (Channel::Email, HANDOFF) => "email.handoffs",
        (channel, _) => channel.as_str(),
    }
}

/// What waits in one lane. All are ids of sendings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lane {
    /// Who tells the next message.
    pub(crate) leader: Option<String>,
    /// Who waits, the leader among them.
    pub(crate) held: BTreeSet<String>,
    /// Who was told in another's message and does not know it yet.
    pub(crate) told: BTreeSet<String>,
    /// When there may be a permit.
    pub(crate) until: Option<Timestamp>,
    /// The leader has tried, and not succeeded yet.
    pub(crate) trying: bool,
}

// === impl Lane ===

impl Lane {
    pub(super) fn leads(&self, id: &str) -> bool {
        self.leader.as_deref() == Some(id)
    }

    /// Waits with the others; whoever comes first leads.
    pub(super) fn join(&mut self, id: &str, until: Timestamp) {
        self.held.insert(id.to_owned());
        if self.leader.is_none() {
            (self.leader, self.until, self.trying) = (Some(id.to_owned()), Some(until), false);
        }
    }

    /// Waits no longer; somebody else leads if it was the leader.
    pub(crate) fn leave(&mut self, id: &str) {
        self.held.remove(id);
        self.told.remove(id);
        if self.leads(id) {
            self.leader = self.held.first().cloned();
        }
    }

    /// All of these were told in one message by the leader, who leaves.
    pub(super) fn tell(&mut self, leader: &str, all: &BTreeSet<String>) {
        self.held.retain(|id| !all.contains(id));
        self.told.extend(all.iter().filter(|id| *id != leader).cloned());
        (self.leader, self.trying, self.until) = (self.held.first().cloned(), false, None);
    }

    /// When somebody who waits looks again.
    pub(super) fn next_look(&self, now: Timestamp) -> Timestamp {
        let pause = if self.trying { LOOK_IN_TROUBLE } else { LOOK };
        self.until.unwrap_or(now).max(now) + pause
    }
}

/// Changes a lane and answers it as it is then; nothing is written where nothing changes.
pub(super) async fn change(store: &dyn Store, name: &str, with: impl Fn(&mut Lane)) -> Result<Lane, Error> {
    let mut attempts = Attempts::default();
    loop {
        let mut work = Work::new(store);
        let before = work.get(&LANES, name).await?.unwrap_or_default();
        let mut lane = before.clone();
        with(&mut lane);
        if lane == before {
            return Ok(lane);
        }
        work.put(&LANES, name, &lane);
        if attempts.commit(work).await? {
            return Ok(lane);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_leader_until_it_leaves() {
        let now = Timestamp::UNIX_EPOCH;
        let mut lane = Lane::default();
        for id in ["b", "a", "c"] {
            lane.join(id, now);
        }
        assert!(lane.leads("b"), "whoever came first, whatever its id");
        let told = ["a", "b"].map(str::to_owned).into();
        lane.tell("b", &told);
        assert!(lane.leads("c") && lane.told == ["a".to_owned()].into());
        lane.leave("c");
        assert_eq!((lane.leader, lane.held.len()), (None, 0));
    }
}
