//! Conversations of our own, end to end over HTTP: what a visitor reads, what is kept, what stands in the books.

mod books;
mod disconnects;
mod failures;
mod leaving;
mod limits;
mod strangers;
pub(crate) mod talk;
mod truth;

use crate::world::World;

/// A message that leaves an address.
pub(crate) const LEAD: &str =
    "My name is Ann Example, my e-mail is ann@example.com, budget 5000 EUR, I want to buy";

impl World {
    /// Starts a system in which a visitor may talk as fast as a test does.
    pub(crate) async fn talkative() -> Self {
        Self::with(&[("LIMIT_CHAT", "off")]).await
    }
}
