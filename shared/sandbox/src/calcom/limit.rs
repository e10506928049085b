//! Cal.com's throttle: so many requests of one key in a minute, then none for a minute.
//!
//! Numbers and headers are those of `throttler-guard.ts` of cal.com's API v2. The invariant: a request that is refused
//! counts towards nothing but the headers.

use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderValue};

/// Requests of an API key in a minute.
pub(super) const PER_MINUTE: u32 = 120;
const WINDOW: Duration = Duration::from_secs(60);

/// What one key has asked for lately.
#[derive(Debug)]
pub(super) struct Throttle {
    pub(super) limit: u32,
    since: Option<Instant>,
    hits: u32,
    blocked_since: Option<Instant>,
}

/// What the throttle says to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) admitted: bool,
    limit: u32,
    remaining: u32,
    reset: u64,
}

impl Default for Throttle {
    fn default() -> Self {
        Self { limit: PER_MINUTE, since: None, hits: 0, blocked_since: None }
    }
}

impl Throttle {
    /// Counts a request.
    pub(super) fn take(&mut self, now: Instant) -> Verdict {
        let over = |since: &Instant| now.duration_since(*since) >= WINDOW;
        if self.blocked_since.as_ref().or(self.since.as_ref()).is_none_or(over) {
            (self.blocked_since, self.since, self.hits) = (None, Some(now), 0);
        }
        if self.blocked_since.is_none() {
            self.hits += 1;
            if self.hits > self.limit {
                self.blocked_since = Some(now);
            }
        }
        let since = self.blocked_since.or(self.since).unwrap_or(now);
        let left = WINDOW.saturating_sub(now.duration_since(since));
        Verdict {
            admitted: self.blocked_since.is_none(),
            limit: self.limit,
            remaining: self.limit.saturating_sub(self.hits),
            reset: left.as_secs_f64().ceil() as u64,
        }
    }
}

impl Verdict {
    /// Says it in the headers of an answer.
    pub(super) fn write(self, headers: &mut HeaderMap) {
        headers.insert("x-ratelimit-limit-default", HeaderValue::from(self.limit));
        headers.insert("x-ratelimit-remaining-default", HeaderValue::from(self.remaining));
        headers.insert("x-ratelimit-reset-default", HeaderValue::from(self.reset));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_too_many_blocks_for_a_minute() {
        let (mut throttle, start) = (Throttle::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!((0..120).all(|_| throttle.take(at(50)).admitted));
        let refused = throttle.take(at(55));
        assert_eq!(refused, Verdict { admitted: false, limit: 120, remaining: 0, reset: 60 });
        // The window of the first request is over, the block is not.
        assert!(!throttle.take(at(114)).admitted);
        assert!(throttle.take(at(115)).admitted);
    }

    #[test]
    fn a_new_minute_begins_anew() {
        let (mut throttle, start) = (Throttle::default(), Instant::now());
        assert!((0..120).all(|_| throttle.take(start).admitted));
        let verdict = throttle.take(start + Duration::from_secs(60));
        assert_eq!((verdict.admitted, verdict.remaining), (true, 119));
    }
}
