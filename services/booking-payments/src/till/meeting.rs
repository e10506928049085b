//! The calendar, as far as the till needs it.
//!
//! The invariant: a slot is known by the link that is to pay for it, so that holding, booking and letting go come to the
//! same however often they are asked for.

use jiff::Timestamp;
use proto::booking::v1::Booking;
use providers::error::Error;
use serde::{Deserialize, Serialize};

use super::checkout::Checkout;

/// A slot that is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hold {
    /// The calendar's id of it.
    pub(crate) uid: String,
    /// Until when.
    pub(crate) until: Timestamp,
    /// What is to be booked.
    pub(crate) event_type: i64,
}

/// A calendar in which a paid meeting is booked.
#[async_trait::async_trait]
pub(crate) trait Meetings: Send + Sync + 'static {
    /// Holds the slot of a link until `until`, or as long as the calendar can; what it holds already is renewed.
    ///
    /// # Errors
    /// `SLOT_TAKEN` with the next free ones; the calendar's.
    async fn hold(&self, checkout: &Checkout, until: Timestamp) -> Result<Hold, Error>;

    /// Lets the slot of a link go; one that is not held is gone already.
    async fn release(&self, checkout: &Checkout) -> Result<(), Error>;

    /// Books the meeting of a link that is paid; answers its id. Again answers the same.
    ///
    /// # Errors
    /// `SLOT_TAKEN`; the calendar's.
    async fn book(&self, checkout: &Checkout) -> Result<String, Error>;

    /// The next free starts.
    async fn next_free(&self, checkout: &Checkout) -> Result<Vec<Timestamp>, Error>;

    /// A meeting, for its owner.
    async fn booking(&self, checkout: &Checkout) -> Result<Option<Booking>, Error>;
}
