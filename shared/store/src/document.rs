//! A document, its key, and the ways of writing it.

use std::fmt;

use jiff::Timestamp;
use serde_json::Value;

/// Names one document.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The collection: `a-z` and `_`.
    pub collection: &'static str,
    /// The document's id within it: 1 to 256 bytes, no `/`.
    pub id: String,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.collection, self.id)
    }
}

/// Which state of a document it is. Only equality means anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version(pub(crate) u128);

/// A document as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Its id within its collection.
    pub id: String,
    /// Which state of it this is.
    pub version: Version,
    /// Its content, a JSON object.
    pub body: Value,
}

/// What must hold of a document for a write to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing.
    Any,
    /// It is not there.
    Absent,
    /// It is there.
    Exists,
    /// It is there, in exactly this state.
    Version(Version),
}

/// What a write does.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Makes the document this JSON object, until it expires.
    Put {
        /// The whole content, a JSON object of at most 900 kB.
        body: Value,
        /// From when on it counts as absent.
        expires_at: Option<Timestamp>,
    },
    /// Removes it. Removing what is absent is fine under [`Precondition::Any`].
    Delete,
}

/// One write of a commit.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// Which document.
    pub key: Key,
    /// What must hold.
    pub precondition: Precondition,
    /// What to do.
    pub op: Op,
}
