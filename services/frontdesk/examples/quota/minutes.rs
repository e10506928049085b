//! Calls as the quota counts them.

use std::time::{Duration, Instant};

use sandbox::Call;

const MINUTE: Duration = Duration::from_secs(60);

/// The calls of one writer.
#[derive(Debug)]
pub(crate) struct Calls {
    pub(crate) writes: usize,
    /// Most in any 60 seconds, refused ones included.
    pub(crate) most_writes: usize,
    pub(crate) most_reads: usize,
    pub(crate) refused: usize,
}

// === impl Calls ===

impl Calls {
    pub(crate) fn of(calls: &[Call]) -> Self {
        let times = |writes: bool| calls.iter().filter(move |call| call.writes == writes).map(|call| call.at);
        Self {
            writes: times(true).count(),
            most_writes: most(times(true).collect()),
            most_reads: most(times(false).collect()),
            refused: calls.iter().filter(|call| !call.admitted).count(),
        }
    }
}

/// Most of the times that lie within one minute, wherever it begins.
fn most(mut times: Vec<Instant>) -> usize {
    times.sort();
    let within = |(first, begin): (usize, &Instant)| {
        times[first..].iter().take_while(|time| time.duration_since(*begin) < MINUTE).count()
    };
    times.iter().enumerate().map(within).max().unwrap_or(0)
}
