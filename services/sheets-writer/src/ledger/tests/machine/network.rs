//! What is between writers, store and spreadsheet: calls that are on their way, in both directions.

use crate::ledger::protocol::{Carried, Head, Mark, Step, Told};

/// What a writer asks for.
#[derive(Clone, Debug)]
pub(super) enum Request {
    /// Of the store: a step, if the head is still in this version.
    Commit(Box<Step>, u64),
    /// Of the store: another lease, if the head is still in this version.
    Lease(Box<Head>, u64),
    /// Of the spreadsheet: a numbered batch.
    Batch { number: i32, mark: Mark, rows: Vec<Carried>, outdated: Vec<i32> },
    /// Of the spreadsheet: what stands under a number.
    Read(i32),
}

/// What it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// By the spreadsheet; by the store, `Refused` is a conflict.
    Told(Told),
    Mark(Option<Mark>),
}

/// A call on its way.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    /// Which writer's, and which of its calls: it hears the answer only while it waits for that.
    pub(super) call: (usize, u64),
    pub(super) request: Request,
    /// On its way back.
    pub(super) answer: Option<Answer>,
    /// It was delivered once already.
    pub(super) repeated: bool,
}
