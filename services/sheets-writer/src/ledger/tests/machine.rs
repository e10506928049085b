//! The protocol against everything that can come between any two moves: several writers over a model of the store and
//! of the spreadsheet, in runs that shrink.
//!
//! A run is a list of moves and mishaps, and then quiet: some 128,000 moves in all, and over a million with
//! `PROPTEST_CASES=2500`.

mod model;
mod network;
mod writer;

use std::cell::Cell;

use jiff::SignedDuration;
use proptest::{prelude::*, test_runner::TestRunner};

use model::{Model, Tally};
use network::{Answer, Flight, Request};
use writer::Writer;

use crate::ledger::protocol::Told;

/// Most moves and mishaps of a run.
const MOVES: usize = 1_000;
/// A run that is quiet needs no more moves than this.
const QUIET: usize = 2_000;

/// One thing that happens. Writers and calls are counted round and round.
#[derive(Clone, Copy, Debug)]
enum Move {
    /// A writer goes on: it does what is next, or its request arrives, or it hears the answer.
    Go(u8),
    /// A row is acknowledged, new or in a new version.
    Row(u8),
    /// A request arrives, whether its writer still waits or not.
    Deliver(u8),
    /// A request arrives for the first of two times.
    Repeat(u8),
    /// A request or an answer is lost, and its writer notices.
    Lose(u8),
    /// A writer waits no longer; what it asked for is still on its way.
    GiveUp(u8),
    /// The spreadsheet has no quota left for this one.
    Throttle(u8),
    /// The spreadsheet refuses this one, whatever its number.
    Refuse(u8),
    Kill(u8),
    Pause(u8),
    Resume(u8),
    /// The lease is over, as this writer sees it.
    Lapse(u8),
    Renew(u8),
    /// Days pass.
    Days(u8),
}

/// A move of a writer or call.
type Kind = fn(u8) -> Move;

fn a_move() -> impl Strategy<Value = Move> {
    let kinds: [(u32, Kind); 14] = [
        (200, Move::Go),
        (24, Move::Row),
        (4, Move::Deliver),
        (2, Move::Repeat),
        (3, Move::Lose),
        (4, Move::GiveUp),
        (1, Move::Throttle),
        (1, Move::Refuse),
        (1, Move::Kill),
        (2, Move::Pause),
        (4, Move::Resume),
        (3, Move::Lapse),
        (2, Move::Renew),
        (1, Move::Days),
    ];
    let total: u32 = kinds.iter().map(|(weight, _)| weight).sum();
    (0..total, any::<u8>()).prop_map(move |(mut at, which)| {
        let kind = kinds.iter().find(|(weight, _)| {
            let here = at < *weight;
            at = at.saturating_sub(if here { 0 } else { *weight });
            here
        });
        kind.expect("less than the total").1(which)
    })
}

/// A run.
#[derive(Clone, Debug)]
struct Run {
    writers: usize,
    /// Batches that were written before, and how often an answer was lost.
    before: (i32, i32),
    moves: Vec<Move>,
    /// Batches that are written afterwards.
    after: i32,
}

fn a_run() -> impl Strategy<Value = Run> {
    let before = prop_oneof![Just((0, 0)), (500..1_200_i32, 0..5_i32)];
    let moves = prop::collection::vec(a_move(), 0..=MOVES);
    let after = prop_oneof![Just(0), 500..700_i32];
    (2..5_usize, before, moves, after).prop_map(|(writers, before, moves, after)| Run {
        writers,
        before,
        moves,
        after,
    })
}

/// Everything.
struct World {
    model: Model,
    writers: Vec<Writer>,
    flights: Vec<Flight>,
}

// === impl World ===

impl World {
    fn new(run: &Run) -> Self {
        let (batches, lost_every) = run.before;
        let writers = (0..run.writers).map(|_| Writer::new()).collect();
        Self { model: Model::after(batches, lost_every), writers, flights: Vec::new() }
    }

    fn happen(&mut self, what: Move) {
        let writer = |which: u8| usize::from(which) % self.writers.len();
        match what {
            Move::Go(which) => self.go(writer(which)),
            Move::Row(which) => self.model.acknowledge(usize::from(which) % 16),
            Move::Deliver(which) => self.with_request(which, |_| true, Self::deliver),
            Move::Repeat(which) => {
                let is_batch = |request: &Request| matches!(request, Request::Batch { .. });
                self.with_request(which, is_batch, |world, at| {
                    world.model.serve(&world.flights[at].request.clone());
                    world.flights[at].repeated = true;
                });
            }
            Move::Lose(which) if !self.flights.is_empty() => {
                let flight = self.flights.remove(usize::from(which) % self.flights.len());
                self.tell(flight.call, None);
            }
            Move::Lose(_) => {}
            Move::GiveUp(which) => {
                let which = writer(which);
                if let Some(call) = self.writers[which].waits_for() {
                    self.tell((which, call), None);
                }
            }
            Move::Throttle(which) => self.answer(which, Told::Quota),
            Move::Refuse(which) => self.answer(which, Told::Refused),
            Move::Kill(which) => {
                let which = writer(which);
                self.writers[which].die();
            }
            Move::Pause(which) => {
                let which = writer(which);
                self.writers[which].paused = true;
            }
            Move::Resume(which) => {
                let which = writer(which);
                self.writers[which].paused = false;
            }
            Move::Lapse(which) => {
                let which = writer(which);
                self.writers[which].impatient = true;
            }
            Move::Renew(which) => {
                let which = writer(which);
                if !self.writers[which].paused {
                    self.writers[which].renew(&mut self.model);
                }
            }
            Move::Days(which) => self.model.now += SignedDuration::from_hours(24 * i64::from(which % 40)),
        }
    }

