//! A thread, as a browser sees it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Item, Page};

/// Where a thread's metadata keeps the traits of its visit. No browser gets to see them again.
pub const TRAITS: &str = "traits";

/// Whether a thread takes messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Status {
    /// It does.
    #[default]
    Active,
    /// Not now.
    Locked {
        /// Why, for the visitor.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Not any more.
    Closed {
        /// Why, for the visitor.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

/// A thread without its items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thread {
    /// Its title, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// `thr_…`.
    pub id: String,
    /// When its first message came.
    pub created_at: Timestamp,
    /// Whether it takes messages.
    pub status: Status,
    /// What the server keeps with it; never sent.
    pub metadata: Map<String, Value>,
}

/// A thread as it is sent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct View {
    #[serde(flatten)]
    thread: Thread,
    items: Page<Item>,
}

// === impl View ===

impl View {
    /// A thread with these items; what it keeps for the server is left out.
    pub fn new(thread: &Thread, items: Page<Item>) -> Self {
        Self { thread: Thread { metadata: Map::new(), ..thread.clone() }, items }
    }

    /// A thread alone.
    pub fn bare(thread: &Thread) -> Self {
        Self::new(thread, Page::default())
    }
}
