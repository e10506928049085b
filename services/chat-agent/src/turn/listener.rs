//! The one who listens to a turn: the stream of one browser.
//!
//! The invariant: telling never waits. A listener that lets too many events wait is lost like one that has gone, and
//! its stream ends with an error that says to try again.

use std::{
    pin::Pin,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    task::{Context, Poll},
};

use futures_util::Stream;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::protocol::Event;

/// Why nobody listens any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The browser stopped the answer, or is gone.
    Left,
    /// Too many events were waiting.
    Slow,
    /// The process leaves.
    Leaving,
    /// The thread was deleted.
    Deleted,
}

/// The telling end.
pub(crate) struct Listener {
    line: Mutex<Line>,
    lost: CancellationToken,
    why: OnceLock<Loss>,
}

struct Line {
    /// `None` when the stream has ended. It has a place more than may wait, for the error.
    sender: Option<mpsc::Sender<Event>>,
    last: Instant,
}

/// The listening end; dropping it is leaving.
pub(crate) struct Hearing {
    events: mpsc::Receiver<Event>,
    _gone: DropGuard,
}

impl Stream for Hearing {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.events.poll_recv(cx)
    }
}

// === impl Listener ===

impl Listener {
    /// Both ends; at most `waiting` events wait between them.
    pub(crate) fn pair(waiting: usize) -> (Self, Hearing) {
        let (sender, events) = mpsc::channel(waiting + 1);
        let lost = CancellationToken::new();
        let line = Mutex::new(Line { sender: Some(sender), last: Instant::now() });
        let hearing = Hearing { events, _gone: lost.clone().drop_guard() };
        (Self { line, lost, why: OnceLock::new() }, hearing)
    }

    /// Tells an event, unless nobody listens.
    pub(crate) fn send(&self, event: Event) {
        let slow = {
            let mut line = self.line();
            let Some(sender) = &line.sender else { return };
            let slow = sender.capacity() <= 1;
            if !slow {
                // fails only when the other end is gone, which its guard has told
                let _ = sender.try_send(event);
                line.last = Instant::now();
            }
            slow
        };
        if slow {
            tracing::info!("a listener was too slow");
            self.cut(Loss::Slow);
        }
    }

    /// Ends the stream with an error that says to try again.
    pub(crate) fn cut(&self, why: Loss) {
        if let Some(sender) = self.line().sender.take() {
            let _ = sender.try_send(Event::retry());
        }
        self.lose(why);
    }

    /// Ends the stream as it is.
    pub(crate) fn lose(&self, why: Loss) {
        // one who has left has left, whatever is found out later
        if !self.lost.is_cancelled() {
            let _ = self.why.set(why);
        }
        self.close();
        self.lost.cancel();
    }

    /// Ends the stream: everything has been told.
    pub(crate) fn close(&self) {
        self.line().sender = None;
    }

    /// Ends when nobody listens any more.
    pub(crate) async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Whether anybody listens.
    pub(crate) fn is_open(&self) -> bool {
        !self.lost.is_cancelled()
    }

    /// Why nobody listens any more; `None` while somebody does.
    pub(crate) fn loss(&self) -> Option<Loss> {
        self.lost.is_cancelled().then(|| self.why.get().copied().unwrap_or(Loss::Left))
    }

    /// When it was last told something.
    pub(crate) fn last(&self) -> Instant {
        self.line().last
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
