//! Types of events of which people may be told at once.
//!
//! They stand here because the service that has the events and the one that tells people of them must mean the same.

/// Somebody waits for a person.
pub const HANDOFF: &str = "handoff.requested";

/// All of them, what cannot wait first.
pub const TYPES: [&str; 5] =
    [HANDOFF, "lead.created", "booking.created", "payment.succeeded", "payment.failed"];
