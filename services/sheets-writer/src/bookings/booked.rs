//! For when a meeting is booked: where the host confirms meetings, asking for one books nothing.
//!
//! Where a meeting is moved, the new start may have to be confirmed as the first one had to be. The invariant: a word
//! that asks or declines leaves the start that was booked last.

use domain::tab;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A meeting that was booked, whatever became of it since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Booked {
    /// The start for which it was booked last, if that was told.
    pub(crate) start: Option<Timestamp>,
}

// === impl Booked ===

impl Booked {
    /// What is known once a booking stands as `booking`, of which this is the `first` word. Its provider may have stated
    /// whether it `was_booked`; where nobody did, what is heard of only when it is over was booked before, and what is known
    /// to have been asked for may have been withdrawn.
    pub(crate) fn after(
        before: Option<Self>,
        booking: &tab::Booking,
        was_booked: Option<bool>,
        first: bool,
    ) -> Option<Self> {
        let start = booking.event_start;
        match &*booking.status {
            // For which start it was booked was not told.
            "requested" | "rejected" => {
                before.or(was_booked.unwrap_or(false).then_some(Self { start: None }))
            }
            "canceled" => before.or(was_booked.unwrap_or(first).then_some(Self { start })),
            _ => Some(Self { start }),
        }
    }
}
