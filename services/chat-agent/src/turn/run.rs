//! The life of a turn: the responder at work, and what it leaves when it ends or is cut short.
//!
//! The invariant: however a turn ends, what its listener has seen of the answer is in the thread once, and the model
//! is told when that is not all of it.

use std::{panic::AssertUnwindSafe, pin::pin, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use tokio::time::{sleep, sleep_until};

use super::{Loss, Responder, Slot, Turn, TurnError};
use crate::{
    protocol::{Error, Event, HiddenContext, Item, View},
    threads::{Edit, Record},
};

const STOPPED: &str =
    "The visitor stopped this answer, or left. Do not go on with it unless you are asked to.";
/// What the model is told of an answer that a failure ended.
pub(crate) const CUT_SHORT: &str = "A failure cut this answer short. What was begun may not be finished.";
const WORKING: &str = "Still working on it…";

/// How long things may take, and how much may wait.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// After how much silence the listener is told that the turn goes on.
    pub silence: Duration,
    /// How long a request waits for the turn before it.
    pub wait: Duration,
    /// How long turns may go on when the process leaves.
    pub drain: Duration,
    /// How many events may wait for a listener.
    pub waiting: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(15),
            wait: Duration::from_secs(2),
            drain: Duration::from_secs(6),
            waiting: 1_000,
        }
    }
}

/// A turn that is ready to go.
pub(crate) struct Run {
    /// The turn.
    pub(crate) turn: Turn,
    /// Who answers it.
    pub(crate) responder: Arc<dyn Responder>,
    /// How long it may take.
    pub(crate) pace: Pace,
    /// The title that its thread gets unless it has one.
    pub(crate) title: Option<String>,
    /// The right to work on the thread.
    pub(crate) slot: Slot,
}

// === impl Run ===

impl Run {
    /// Lives.
    pub(crate) async fn live(self) {
        let outcome = self.respond().await;
        self.finish(outcome).await;
        drop(self.slot);
    }

    async fn respond(&self) -> Result<(), TurnError> {
        let turn = &self.turn;
        let mut answer = pin!(AssertUnwindSafe(self.responder.respond(turn)).catch_unwind());
        let mut leaving = pin!(async {
            turn.leaving.cancelled().await;
            sleep(self.pace.drain).await;
        });
        let mut evicted = pin!(self.slot.evicted());
        let (mut cut, mut unwanted) = (false, false);
        loop {
            tokio::select! {
                // the panic hook has shown it
                outcome = &mut answer => return outcome.unwrap_or(Err(TurnError::Failed)),
                () = &mut leaving, if !cut => {
                    cut = true;
                    self.cut().await;
                }
                () = &mut evicted, if !unwanted => {
                    unwanted = true;
                    turn.listener.lose(Loss::Deleted);
                }
                () = sleep_until(turn.listener.last() + self.pace.silence), if turn.is_listened() => {
                    if turn.listener.last().elapsed() >= self.pace.silence {
                        turn.listener.send(Event::progress(WORKING));
                    }
                }
            }
        }
    }

    /// The process leaves and time is up: the listener gets what there is, and may try again.
    async fn cut(&self) {
        let turn = &self.turn;
        let (kept, dropped) = turn.drafts.take();
        let edits = kept.iter().cloned().map(Edit::Say).collect();
        match turn.threads.edit(&turn.thread.id, edits).await {
            Ok(record) => self.tell(kept, dropped, record.as_ref()),
            Err(error) => drop(TurnError::from(error)),
        }
        turn.listener.cut(Loss::Leaving);
    }

    async fn finish(&self, outcome: Result<(), TurnError>) {
        let turn = &self.turn;
        let loss = turn.listener.loss();
        let (kept, dropped) = turn.drafts.take();
        let note = match loss {
            Some(Loss::Left) => Some(STOPPED),
            Some(Loss::Slow | Loss::Leaving | Loss::Deleted) => Some(CUT_SHORT),
            None if outcome.is_err() && !kept.is_empty() => Some(CUT_SHORT),
            None => None,
        };
        let mut edits: Vec<_> = kept.iter().cloned().map(Edit::Say).collect();
        edits.extend(note.map(|text| Edit::Put(self.hidden(text))));
        let title = self.title.clone().filter(|_| !turn.titled.load(std::sync::atomic::Ordering::Relaxed));
        edits.extend(title.clone().map(Edit::TitleUnlessSet));
        edits.push(Edit::End);
        let outcome = match turn.threads.edit(&turn.thread.id, edits).await {
            Ok(record) => {
                self.tell(kept, dropped, record.as_ref());
                if let Some(record) = record.filter(|_| title.is_some()) {
                    turn.listener.send(Event::ThreadUpdated { thread: View::bare(&record.thread) });
                }
                outcome
            }
            Err(error) => Err(error.into()),
        };
        match outcome {
            Ok(()) => {}
            Err(TurnError::Failed) => turn.listener.send(Event::retry()),
            Err(TurnError::Custom { message, allow_retry }) => {
                turn.listener.send(Event::Error(Error::Custom { message, allow_retry }));
            }
        }
        turn.listener.close();
    }

    fn tell(&self, mut kept: Vec<Item>, mut dropped: Vec<String>, record: Option<&Record>) {
        if record.is_some_and(|record| record.standing.is_silent()) {
            dropped.extend(kept.drain(..).map(|item| item.id().to_owned()));
        }
        let kept = kept.into_iter().map(|item| Event::ItemDone { item });
        let dropped = dropped.into_iter().map(|item_id| Event::ItemRemoved { item_id });
        kept.chain(dropped).for_each(|event| self.turn.listener.send(event));
    }

    fn hidden(&self, text: &str) -> Item {
        let head = self.turn.head(self.turn.new_id("hci_"));
        Item::HiddenContextItem(HiddenContext { head, content: text.to_owned() })
    }
}
