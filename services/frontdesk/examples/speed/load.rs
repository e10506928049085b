//! Many requests, over a number of connections, as fast as they go or at a fixed rate.
//!
//! At a fixed rate a request is due whether or not the ones before were answered, and its time runs from when it was
//! due: a server that stands still for a second is seen by every request of that second. The invariant: a run is whole
//! or it fails.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;

use crate::browser::{Browser, Request};

/// How requests come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// As fast as they are answered, for this long.
    FlatOut(Duration),
    /// So many a second, and so many in all.
    Steady { rate: u32, requests: u64 },
}

/// Requests over a number of connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    pub(crate) pace: Pace,
}

/// A load that was served.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    /// What each request took, in order of length.
    pub(crate) times: Vec<Duration>,
    /// From the first request to the last answer.
    pub(crate) took: Duration,
}

/// Puts the load on a server. `request` is asked for each request in good time.
pub(crate) fn run(
    load: Load,
    address: SocketAddr,
    request: &(dyn Fn() -> Request + Sync),
) -> anyhow::Result<Served> {
    let browsers = (0..load.connections).map(|_| Browser::connect(address));
    let browsers = browsers.collect::<anyhow::Result<Vec<_>>>()?;
    let next = AtomicU64::new(0);
    let begin = Instant::now();
    let times = thread::scope(|scope| {
        let (load, next) = (&load, &next);
        let browse = |browser| scope.spawn(move || load.browse(browser, next, begin, request));
        let threads: Vec<_> = browsers.into_iter().map(browse).collect();
        let ends = threads.into_iter().map(|thread| thread.join().expect("a browser does not panic"));
        ends.collect::<anyhow::Result<Vec<_>>>()
    });
    let took = begin.elapsed();
    let mut times = times?.concat();
    times.sort_unstable();
    Ok(Served { times, took })
}

// === impl Load ===

impl Load {
    /// Takes one request after the other until none is left.
    fn browse(
        &self,
        mut browser: Browser,
        next: &AtomicU64,
        begin: Instant,
        request: &(dyn Fn() -> Request + Sync),
    ) -> anyhow::Result<Vec<Duration>> {
        let mut times = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(due) = self.pace.due(number, begin) else { return Ok(times) };
            let request = request();
            let due = wait_until(due);
            browser.ask(&request).with_context(|| format!("request {number}"))?;
            times.push(due.elapsed());
        }
    }
}

// === impl Pace ===

impl Pace {
    /// When a request is due, if there is such a one: a time, or as soon as may be.
    fn due(self, number: u64, begin: Instant) -> Option<Option<Instant>> {
        match self {
            Self::FlatOut(length) => (begin.elapsed() < length).then_some(None),
            Self::Steady { rate, requests } => {
                let due = || begin + Duration::from_secs_f64(number as f64 / f64::from(rate));
                (number < requests).then(|| Some(due()))
            }
        }
    }
}

/// Waits, and answers since when the request is due.
#[expect(
    clippy::disallowed_methods,
    reason = "a thread of its own that drives no task, and must be punctual"
)]
fn wait_until(due: Option<Instant>) -> Instant {
    let now = Instant::now();
    let due = due.unwrap_or(now);
    thread::sleep(due.saturating_duration_since(now));
    due
}
