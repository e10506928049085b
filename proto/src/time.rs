//! Times on the wire.
//!
//! `google.protobuf.Timestamp` counts its nanoseconds forward from the second, also before 1970. The invariant: what was
//! written is read as the same time.

use jiff::Timestamp;

/// A time on the wire.
pub fn wire(time: Timestamp) -> prost_types::Timestamp {
    let nanos = time.subsec_nanosecond();
    let (seconds, nanos) =
        if nanos < 0 { (time.as_second() - 1, nanos + 1_000_000_000) } else { (time.as_second(), nanos) };
    prost_types::Timestamp { seconds, nanos }
}

/// A time from the wire; `None` if it is out of range.
pub fn read(time: prost_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(time.seconds, time.nanos).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_count_forward() {
        for (text, seconds, nanos) in [
            ("1970-01-01T00:00:00Z", 0, 0),
            ("1969-12-31T23:59:59.25Z", -1, 250_000_000),
            ("1969-12-31T23:59:58Z", -2, 0),
            ("2026-10-01T00:00:00.000000001Z", 1_790_812_800, 1),
        ] {
            let time: Timestamp = text.parse().unwrap();
            assert_eq!(wire(time), prost_types::Timestamp { seconds, nanos }, "{text}");
            assert_eq!(read(wire(time)), Some(time), "{text}");
        }
        for time in [Timestamp::MIN, Timestamp::MAX] {
            assert_eq!(read(wire(time)), Some(time));
        }
        assert_eq!(read(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }), None);
        assert_eq!(read(prost_types::Timestamp { seconds: 0, nanos: i32::MAX }), None);
    }
}
