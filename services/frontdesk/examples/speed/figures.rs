//! What was measured, and the arithmetic on it.
//!
//! The invariant: a figure of several rounds is their median, so that a neighbour's moment does not count.

use std::time::Duration;

use crate::{
    rig::grid::percentile,
    startup::Starts,
    subject::{Kind, Subject, Taken},
};

/// One kind of request at one subject.
pub(crate) struct Figures {
    pub(crate) kind: Kind,
    /// Names of its processes.
    pub(crate) parts: Vec<&'static str>,
    /// Events that one request brings, or 1.
    pub(crate) events: usize,
    /// Rounds as fast as they go.
    pub(crate) flat_out: Vec<Taken>,
    /// Rounds at a fixed rate.
    pub(crate) paced: Vec<Taken>,
}

/// All there is to tell.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) rate: u32,
    pub(crate) mint: Vec<Figures>,
    pub(crate) held: Vec<Figures>,
    pub(crate) events: Vec<(&'static str, Figures)>,
    pub(crate) starts: Vec<Starts>,
    /// Bytes of each process: its name, whose it is, idle, and at most.
    pub(crate) memory: Vec<(&'static str, Kind, u64, u64)>,
}

/// A median, if there is anything.
pub(crate) fn median(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_unstable_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() {
        0 => None,
        even if even % 2 == 0 => Some((figures[middle - 1] + figures[middle]) / 2.0),
        _ => Some(figures[middle]),
    }
}

// === impl Findings ===

impl Findings {
    /// Share of the processors that other programs took while all this was measured.
    pub(crate) fn others(&self) -> f64 {
        let figures =
            self.mint.iter().chain(&self.held).chain(self.events.iter().map(|(_, figures)| figures));
        let rounds = figures.flat_map(|figures| figures.flat_out.iter().chain(&figures.paced));
        median(rounds.map(|taken| taken.others)).unwrap_or_default()
    }

    /// Sessions and events that one subject made, those before the measurement apart.
    pub(crate) fn load(&self) -> (u64, u64) {
        let of = |kind| move |figures: &&Figures| figures.kind == kind;
        let sessions = self.mint.iter().filter(of(Kind::Services)).map(Figures::made).sum();
        let events = self.events.iter().map(|(_, figures)| figures);
        (sessions, events.filter(of(Kind::Services)).map(Figures::made).sum())
    }
}

// === impl Figures ===

impl Figures {
    pub(crate) fn new(subject: &Subject, events: usize) -> Self {
        let parts = subject.parts.iter().map(|(name, _)| *name).collect();
        Self { kind: subject.kind, parts, events, flat_out: Vec::new(), paced: Vec::new() }
    }

    /// Microseconds of processor that each process takes for an event.
    pub(crate) fn per_part(&self, rounds: &[Taken]) -> Vec<Option<f64>> {
        let of =
            |part: usize| median(rounds.iter().map(|taken| self.per_event(taken.processor[part], taken)));
        (0..self.parts.len()).map(of).collect()
    }

    /// The same of all processes together.
    pub(crate) fn per_event_in_all(&self, rounds: &[Taken]) -> Option<f64> {
        let sum = |taken: &Taken| self.per_event(taken.processor.iter().sum(), taken);
        median(rounds.iter().map(sum))
    }

    /// The same of the load and the stand-ins.
    pub(crate) fn beside(&self, rounds: &[Taken]) -> Option<f64> {
        median(rounds.iter().map(|taken| self.per_event(taken.beside, taken)))
    }

    fn per_event(&self, processor: Duration, taken: &Taken) -> f64 {
        processor.as_secs_f64() * 1e6 / (taken.served.times.len() * self.events) as f64
    }

    /// Events of all rounds.
    fn made(&self) -> u64 {
        let rounds = self.flat_out.iter().chain(&self.paced);
        rounds.map(|taken| (taken.served.times.len() * self.events) as u64).sum()
    }

    /// Events a second, as fast as they go.
    pub(crate) fn rate(&self) -> Option<f64> {
        let rate =
            |taken: &Taken| (taken.served.times.len() * self.events) as f64 / taken.served.took.as_secs_f64();
        median(self.flat_out.iter().map(rate))
    }

    /// Times of all paced requests, in order.
    pub(crate) fn times(&self) -> Vec<Duration> {
        let mut times: Vec<Duration> =
            self.paced.iter().flat_map(|taken| taken.served.times.iter().copied()).collect();
        times.sort_unstable();
        times
    }
}

// === impl Starts ===

impl Starts {
    /// Milliseconds: shortest, median, longest.
    pub(crate) fn spread(&self) -> [f64; 3] {
        let ms = |time: Option<Duration>| time.unwrap_or_default().as_secs_f64() * 1e3;
        [ms(self.times.first().copied()), ms(percentile(&self.times, 0.5)), ms(self.times.last().copied())]
    }
}
