//! Google's quota for one user: so many reads and so many writes in any 60 seconds.
//!
//! The invariant: a refused request does not count.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

const WINDOW: Duration = Duration::from_secs(60);

/// One sliding window.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) limit: usize,
    taken: VecDeque<Instant>,
}

impl Window {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, taken: VecDeque::new() }
    }

    /// Takes one request, unless the window is full.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        while self.taken.front().is_some_and(|taken| now.duration_since(*taken) >= WINDOW) {
            self.taken.pop_front();
        }
        let free = self.taken.len() < self.limit;
        if free {
            self.taken.push_back(now);
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_a_minute_slide() {
        let (mut window, start) = (Window::new(60), Instant::now());
        for second in 0..60 {
            assert!(window.take(start + Duration::from_millis(500 * second)));
        }
        assert!(!window.take(start + Duration::from_millis(59_999)));
        // The refused one did not count: the first slot is free again after a minute, and only that.
        assert!(window.take(start + WINDOW));
        assert!(!window.take(start + WINDOW));
        assert!(window.take(start + WINDOW + Duration::from_millis(500)));
    }
}
