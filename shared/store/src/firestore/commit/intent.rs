//! One write of a commit, and what must hold of its document.

use firestore::gcloud_sdk::google::firestore::v1::{
    Precondition as Condition, Write as Wire, precondition::ConditionType, write::Operation,
};

use super::{Firestore, Op, Record, Records, Write};
use crate::{
    Error, Key, Precondition,
    firestore::record::{CommitId, Draft, State, parts, timestamp},
};

/// What Firestore is asked to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// Nothing.
    None,
    /// There is no document, not even an expired one.
    Absent,
    /// The document is in this state.
    At(State),
}

impl Guard {
    /// Whether the document, as it is after an answer was lost, proves that nothing was done under this guard.
    pub(super) fn is_unused(self, record: Option<&Record>) -> bool {
        let state = match self {
            Self::None => return false,
            Self::Absent => None,
            Self::At(state) => Some(state),
        };
        // It is as it was, or somebody else has made something of it as it was.
        record.map(Record::state) == state
            || record.is_some_and(|record| record.replaces() == Some(state.map(|state| state.commit)))
    }
}

/// A write on its way.
pub(super) struct Intent {
    key: Key,
    name: String,
    precondition: Precondition,
    /// The document; `None` removes it.
    draft: Option<Draft>,
    expires: bool,
}

impl Intent {
    pub(super) fn new(write: Write, store: &Firestore) -> Result<Self, Error> {
        let Write { key, precondition, op } = write;
        let name = store.names.document(&key);
        let (draft, expires) = match op {
            Op::Put { body, expires_at } => {
                let draft = Draft::new(key.collection, &key.id, &body, expires_at, &store.schema)?;
                (Some(draft), expires_at.is_some())
            }
            Op::Delete => (None, false),
        };
        Ok(Self { key, name, precondition, draft, expires })
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn is_put(&self) -> bool {
        self.draft.is_some()
    }

    /// Whether it makes a document that expires.
    pub(super) fn expires(&self) -> bool {
        self.expires
    }

    /// Whether its document must be seen before anything is sent: it may have expired.
    pub(super) fn must_be_seen(&self) -> bool {
        match self.precondition {
            Precondition::Any | Precondition::Absent => false,
            Precondition::Exists => true,
            Precondition::Version(version) => parts(version).1,
        }
    }

    /// Whether Firestore may see a conflict where there is none for us, or one that is over by now.
    pub(super) fn may_be_blocked_by_expired(&self) -> bool {
        matches!(self.precondition, Precondition::Absent | Precondition::Exists)
    }

    /// The guard before anything was sent, given those records that had to be seen.
    pub(super) fn first_guard(&self, seen: &Records, now: i64) -> Option<Guard> {
        match self.precondition {
            Precondition::Absent => Some(Guard::Absent),
            Precondition::Version(version) if !self.must_be_seen() => Some(Guard::At(parts(version).0)),
            _ => self.guard(seen.get(&self.name), now),
        }
    }

    /// The guard that lets this write happen to the document as it is; `None` when its precondition does not hold.
    pub(super) fn guard(&self, record: Option<&Record>, now: i64) -> Option<Guard> {
        let live = record.filter(|record| record.is_live(now));
        let at = |record: &Record| Guard::At(record.state());
        match self.precondition {
            Precondition::Any => Some(Guard::None),
            Precondition::Absent if live.is_some() => None,
            // What has expired is replaced in exactly that state.
            Precondition::Absent => Some(record.map_or(Guard::Absent, at)),
            Precondition::Exists => live.map(at),
            Precondition::Version(version) => live.filter(|record| record.version() == version).map(at),
        }
    }

    #[cfg(test)]
    pub(super) fn wire_of(
        &self,
        commit: CommitId,
        replaces: Option<crate::firestore::record::Replaced>,
    ) -> firestore::gcloud_sdk::google::firestore::v1::Document {
        self.draft.as_ref().expect("it puts").wire(&self.name, commit, false, replaces)
    }

    /// The write for Firestore.
    pub(super) fn wire(&self, guard: Guard, commit: CommitId, timed: bool) -> Wire {
        let (condition, replaces) = match guard {
            Guard::None => (None, None),
            Guard::Absent => (Some(ConditionType::Exists(false)), Some(None)),
            Guard::At(state) => {
                (Some(ConditionType::UpdateTime(timestamp(state.updated))), Some(Some(state.commit)))
            }
        };
        let operation = match &self.draft {
            Some(draft) => Operation::Update(draft.wire(&self.name, commit, timed, replaces)),
            None => Operation::Delete(self.name.clone()),
        };
        Wire {
            operation: Some(operation),
            current_document: condition.map(|condition| Condition { condition_type: Some(condition) }),
            ..Default::default()
        }
    }
}
