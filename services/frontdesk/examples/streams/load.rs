//! Many streams at once, and what the processes took while all of them were open.
//!
//! The invariant: processor time, memory and events are those of one window, in which every stream talks and none has
//! ended yet.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use tokio::{task::JoinSet, time::MissedTickBehavior};

use crate::{
    rig::machine,
    stream::{Heard, Progress, Target},
    upstream::Upstream,
};

const RESIDENT: &str = "VmRSS";
/// How often processes are looked at.
const LOOK: Duration = Duration::from_millis(50);
/// What a run may take over its answers' own length.
const PATIENCE: Duration = Duration::from_secs(40);

/// How many streams of what length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) streams: usize,
    pub(crate) deltas: usize,
    /// Deltas a second in each stream.
    pub(crate) rate: u32,
    /// Streams that are opened in a second.
    pub(crate) opening: u32,
}

/// What one process took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    /// In the window.
    pub(crate) processor: Duration,
    /// From before the first stream until after the last.
    pub(crate) processor_in_all: Duration,
    /// Most bytes in the window.
    pub(crate) under_load: u64,
    /// Bytes before the first stream.
    pub(crate) idle: u64,
}

/// What a run was like.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// In order.
    pub(crate) first_events: Vec<Duration>,
    /// In order.
    pub(crate) first_deltas: Vec<Duration>,
    /// Events in the window, and how long that was.
    pub(crate) events: u64,
    pub(crate) window: Duration,
    /// Deltas a second that the upstream was to say.
    pub(crate) offered: f64,
    /// Share of the processors that was busy in the window, whoever it was.
    pub(crate) busy: f64,
    pub(crate) taken: Vec<Taken>,
    /// Streams that did not come whole, and why.
    pub(crate) failures: Vec<String>,
}

/// One look at the processes.
struct Look {
    at: Instant,
    events: u64,
    processor: Vec<Duration>,
    processors: (u64, u64),
}

/// What there is of the time in which all streams talk.
struct Window {
    begin: Look,
    end: Look,
    most: Vec<u64>,
}

/// Opens all streams and waits for their end.
pub(crate) async fn run(
    load: &Load,
    upstream: &Arc<Upstream>,
    target: &Arc<Target>,
    watched: &[u32],
) -> anyhow::Result<Report> {
    upstream.prescribe(load.streams, load.deltas);
    let progress = Arc::new(Progress::default());
    let idle = watched.iter().map(|it| machine::memory(*it, RESIDENT)).collect::<anyhow::Result<Vec<_>>>()?;
    let before = Look::take(&progress, watched)?;
    let both = async {
        tokio::join!(hear(load, upstream, target, &progress), watch(load.streams, &progress, watched))
    };
    let both = tokio::time::timeout(load.length() + load.opening_time() + PATIENCE, both).await;
    let (heard, window) = both.context("the streams did not end in time")?;
    let after = Look::take(&progress, watched)?;
    let (heard, failed): (Vec<_>, Vec<_>) = heard.into_iter().partition(Result::is_ok);
    let heard: Vec<Heard> = heard.into_iter().flatten().collect();
    let failures: Vec<_> = failed.into_iter().filter_map(Result::err).map(|why| format!("{why:#}")).collect();
    let Some(window) = window? else {
        match failures.first() {
            Some(why) => bail!("{} of {} streams failed: {why}", failures.len(), load.streams),
            None => {
                bail!("the first stream ended before the last one talked: fewer --streams or more --deltas")
            }
        }
    };
    let taken = (0..watched.len()).map(|place| Taken {
        processor: window.end.processor[place] - window.begin.processor[place],
        processor_in_all: after.processor[place] - before.processor[place],
        under_load: window.most[place],
        idle: idle[place],
    });
    Ok(Report {
        first_events: in_order(heard.iter().map(|heard| heard.first_event)),
        first_deltas: in_order(heard.iter().map(|heard| heard.first_delta)),
        events: window.end.events - window.begin.events,
        window: window.end.at - window.begin.at,
        offered: load.streams as f64 * f64::from(load.rate),
        busy: window.busy(),
        taken: taken.collect(),
        failures,
    })
}

/// Hears all streams, opened one after the other at a steady rate.
async fn hear(
    load: &Load,
    upstream: &Arc<Upstream>,
    target: &Arc<Target>,
    progress: &Arc<Progress>,
) -> Vec<anyhow::Result<Heard>> {
    let http = chassis::http::client();
    let mut streams = JoinSet::new();
    let mut opening = tokio::time::interval(Duration::from_secs(1) / load.opening);
    opening.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for stream in 0..load.streams {
        opening.tick().await;
        let (target, http, deltas) = (target.clone(), http.clone(), load.deltas);
        let (upstream, progress) = (upstream.clone(), progress.clone());
        streams.spawn(async move {
            let heard = target.hear(&http, stream, deltas, &upstream, &progress).await;
            progress.ended.fetch_add(1, Ordering::Relaxed);
            heard
        });
    }
    streams.join_all().await
}

/// Watches the processes while all streams talk; nothing if there is no such time.
async fn watch(streams: usize, progress: &Progress, watched: &[u32]) -> anyhow::Result<Option<Window>> {
    let mut look = tokio::time::interval(LOOK);
    let ended = || progress.ended.load(Ordering::Relaxed) > 0;
    while progress.talking.load(Ordering::Relaxed) < streams {
        if ended() {
            return Ok(None);
        }
        look.tick().await;
    }
    let begin = Look::take(progress, watched)?;
    let mut most = vec![0; watched.len()];
    while !ended() {
        for (most, it) in most.iter_mut().zip(watched) {
            *most = machine::memory(*it, RESIDENT)?.max(*most);
        }
        look.tick().await;
    }
    Ok(Some(Window { begin, end: Look::take(progress, watched)?, most }))
}

fn in_order(times: impl Iterator<Item = Duration>) -> Vec<Duration> {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    times
}

// === impl Load ===

impl Load {
    /// What an answer takes.
    fn length(&self) -> Duration {
        Duration::from_secs_f64(self.deltas as f64 / f64::from(self.rate))
    }

    /// What it takes to open all streams.
    fn opening_time(&self) -> Duration {
        Duration::from_secs_f64(self.streams as f64 / f64::from(self.opening))
    }
}

// === impl Window ===

impl Window {
    /// Share of the processors that was busy.
    fn busy(&self) -> f64 {
        let ((busy, all), (busy_later, all_later)) = (self.begin.processors, self.end.processors);
        (busy_later - busy) as f64 / (all_later - all).max(1) as f64
    }
}

// === impl Look ===

impl Look {
    fn take(progress: &Progress, watched: &[u32]) -> anyhow::Result<Self> {
        let processor = watched.iter().map(|it| machine::processor_time(*it));
        Ok(Self {
            at: Instant::now(),
            events: progress.events.load(Ordering::Relaxed),
            processor: processor.collect::<anyhow::Result<_>>()?,
            processors: machine::processors()?,
        })
    }
}

// === impl Report ===

impl Report {
    /// The report, if no stream failed.
    pub(crate) fn whole(self) -> anyhow::Result<Self> {
        match self.failures.first() {
            Some(why) => bail!("{} streams failed: {why}", self.failures.len()),
            None => Ok(self),
        }
    }
}
