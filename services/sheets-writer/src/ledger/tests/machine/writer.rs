//! A writer around the machine: it makes one move at a time, and anything may happen between two.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{
    model::{Model, key},
    network::{Answer, Request},
};
use crate::ledger::{
    closing::Closing,
    lease::{Lease, Tenure},
    protocol::{Carried, Carries, Head, Machine, Mark, Step, Terms, Told, Verdict},
};

/// Rows of a batch.
const MOST_ROWS: usize = 3;

/// What a writer waits for.
#[derive(Debug, Default)]
enum Phase {
    /// Nothing: it does what is next.
    #[default]
    Idle,
    Holding(Box<Head>),
    Committing(Box<Step>),
    /// The batch is recorded; it goes out next.
    Recorded,
    Sent,
    Voiding,
    Reading,
}

/// A writer.
pub(super) struct Writer {
    machine: Machine,
    tenure: Tenure,
    phase: Phase,
    /// Which of its calls it waits for.
    call: u64,
    pub(super) paused: bool,
    /// The lease of whoever has it is over, by this one's clock.
    pub(super) impatient: bool,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self {
            machine: Machine::default(),
            tenure: Tenure::new(Timestamp::UNIX_EPOCH),
            phase: Phase::Idle,
            call: 0,
            paused: false,
            impatient: false,
        }
    }

    /// It is killed, and another one starts in its place. Nobody hears what it asked.
    pub(super) fn die(&mut self) {
        let call = self.call + 1;
        *self = Self { call, ..Self::new() };
    }

    /// The call that it waits for.
    pub(super) fn waits_for(&self) -> Option<u64> {
        (!matches!(self.phase, Phase::Idle | Phase::Recorded)).then_some(self.call)
    }

    fn ask(&mut self, phase: Phase, request: Request) -> Option<Request> {
        self.call += 1;
        self.phase = phase;
        Some(request)
    }

    /// Its next move, and the request that goes out with it.
    pub(super) fn go(&mut self, model: &mut Model) -> Option<Request> {
        match std::mem::take(&mut self.phase) {
            Phase::Idle => {}
            Phase::Recorded => {
                let open = self.machine.send()?.clone();
                let Carries::Rows { rows, .. } = open.carries else { return None };
                let (number, outdated) = (open.number, open.outdated);
                return self.ask(Phase::Sent, Request::Batch { number, mark: Mark::Rows, rows, outdated });
            }
            waiting => {
                self.phase = waiting;
                return None;
            }
        }
        let Some(known) = self.machine.head().cloned() else {
            self.take_over(model);
            return None;
        };
        if !self.tenure.owns(known.lease.as_ref()) {
            return self.claim(known, model);
        }
        if self.machine.is_unsettled() {
            let number = self.machine.open()?.number;
            let void = Request::Batch { number, mark: Mark::Void, rows: Vec::new(), outdated: Vec::new() };
            return self.ask(Phase::Voiding, void);
        }
        let rows = self.next_rows(model);
        if rows.is_empty() && self.machine.closing().is_none() && known.open.is_none() {
            return None;
        }
        let open = match rows {
            _ if known.must_sweep(model.now) => Some(Carries::nothing()),
            rows => (!rows.is_empty()).then(|| Carries::Rows { rows, columns: BTreeMap::new() }),
        };
        let terms = Terms { lean: false, cells: 0, lease: Some(self.lease(model)), now: model.now };
        let step = self.machine.step(open, terms)?;
        self.commit(Box::new(step), model)
    }

    fn take_over(&mut self, model: &Model) {
        let lease = model.head.lease.as_ref();
        if lease.is_none() || self.tenure.owns(lease) || self.impatient {
            self.impatient = false;
            self.machine.take_over(model.head.clone());
        }
    }

    /// Takes the lease, as it stands in the head that it knows.
    fn claim(&mut self, known: Head, model: &Model) -> Option<Request> {
        if model.head != known {
            self.machine.lose();
            return None;
        }
        let next = Head { lease: Some(self.lease(model)), ..known };
        let next = Box::new(next);
        self.ask(Phase::Holding(next.clone()), Request::Lease(next, model.version))
    }

    /// The holder renews its lease, beside all that it does.
    pub(super) fn renew(&self, model: &mut Model) {
        if self.tenure.owns(model.head.lease.as_ref()) {
            model.head.lease = Some(self.lease(model));
            model.version += 1;
        }
    }

    fn lease(&self, model: &Model) -> Lease {
        self.tenure.lease(model.now + SignedDuration::from_secs(1), None)
    }

    fn commit(&mut self, step: Box<Step>, model: &Model) -> Option<Request> {
        if !step.holds(Some(&model.head)) {
            self.machine.lose();
            return None;
        }
        let request = Request::Commit(step.clone(), model.version);
        self.ask(Phase::Committing(step), request)
    }

    /// Rows that wait, as they will stand once what is known is recorded.
    fn next_rows(&self, model: &Model) -> Vec<Carried> {
        let landed = self.machine.closing().into_iter().flat_map(|closing| &closing.landed);
        let landed: BTreeMap<_, _> = landed.map(|row| (row.key.clone(), row.version)).collect();
        let carried = |(at, row): (usize, &super::model::Row)| {
            let key = key(at);
            let shown = row.shown.max(landed.get(&key).copied().unwrap_or(0));
            let line = (shown > 0).then_some(1);
            (row.version > shown).then_some(Carried { key, version: row.version, line, columns: Vec::new() })
        };
        model.rows.iter().enumerate().filter_map(carried).take(MOST_ROWS).collect()
    }

    /// It is told what became of the call that it waits for, or that nobody knows.
    pub(super) fn hear(&mut self, answer: Option<Answer>, model: &mut Model) -> Option<Request> {
        let told = if let Some(Answer::Told(told)) = answer { told } else { Told::Nothing };
        match (std::mem::take(&mut self.phase), told) {
            (Phase::Holding(head), Told::Done) => self.machine.follow(*head),
            // It finds out what became of it when it tries again.
            (Phase::Holding(_), Told::Nothing) => {}
            (Phase::Holding(_), _) => self.machine.lose(),
            (Phase::Committing(step), Told::Done) => {
                let opens = step.next.open.is_some();
                self.machine.committed(*step);
                self.phase = if opens { Phase::Recorded } else { Phase::Idle };
            }
            (Phase::Committing(step), Told::Refused) => return self.commit(step, model),
            (Phase::Committing(step), _) => self.machine.not_committed(*step),
            (Phase::Sent, told) => {
                if self.machine.answered(told) == Verdict::Decided(Mark::Rows) {
                    self.land();
                }
            }
            (Phase::Voiding, told) => return self.judge(Machine::void_answered(told), model),
            (Phase::Reading, _) => {
                if let Some(Answer::Mark(found)) = answer {
                    let value = found.map(|mark| model.head.value(mark));
                    return self.judge(self.machine.mark_read(value.as_deref()), model);
                }
            }
            (phase @ (Phase::Idle | Phase::Recorded), _) => self.phase = phase,
        }
        None
    }

    fn judge(&mut self, verdict: Verdict, model: &mut Model) -> Option<Request> {
        let number = self.machine.open()?.number;
        match verdict {
            Verdict::Decided(mark) => {
                if mark == Mark::Rows {
                    self.land()
                } else {
                    self.machine.reject()
                }
                model.tally.found += u64::from(mark == Mark::Rows);
                self.machine.note_settled();
                model.note_settled(number);
                None
            }
            Verdict::Ask => self.ask(Phase::Reading, Request::Read(number)),
            Verdict::Dropped | Verdict::Open => None,
        }
    }

    fn land(&mut self) {
        let landed = match self.machine.open().map(|open| &open.carries) {
            Some(Carries::Rows { rows, .. }) => rows.clone(),
            _ => Vec::new(),
        };
        self.machine.land(Closing { landed, ..Closing::default() });
    }
}