    fn go(&mut self, which: usize) {
        if let Some(call) = self.writers[which].waits_for() {
            match self.flights.iter().position(|flight| flight.call == (which, call)) {
                Some(at) if self.flights[at].answer.is_none() => self.deliver(at),
                Some(at) if !self.writers[which].paused => {
                    let flight = self.flights.swap_remove(at);
                    self.tell(flight.call, flight.answer);
                }
                Some(_) => {}
                None => self.tell((which, call), None),
            }
        } else if !self.writers[which].paused {
            let request = self.writers[which].go(&mut self.model);
            self.take_off(which, request);
        }
    }

    fn take_off(&mut self, which: usize, request: Option<Request>) {
        if let (Some(request), Some(call)) = (request, self.writers[which].waits_for()) {
            let call = (which, call);
            self.flights.push(Flight { call, request, answer: None, repeated: false });
        }
    }

    /// A request arrives; its answer sets out.
    fn deliver(&mut self, at: usize) {
        match self.model.serve(&self.flights[at].request.clone()) {
            Some(answer) => self.flights[at].answer = Some(answer),
            None => drop(self.flights.swap_remove(at)),
        }
    }

    /// A writer is told, if it still waits for that.
    fn tell(&mut self, (which, call): (usize, u64), answer: Option<Answer>) {
        let writer = &mut self.writers[which];
        if writer.waits_for() == Some(call) && !writer.paused {
            let request = writer.hear(answer, &mut self.model);
            self.take_off(which, request);
        }
    }

    fn with_request(&mut self, which: u8, fits: fn(&Request) -> bool, then: impl FnOnce(&mut Self, usize)) {
        let count = self.flights.len();
        let on_their_way = (0..count).map(|at| (at + usize::from(which)) % count);
        let found = on_their_way.into_iter().find(|at| {
            let flight = &self.flights[*at];
            flight.answer.is_none() && fits(&flight.request)
        });
        if let Some(at) = found {
            then(self, at);
        }
    }

    /// The spreadsheet answers without having done it.
    fn answer(&mut self, which: u8, told: Told) {
        let is_batch = |request: &Request| matches!(request, Request::Batch { .. });
        self.with_request(which, is_batch, |world, at| {
            if !world.flights[at].repeated {
                world.flights[at].answer = Some(Answer::Told(told));
            }
        });
    }

    /// Nothing goes wrong any more, and one writer does the rest.
    fn quiet(&mut self) {
        for writer in &mut self.writers {
            writer.paused = false;
        }
        self.writers[0].impatient = true;
        for _ in 0..QUIET {
            if self.model.is_written() && self.writers[0].waits_for().is_none() {
                return;
            }
            self.go(0);
        }
    }

    /// What is still on its way arrives.
    fn arrive(&mut self) {
        while let Some(flight) = self.flights.pop() {
            if flight.answer.is_none() {
                self.model.serve(&flight.request);
            }
        }
    }
}

/// Makes a run; what happened, or the promise that was broken.
fn make(run: &Run) -> Result<Tally, String> {
    let mut world = World::new(run);
    for (at, what) in run.moves.iter().enumerate() {
        world.happen(*what);
        if let Some(broken) = world.model.broken.take() {
            return Err(format!("{broken} (move {at})"));
        }
    }
    world.quiet();
    world.arrive();
    world.quiet();
    world.model.check_end();
    world.model.write_on(run.after, 0);
    world.model.broken.map_or(Ok(world.model.tally), Err)
}

#[test]
fn each_version_lands_once_whatever_comes_between_two_moves() {
    let config =
        ProptestConfig { failure_persistence: None, max_shrink_iters: 4_000, ..ProptestConfig::default() };
    let (moves, all) = (Cell::new(0), Cell::new(Tally::default()));
    let made = TestRunner::new(config).run(&a_run(), |run| {
        let one = make(&run).map_err(TestCaseError::fail)?;
        moves.set(moves.get() + run.moves.len() as u64);
        all.set(all.get() + one);
        Ok(())
    });
    made.unwrap();
    let (moves, all) = (moves.get(), all.get());
    println!("{moves} moves: {all:?}");
    // Enough of everything happened for the promises to have been at stake.
    assert!(all.landed.min(all.swept) > moves / 100 && all.takeovers > moves / 500, "{all:?}");
    assert!(all.voided.min(all.found).min(all.refused).min(all.conflicts) > moves / 5_000, "{all:?}");
}
