//! One writer's side of the protocol as a machine: what it knows, what it may do next, what an answer means.
//!
//! It does nothing itself. It is told what was read, committed and answered, and says what to commit and to send; the
//! clock is an argument. So all that can happen between two of its moves can be tried out. The invariant: a batch is
//! taken for open from the commit that records it until an answer or its mark has decided, and while that lasts no
//! other is begun.

use jiff::Timestamp;

use super::{Carries, Head, Mark, Open};
use crate::ledger::{closing::Closing, lease::Lease};

/// What a writer knows; all of it can be lost.
#[derive(Clone, Debug, Default)]
pub(in crate::ledger) struct Machine {
    head: Option<Head>,
    /// The batch that is open in `head` may have been sent, and nothing is known of it.
    unsettled: bool,
    /// The outcome of the batch that is open in `head` is known and not recorded; or what else there is to record.
    closing: Option<Closing>,
}

/// A commit that moves the head.
#[derive(Clone, Debug)]
pub(in crate::ledger) struct Step {
    /// What the head must still be.
    pub(in crate::ledger) expected: Head,
    pub(in crate::ledger) next: Head,
    /// What it records about rows.
    pub(in crate::ledger) closing: Closing,
}

/// What goes into the head besides the batch.
#[derive(Clone, Debug)]
pub(in crate::ledger) struct Terms {
    /// The batch deletes nothing; see [`Head::open`].
    pub(in crate::ledger) lean: bool,
    pub(in crate::ledger) cells: u64,
    pub(in crate::ledger) lease: Option<Lease>,
    pub(in crate::ledger) now: Timestamp,
}

/// What was said to a call that creates a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ledger) enum Told {
    /// It is done.
    Done,
    /// The quota is used up: it was not even looked at.
    Quota,
    /// It is refused, for whatever reason.
    Refused,
    /// Nothing that could be believed.
    Nothing,
}

/// What is known of the open batch after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ledger) enum Verdict {
    /// It has landed, or never can.
    Decided(Mark),
    /// It was not looked at, and nobody has it any more: its rows wait, its number is not used again.
    Dropped,
    /// What stands under its number says it.
    Ask,
    /// Nothing more than before.
    Open,
}

// === impl Machine ===

impl Machine {
    pub(in crate::ledger) fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    pub(in crate::ledger) fn is_unsettled(&self) -> bool {
        self.unsettled
    }

    pub(in crate::ledger) fn closing(&self) -> Option<&Closing> {
        self.closing.as_ref()
    }

    /// What is to be recorded with the next commit.
    pub(in crate::ledger) fn closing_mut(&mut self) -> &mut Closing {
        self.closing.get_or_insert_default()
    }

    /// The batch that is open in the head.
    pub(in crate::ledger) fn open(&self) -> Option<&Open> {
        self.head.as_ref()?.open.as_ref()
    }

    /// The head was read, after a start or when somebody else had moved it. A batch that is open in it may be anybody's.
    pub(in crate::ledger) fn take_over(&mut self, head: Head) {
        self.unsettled = head.open.is_some();
        (self.closing, self.head) = (None, Some(head));
    }

    /// What was known of a batch was known of another head.
    pub(in crate::ledger) fn lose(&mut self) {
        *self = Self::default();
    }

    /// The head was moved in what concerns no batch, such as the lease.
    pub(in crate::ledger) fn follow(&mut self, head: Head) {
        self.head = Some(head);
    }

    /// The commit that records what is known and begins a batch of `open`, if any. None while the open batch is
    /// unsettled, or before a head was read.
    pub(in crate::ledger) fn step(&mut self, open: Option<Carries>, terms: Terms) -> Option<Step> {
        if self.unsettled {
            return None;
        }
        let expected = self.head.clone()?;
        let closing = self.closing.take().unwrap_or_default();
        let mut next = closing.next_head(&expected, open, terms.lean, terms.now);
        (next.cells, next.lease) = (terms.cells, terms.lease);
        Some(Step { expected, next, closing })
    }

    /// The step was committed.
    pub(in crate::ledger) fn committed(&mut self, step: Step) {
        self.head = Some(step.next);
    }

    /// The step was not committed, or nobody knows.
    pub(in crate::ledger) fn not_committed(&mut self, step: Step) {
        self.closing = Some(step.closing);
    }

    /// The batch that was just recorded as open goes out; from now on it may land.
    pub(in crate::ledger) fn send(&mut self) -> Option<&Open> {
        let open = self.head.as_ref()?.open.as_ref()?;
        self.unsettled = true;
        Some(open)
    }

    /// The batch that was sent is answered.
    pub(in crate::ledger) fn answered(&mut self, told: Told) -> Verdict {
        match told {
            Told::Done => Verdict::Decided(Mark::Rows),
            Told::Quota => {
                self.unsettled = false;
                Verdict::Dropped
            }
            // A refusal may be of a second delivery.
            Told::Refused | Told::Nothing => Verdict::Open,
        }
    }

    /// The void in the place of the open batch is answered.
    pub(in crate::ledger) fn void_answered(told: Told) -> Verdict {
        match told {
            Told::Done => Verdict::Decided(Mark::Void),
            Told::Refused => Verdict::Ask,
            Told::Quota | Told::Nothing => Verdict::Open,
        }
    }

    /// What stands under the open batch's number was read; `None` if nothing does. A void that was refused where
    /// nothing stands was refused for another reason, so nothing is decided.
    pub(in crate::ledger) fn mark_read(&self, value: Option<&str>) -> Verdict {
        match (value, &self.head) {
            (Some(value), Some(head)) => Verdict::Decided(head.read_mark(value)),
            _ => Verdict::Open,
        }
    }

    /// The open batch has landed; `closing` is what follows for its rows.
    pub(in crate::ledger) fn land(&mut self, closing: Closing) {
        let outdated = self.open().map(|open| open.outdated.clone()).unwrap_or_default();
        self.unsettled = false;
        self.closing = Some(Closing { outdated, ..closing });
    }

    /// The open batch did not land and never will.
    pub(in crate::ledger) fn reject(&mut self) {
        self.unsettled = false;
        self.closing = Some(Closing::default());
    }

    /// The outcome of the open batch, which is known by now, had to be found out.
    pub(in crate::ledger) fn note_settled(&mut self) {
        let settled = self.open().map(|open| open.number);
        self.closing_mut().settled = settled;
    }
}

// === impl Step ===

impl Step {
    /// Whether the head in the store still allows it: nobody has taken over.
    pub(in crate::ledger) fn holds(&self, found: Option<&Head>) -> bool {
        found.is_some_and(|head| head.is_still(&self.expected))
    }
}
