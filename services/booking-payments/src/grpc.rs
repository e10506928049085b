//! The doors of this service: each decodes, calls, encodes.

pub(crate) mod bookings;
pub(crate) mod operations;
pub(crate) mod payments;
pub(crate) mod reconciliation;
pub(crate) mod webhooks;

use jiff::Timestamp;

/// A time on the wire.
pub(crate) fn wire_time(time: Timestamp) -> prost_types::Timestamp {
    let nanos = time.subsec_nanosecond();
    // Nanoseconds on the wire count forward from the second.
    let (seconds, nanos) =
        if nanos < 0 { (time.as_second() - 1, nanos + 1_000_000_000) } else { (time.as_second(), nanos) };
    prost_types::Timestamp { seconds, nanos }
}

/// A time from the wire, if it is one.
pub(crate) fn read_time(time: prost_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(time.seconds, time.nanos).ok()
}
