//! What each part of a service does so that a person is forgotten.
//!
//! The invariant: a person is forgotten when every part has said that it waits for nothing, and the disk has forgotten
//! them too.

use proto::common::v1::Person;
use store::erasing::Erasures;

use crate::error::Error;

/// A part that keeps something of people: messages, bookings, payments.
#[async_trait::async_trait]
pub trait Forgets: Send + Sync + 'static {
    /// Blanks or deletes what names this person, a bounded portion of it (a few seconds, a few hundred documents), and
    /// counts it in the erasure by [`Erasures::note_in`], in the very commit that removes it. Amounts and times stay.
    ///
    /// Called again with the same `erasure` it goes on; what is gone counts once. The answer is what it waits for, in
    /// words for an operator that name nobody (`more bookings`, `cal.com, which takes no calls for 5 s`), or `None` once
    /// nothing is left. The scrub of the disk is not its business.
    ///
    /// A document that is blanked must not tell the books anything new of the person: they forget by themselves.
    async fn forget(
        &self,
        person: &Person,
        erasures: &Erasures,
        erasure: &str,
    ) -> Result<Option<String>, Error>;
}
