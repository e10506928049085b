//! The same requests at several subjects, in turns.
//!
//! The invariant: a round counts only if every request of it was answered as it should be, and OpenAI's stand-in was
//! asked exactly as often as that kind of request makes it.

use std::time::Duration;

use anyhow::ensure;

use crate::{
    figures::Figures,
    load::{Load, Pace},
    subject::{Subject, Taken},
    traffic::Traffic,
    upstream::Upstream,
};

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Rounds as fast as requests go, and how long each is.
    pub(crate) rounds: usize,
    pub(crate) round: Duration,
    /// Rounds at the fixed rate, and seconds of each.
    pub(crate) paced_rounds: usize,
    pub(crate) seconds: u32,
    /// Starts of each program.
    pub(crate) starts: usize,
}

/// How requests come.
pub(crate) struct Contest<'u> {
    pub(crate) upstream: &'u Upstream,
    pub(crate) size: Size,
    pub(crate) rate: u32,
    pub(crate) connections: usize,
}

/// Connections over which requests come at a fixed rate, so that one that waits holds up no other.
const PACED_CONNECTIONS: usize = 64;

// === impl Contest ===

impl Contest<'_> {
    /// All rounds of one kind of request, the paced ones first: they shall not wait behind the others' work.
    pub(crate) fn run(&self, traffic: Traffic, subjects: &[&Subject]) -> anyhow::Result<Vec<Figures>> {
        let mut all: Vec<Figures> =
            subjects.iter().map(|subject| Figures::new(subject, traffic.events())).collect();
        let flat_out = Load { connections: self.connections, pace: Pace::FlatOut(self.size.round) };
        for subject in subjects {
            self.round(traffic, subject, flat_out)?;
        }
        for _ in 0..self.size.paced_rounds {
            for (subject, figures) in subjects.iter().zip(&mut all) {
                if traffic.events() == 1 {
                    figures.paced.push(self.round(traffic, subject, self.paced())?);
                }
            }
        }
        for _ in 0..self.size.rounds {
            for (subject, figures) in subjects.iter().zip(&mut all) {
                figures.flat_out.push(self.round(traffic, subject, flat_out)?);
            }
        }
        Ok(all)
    }

    fn round(&self, traffic: Traffic, subject: &Subject, load: Load) -> anyhow::Result<Taken> {
        let source = traffic.source(subject.kind, subject.address)?;
        let before = self.upstream.minted();
        let taken = subject.bear(load, &*source)?;
        let (minted, wanted) = (self.upstream.minted() - before, traffic.minted(taken.served.times.len()));
        ensure!(
            minted == wanted,
            "{}: {minted} sessions asked of OpenAI, not {wanted}",
            subject.kind.label()
        );
        Ok(taken)
    }

    fn paced(&self) -> Load {
        let requests = u64::from(self.rate) * u64::from(self.size.seconds);
        Load { connections: PACED_CONNECTIONS, pace: Pace::Steady { rate: self.rate, requests } }
    }
}
