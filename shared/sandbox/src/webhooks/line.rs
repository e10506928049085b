//! The line of one provider's messages: which wait, which are held back, and what became of the others.
//!
//! The invariant: a message is in exactly one place, and each of its copies that sets out is counted until it ends.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use jiff::Timestamp;

use super::{Attempt, Delivery, Message, Outcome, STRIPE_RETRIES, WHOP_RETRIES};
use crate::{Provider, random};

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
        let retries = match provider {
            Provider::Stripe => STRIPE_RETRIES.to_vec(),
            Provider::Whop => WHOP_RETRIES.to_vec(),
            _ => Vec::new(),
        };
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
                self.note(&message, 0, Attempt::of(Outcome::Lost));
            }
            Way::Duplicate => {
                self.queue(message.clone());
                self.queue(message);
            }
            Way::Hold => {
                self.note(&message, 0, Attempt::of(Outcome::Held));
                self.held.push(message);
            }
        }
    }

    pub(super) fn queue(&mut self, message: Message) {
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

    pub(super) fn note(&mut self, message: &Message, number: usize, attempt: Attempt) {
        let Message { id, kind, body, replayed_from } = message.clone();
        let Attempt { outcome, took, answer } = attempt;
        self.log.push_back(Delivery {
            provider: self.provider,
            id,
            kind,
            attempt: number,
            outcome,
            delivery: random::token("whdel_"),
            replayed_from,
            at: Timestamp::now(),
            took,
            answer,
            body,
        });
        if self.log.len() > MOST_ENTRIES {
            self.log.pop_front();
        }
    }
}

/// The message of a line in the log, to be sent again.
pub(super) fn message(sent: &Delivery) -> Message {
    Message::new(sent.id.clone(), sent.kind.clone(), sent.body.clone())
}
