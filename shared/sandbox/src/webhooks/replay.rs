//! Deliveries that are made again because the receiver asked for them, as Whop's API offers.
//!
//! The invariant: what is sent again is what was sent, but for its id where a new one was asked for, and is a delivery
//! of its own that names the one it repeats.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use super::{Attempt, Delivery, Message, Outcome, line, random, send};
use crate::{Provider, Sandbox};

/// How a delivery ended that was made again.
pub(crate) struct Replayed {
    /// The status that was answered; 0 where none was.
    pub(crate) status: u16,
    /// What was answered.
    pub(crate) body: Bytes,
}

/// Which deliveries to make again.
pub(crate) struct Replays {
    pub(crate) after: Timestamp,
    pub(crate) before: Timestamp,
    /// These types alone; empty: all.
    pub(crate) events: Vec<String>,
    /// Those alone whose last attempt failed.
    pub(crate) failed_only: bool,
    pub(crate) new_ids: bool,
}

/// Whether a receiver took it.
pub(crate) fn is_fine(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Answered(200..=299))
}

/// The same message, under a new id if one is wanted.
fn again(sent: &Delivery, new_id: bool) -> Message {
    let mut message = Message { replayed_from: Some(sent.delivery.clone()), ..line::message(sent) };
    if new_id && let Ok(mut body) = serde_json::from_slice::<Value>(&sent.body) {
        message.id = random::token("msg_");
        body["id"] = message.id.clone().into();
        message.body = body.to_string().into();
    }
    message
}

impl Sandbox {
    /// Makes one delivery again, at once, whatever befalls others; none if there is no such delivery.
    pub(crate) async fn replay(&self, provider: Provider, delivery: &str, new_id: bool) -> Option<Replayed> {
        let (message, endpoint) = self.0.webhooks.with(provider, |line| {
            let sent =
                line.log.iter().find(|sent| sent.delivery == delivery && sent.outcome != Outcome::Held);
            sent.map(|sent| (again(sent, new_id), line.endpoint.clone()))
        })?;
        let attempt = match &endpoint {
            None => Attempt::of(Outcome::NoEndpoint),
            Some((url, secret)) => send(provider, url, secret, &message).await,
        };
        let status = match attempt.outcome {
            Outcome::Answered(status) => status,
            _ => 0,
        };
        let body = attempt.answer.clone();
        self.0.webhooks.with(provider, |line| line.note(&message, 1, attempt));
        Some(Replayed { status, body })
    }

    /// Queues every message in the window once more.
    pub(crate) fn replay_all(&self, provider: Provider, wanted: &Replays) {
        self.0.webhooks.with(provider, |line| {
            let mut newest: Vec<&Delivery> = Vec::new();
            for sent in line.log.iter().rev().filter(|sent| sent.outcome != Outcome::Held) {
                let inside = wanted.after <= sent.at && sent.at <= wanted.before;
                if inside && newest.iter().all(|known| known.id != sent.id) {
                    newest.push(sent);
                }
            }
            let named = |sent: &&&Delivery| wanted.events.is_empty() || wanted.events.contains(&sent.kind);
            let failed = |sent: &&&Delivery| !wanted.failed_only || !is_fine(&sent.outcome);
            let wanted_ones = newest.iter().rev().filter(named).filter(failed);
            let messages: Vec<_> = wanted_ones.map(|sent| again(sent, wanted.new_ids)).collect();
            messages.into_iter().for_each(|message| line.queue(message));
        });
        self.set_out(provider);
    }
}
