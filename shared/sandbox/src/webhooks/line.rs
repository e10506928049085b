//! The line of one provider's messages: which wait, which are held back, and what became of the others.
//!
//! The invariant: a message is in exactly one place, and each of its copies that sets out is counted until it ends.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use super::{Delivery, Message, Outcome, STRIPE_RETRIES};
use crate::Provider;

const MOST_ENTRIES: usize = 2_000;

/// What befalls the next messages.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Deliver,
    Lose(usize),
    Duplicate,
    Hold,
}

/// A message that sets out.
pub(super) struct Job {
    pub(super) message: Message,
    pub(super) endpoint: Option<(String, String)>,
}

/// One provider's line.
pub(super) struct Line {
    provider: Provider,
    pub(super) endpoint: Option<(String, String)>,
    pub(super) way: Way,
    pub(super) retries: Vec<Duration>,
    pub(super) held: Vec<Message>,
    pub(super) log: VecDeque<Delivery>,
    pub(super) under_way: usize,
    waiting: VecDeque<Message>,
    busy: bool,
}

impl Line {
    pub(super) fn of(provider: Provider) -> Self {
        let retries = if provider == Provider::Stripe { STRIPE_RETRIES.to_vec() } else { Vec::new() };
        Self {
            provider,
            endpoint: None,
            way: Way::Deliver,
            retries,
            held: Vec::new(),
            log: VecDeque::new(),
            under_way: 0,
            waiting: VecDeque::new(),
            busy: false,
        }
    }

    /// Takes a new message: to be sent, or what else is to befall it.
    pub(super) fn take(&mut self, message: Message) {
        match self.way {
            Way::Deliver => self.queue(message),
            Way::Lose(0) => {
                self.way = Way::Deliver;
                self.queue(message);
            }
            Way::Lose(left) => {
                self.way = Way::Lose(left - usize::from(left != usize::MAX));
                self.note(&message, 0, Outcome::Lost);
            }
            Way::Duplicate => {
                self.queue(message.clone());
                self.queue(message);
            }
            Way::Hold => {
                self.note(&message, 0, Outcome::Held);
                self.held.push(message);
            }
        }
    }

    fn queue(&mut self, message: Message) {
        self.under_way += 1;
        self.waiting.push_back(message);
    }

    /// Whether somebody has to work the line off who does not yet.
    pub(super) fn begin(&mut self) -> bool {
        !self.waiting.is_empty() && !std::mem::replace(&mut self.busy, true)
    }

    /// The next message to send; the one who works goes home when there is none.
    pub(super) fn next(&mut self) -> Option<Job> {
        let job = self.waiting.pop_front().map(|message| Job { message, endpoint: self.endpoint.clone() });
        self.busy = job.is_some();
        job
    }

    pub(super) fn release(&mut self, index: usize) -> bool {
        let found = index < self.held.len();
        if found {
            let message = self.held.remove(index);
            self.queue(message);
        }
        found
    }

    pub(super) fn resend(&mut self, id: &str) -> bool {
        let found = self.log.iter().rev().find(|sent| sent.id == id).map(message);
        let known = found.is_some();
        found.into_iter().for_each(|message| self.queue(message));
        known
    }

    pub(super) fn resend_lost(&mut self) -> usize {
        let was_tried = |sent: &&Delivery| matches!(sent.outcome, Outcome::Answered(_));
        let tried: HashSet<&str> = self.log.iter().filter(was_tried).map(|sent| sent.id.as_str()).collect();
        let lost = self.log.iter().filter(|sent| sent.outcome == Outcome::Lost);
        let lost: Vec<_> = lost.filter(|sent| !tried.contains(sent.id.as_str())).map(message).collect();
        let count = lost.len();
        lost.into_iter().for_each(|message| self.queue(message));
        count
    }

    pub(super) fn note(&mut self, message: &Message, attempt: usize, outcome: Outcome) {
        let Message { id, kind, body } = message.clone();
        self.log.push_back(Delivery { provider: self.provider, id, kind, attempt, outcome, body });
        if self.log.len() > MOST_ENTRIES {
            self.log.pop_front();
        }
    }
}

fn message(sent: &Delivery) -> Message {
    Message { id: sent.id.clone(), kind: sent.kind.clone(), body: sent.body.clone() }
}
