//! How much time is left for the call being served.
//!
//! A caller's deadline travels with everything done on its behalf. The server layers set it from `grpc-timeout`;
//! clients take what is left of it. The invariant: an inner deadline never outlasts the outer one.

use std::{
    future::Future,
    time::{Duration, Instant},
};

tokio::task_local! {
    static DEADLINE: Instant;
}

/// Time left until the deadline; zero once it has passed, `None` where there is none.
pub fn remaining() -> Option<Duration> {
    DEADLINE.try_with(|deadline| deadline.saturating_duration_since(Instant::now())).ok()
}

/// The shorter of `timeout` and [`remaining`].
pub fn clamp(timeout: Duration) -> Duration {
    remaining().map_or(timeout, |left| left.min(timeout))
}

/// Runs `future` under a deadline of `timeout` from now, or the present one if that is nearer. Does not cut it.
pub async fn within<F: Future>(timeout: Duration, future: F) -> F::Output {
    let deadline = Instant::now() + clamp(timeout);
    DEADLINE.scope(deadline, future).await
}

/// Runs `work` under `deadline`, for code that is polled outside of the call's own future.
pub(crate) fn sync_scope<T>(deadline: Option<Instant>, work: impl FnOnce() -> T) -> T {
    match deadline {
        Some(deadline) => DEADLINE.sync_scope(deadline, work),
        None => work(),
    }
}

/// Reads gRPC's `grpc-timeout`: up to eight digits and a unit of `H M S m u n`.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let digits = text.strip_suffix(unit)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        'H' => Some(Duration::from_secs(count * 3_600)),
        'M' => Some(Duration::from_secs(count * 60)),
        'S' => Some(Duration::from_secs(count)),
        'm' => Some(Duration::from_millis(count)),
        'u' => Some(Duration::from_micros(count)),
        'n' => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

/// Writes a `grpc-timeout` in the finest unit that eight digits hold.
pub(crate) fn format(timeout: Duration) -> String {
    const MOST: u128 = 99_999_999;
    let units = [(timeout.as_nanos(), 'n'), (timeout.as_micros(), 'u'), (timeout.as_millis(), 'm')];
    match units.into_iter().find(|(count, _)| *count <= MOST) {
        Some((count, unit)) => format!("{count}{unit}"),
        None => format!("{}S", u128::from(timeout.as_secs()).min(MOST)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_reads_as_it_was_written() {
        for timeout in [
            Duration::ZERO,
            Duration::from_nanos(7),
            Duration::from_micros(1_234),
            Duration::from_millis(2_500),
            Duration::from_secs(10),
            Duration::from_secs(86_400),
        ] {
            assert_eq!(parse(&format(timeout)), Some(timeout), "{timeout:?}");
        }
        assert_eq!(parse("2H"), Some(Duration::from_secs(7_200)));
        assert_eq!(parse("3M"), Some(Duration::from_secs(180)));
    }

    #[test]
    fn what_is_no_timeout_is_ignored() {
        for bad in ["", "S", "10", "10x", "+5S", "123456789S", "1 S", "1é"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    #[tokio::test]
    async fn an_inner_deadline_never_outlasts_the_outer() {
        assert_eq!(remaining(), None);
        assert_eq!(clamp(Duration::from_secs(5)), Duration::from_secs(5));
        within(Duration::from_secs(1), async {
            within(Duration::from_secs(60), async {
                assert!(remaining().unwrap() <= Duration::from_secs(1));
                assert!(clamp(Duration::from_secs(5)) <= Duration::from_secs(1));
            })
            .await;
            assert_eq!(clamp(Duration::from_millis(1)), Duration::from_millis(1));
        })
        .await;
    }
}
