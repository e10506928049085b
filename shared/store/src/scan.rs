//! Walking through everything that a store keeps.
//!
//! A scan has a moment: it shows every document as it was then, whatever is committed meanwhile. The invariant: each
//! document that was there at that moment is shown once, whole, in the order of collections and, within one, in an
//! order of the engine's own.

use jiff::Timestamp;

use crate::Error;

/// A page ends after this many bytes of documents; one document more may stand in it.
pub(crate) const PAGE_BYTES: usize = 1 << 20;
/// Most documents of a page.
pub(crate) const PAGE: usize = 500;

/// A document as it is kept, whatever it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its collection.
    pub collection: String,
    /// Its id within the collection.
    pub id: String,
    /// From when on it counts as absent, in whole milliseconds.
    pub expires_at: Option<Timestamp>,
    /// Its content, the text of a JSON object.
    pub body: String,
}

/// A walk under way.
#[async_trait::async_trait]
pub trait Scan: Send {
    /// The next documents, a megabyte or two of them at most; none when there are no more. What had expired when the
    /// walk began is left out.
    async fn next(&mut self) -> Result<Vec<Record>, Error>;
}
