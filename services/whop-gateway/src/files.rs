//! Files that are shared with members, wherever they are kept.
//!
//! The invariant: a file has a name and a link to https.

use jiff::Timestamp;

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// Its name.
    pub(crate) name: String,
    /// Where it opens.
    pub(crate) url: String,
    /// Its media type; empty if that is not known.
    pub(crate) media_type: String,
    /// When it was changed last.
    pub(crate) updated_at: Option<Timestamp>,
    /// Bytes, if that is known.
    pub(crate) size: Option<i64>,
}

/// Some files, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shelf {
    /// At most a hundred.
    pub(crate) files: Vec<File>,
    /// There are more than these.
    pub(crate) more: bool,
}
