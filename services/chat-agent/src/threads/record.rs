//! The documents of threads.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Collection, Index, Schema, erasing};

use super::Owner;
use crate::{
    hand_off::Standing,
    protocol::{Item, Thread},
    wishes,
};

pub(super) const THREADS: Collection<Record> = Collection::new("threads");
pub(super) const ITEMS: Collection<Placed> = Collection::new("items");
pub(super) const FEEDBACK: Collection<Feedback> = Collection::new("feedback");

/// All items of a thread.
pub(super) static BY_PLACE: Index =
    Index { collection: "items", name: "by_place", fields: &["thread_id", "seq"], orders: store::DESCENDING };
/// Those that are shown, so that a page of them is never short.
pub(super) static BY_SIGHT: Index = Index {
    collection: "items",
    name: "by_sight",
    fields: &["thread_id", "hidden", "seq"],
    orders: store::BOTH,
};
/// The threads of an owner.
pub(super) static BY_OWNER: Index = Index {
    collection: "threads",
    name: "by_owner",
    fields: &["visitor_id", "workflow", "updated_us"],
    orders: store::BOTH,
};

/// Threads by how long nobody has touched them.
pub(super) static BY_AGE: Index =
    Index { collection: "threads", name: "by_age", fields: &["updated_us"], orders: store::BOTH };

/// Threads that somebody has to look at, by since when.
pub(super) static BY_ATTENTION: Index = Index {
    collection: "threads",
    name: "by_attention",
    fields: &["attention_us"],
    orders: store::ASCENDING,
};

/// What these documents ask of a store.
pub const SCHEMA: Schema = Schema {
    version: 1,
    indexes: &[&BY_PLACE, &BY_SIGHT, &BY_OWNER, &BY_AGE, &BY_ATTENTION],
    expiring: &[erasing::COLLECTION, "feedback", "limits", "usage", wishes::COLLECTION],
};

/// A thread. Its id is the document's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// What a browser sees of it.
    #[serde(flatten)]
    pub(crate) thread: Thread,
    visitor_id: String,
    workflow: String,
    /// When it was last written, in microseconds.
    pub(crate) updated_us: i64,
    /// Place of the next item.
    pub(crate) next_seq: i64,
    /// Since when a turn is under way, or was when its process died.
    pub(crate) running_since: Option<Timestamp>,
    /// How it stands with people.
    #[serde(default)]
    pub(crate) standing: Standing,
    /// Since when somebody has to look at it, in microseconds; follows from how it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attention_us: Option<i64>,
}

/// An item at its place.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Placed {
    thread_id: String,
    hidden: bool,
    /// Its place: larger is later.
    pub(crate) seq: i64,
    /// The item.
    pub(crate) item: Item,
}

/// What a visitor thinks of an item.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Feedback {
    thread_id: String,
    item_id: String,
    visitor_id: String,
    workflow: String,
    kind: String,
    at: Timestamp,
}

/// Id of an item's document. No id holds a space, so no two are the same.
pub(super) fn item_key(thread: &str, item: &str) -> String {
    format!("{thread} {item}")
}

// === impl Record ===

impl Record {
    pub(super) fn new(owner: &Owner, thread: Thread) -> Self {
        Self {
            updated_us: thread.created_at.as_microsecond(),
            thread,
            visitor_id: owner.visitor.as_str().to_owned(),
            workflow: owner.workflow.clone(),
            next_seq: 0,
            running_since: None,
            standing: Standing::default(),
            attention_us: None,
        }
    }

    /// Whose it is.
    pub(crate) fn owner(&self) -> Owner {
        let visitor = self.visitor_id.parse().expect("it was written from an id");
        Owner { visitor, workflow: self.workflow.clone() }
    }

    /// As it is kept: what is indexed follows from the rest.
    pub(super) fn indexed(&self) -> Self {
        let attention_us = self.standing.attention().map(Timestamp::as_microsecond);
        Self { attention_us, ..self.clone() }
    }

    /// Whether it is this visitor's.
    pub(crate) fn is_of(&self, visitor: &str) -> bool {
        self.visitor_id == visitor
    }

    pub(super) fn belongs_to(&self, owner: &Owner) -> bool {
        self.visitor_id == owner.visitor.as_str() && self.workflow == owner.workflow
    }
}

// === impl Placed ===

impl Placed {
    pub(super) fn new(seq: i64, item: Item) -> Self {
        Self { thread_id: item.head().thread_id.clone(), hidden: item.is_hidden(), seq, item }
    }
}

// === impl Feedback ===

impl Feedback {
    pub(super) fn new(record: &Record, item: &str, positive: bool, at: Timestamp) -> Self {
        Self {
            thread_id: record.thread.id.clone(),
            item_id: item.to_owned(),
            visitor_id: record.visitor_id.clone(),
            workflow: record.workflow.clone(),
            kind: if positive { "positive" } else { "negative" }.to_owned(),
            at,
        }
    }
}
