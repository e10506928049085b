//! A process that can be stopped and killed between any two things it does, as by SIGSTOP and SIGKILL.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

/// What is to become of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Stop,
    Kill,
}

/// Where a process can be held.
#[derive(Default)]
pub(super) struct Gate(Mutex<State>);

#[derive(Default)]
struct State {
    stopped: bool,
    dead: bool,
    /// What happens after so many steps.
    doom: Option<(u64, Fate)>,
    waker: Option<Waker>,
}

/// A life that goes on only while its gate is open.
pub(super) struct Process {
    gate: Arc<Gate>,
    life: Pin<Box<dyn Future<Output = ()> + Send>>,
}

// === impl Gate ===

impl Gate {
    /// Meets `fate` after so many steps.
    pub(super) fn doom(&self, steps: u64, fate: Fate) {
        self.0.lock().unwrap().doom = Some((steps, fate));
    }

    /// Meets `fate` now.
    pub(super) fn meet(&self, fate: Fate) {
        let mut state = self.0.lock().unwrap();
        state.doom = None;
        match fate {
            Fate::Stop => state.stopped = true,
            Fate::Kill => state.dead = true,
        }
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    /// Goes on.
    pub(super) fn resume(&self) {
        let mut state = self.0.lock().unwrap();
        (state.stopped, state.doom) = (false, None);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    pub(super) fn is_dead(&self) -> bool {
        self.0.lock().unwrap().dead
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.0.lock().unwrap().stopped
    }

    /// One step, seen from outside the process.
    pub(super) fn step(&self) {
        let mut state = self.0.lock().unwrap();
        let Some((steps, fate)) = state.doom else { return };
        state.doom = Some((steps.saturating_sub(1), fate));
        drop(state);
        if steps <= 1 {
            self.meet(fate);
        }
    }

    /// One step of the process itself: if it is the last, the process does not get beyond it.
    pub(super) async fn pass(&self) {
        self.step();
        poll_fn(|_| {
            let state = self.0.lock().unwrap();
            if state.stopped || state.dead { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }
}

// === impl Process ===

impl Process {
    pub(super) fn new(gate: Arc<Gate>, life: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { gate, life: Box::pin(life) }
    }
}

impl Future for Process {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        {
            let mut state = self.gate.0.lock().unwrap();
            state.waker = Some(cx.waker().clone());
            if state.dead {
                return Poll::Ready(());
            }
            if state.stopped {
                return Poll::Pending;
            }
        }
        self.life.as_mut().poll(cx)
    }
}
