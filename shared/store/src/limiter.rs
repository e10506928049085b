//! How often a key may do something: GCRA, in this process or across all that share a store.
//!
//! Over a shared store each process draws permits from the key's document and lets through what it holds, so that a
//! busy key costs a few commits and not one a call. The invariants, for a limit of `count` calls a window with bursts
//! of `burst`, which makes a cell of window / count:
//! - one process alone lets through at most `burst + T / cell` calls of a key in any time T;
//! - all processes of one store together let through at most `burst + (T + H) / cell`, H being how long a permit that
//!   was drawn ahead may be kept: 5 s, a twelfth of a minute. Nothing is drawn ahead of a limit of fewer than ten
//!   calls or by the second; its H is 0. Clocks that differ add their difference to H;
//! - trouble with the store refuses nobody: then the process decides alone;
//! - keys that have been quiet long enough to be fresh again take no memory for long.

mod pocket;
mod shared;
#[cfg(test)]
mod tests;
mod trouble;

use std::{sync::Arc, time::Instant};

use chassis::gate::{Gate, Rate, nanos};
use domain::{fault::Quota, limit::Limit};
use jiff::Timestamp;

use self::shared::Shared;
use crate::{Clock, Store};

/// The collection of the keys of a shared store.
pub(crate) const COLLECTION: &str = "limits";

/// Limits how often each key may do something.
pub struct Limiter(Way);

enum Way {
    Off,
    Local { gate: Box<Gate>, clock: Clock },
    Shared(Box<Shared>),
}

/// The right to one call of a key. Dropped without [`Permit::spend`] it goes back: the call does not count.
#[must_use = "a permit that is not spent goes back"]
pub struct Permit<'l>(Source<'l>);

enum Source<'l> {
    /// Nothing to give back.
    Nowhere,
    Gate {
        gate: &'l Gate,
        key: &'l str,
    },
    Pocket {
        shared: &'l Shared,
        key: &'l str,
        held: shared::Held,
    },
}

// === impl Limiter ===

impl Limiter {
    /// A limiter of this process alone, whose every key is fresh. It goes by time that never jumps.
    pub fn new(limit: Limit) -> Self {
        Self(
            Rate::new(limit)
                .map_or(Way::Off, |rate| Way::Local { gate: Box::new(Gate::new(rate)), clock: steady() }),
        )
    }

    /// The limiter that is called `name` in every process over this store. Over a store that nobody shares it is
    /// [`Limiter::new`].
    pub fn over(limit: Limit, store: Arc<dyn Store>, name: &'static str, clock: Clock) -> Self {
        match Rate::new(limit) {
            Some(rate) if store.is_shared() => {
                Self(Way::Shared(Box::new(Shared::new(rate, store, name, clock))))
            }
            _ => Self::new(limit),
        }
    }

    /// Counts one call of `key`, or tells how long it has to wait. A refused call does not count.
    ///
    /// # Errors
    /// The state of the limit when the call may not happen now.
    pub async fn check(&self, key: &str) -> Result<(), Quota> {
        self.acquire(key).await.map(Permit::spend)
    }

    /// Whether a call of `key` would be refused by what this process knows. Counts nothing and asks nobody.
    ///
    /// # Errors
    /// The state of the limit when the call may not happen now.
    pub fn peek(&self, key: &str) -> Result<(), Quota> {
        match &self.0 {
            Way::Off => Ok(()),
            Way::Local { gate, clock } => gate.peek(key, nanos(clock())),
            Way::Shared(shared) => shared.peek(key),
        }
    }

    /// The right to one call of `key`, for whoever has to pass several limits and wants to count in none of them if
    /// one refuses.
    ///
    /// # Errors
    /// The state of the limit when the call may not happen now.
    pub async fn acquire<'l>(&'l self, key: &'l str) -> Result<Permit<'l>, Quota> {
        match &self.0 {
            Way::Off => Ok(Permit(Source::Nowhere)),
            Way::Local { gate, clock } => {
                gate.take(key, nanos(clock()))?;
                Ok(Permit(Source::Gate { gate, key }))
            }
            Way::Shared(shared) => Ok(Permit(match shared.acquire(key).await? {
                Some(held) => Source::Pocket { shared, key, held },
                None => Source::Gate { gate: shared.gate(), key },
            })),
        }
    }
}

/// A clock that shows the time of its making and goes on without jumps.
fn steady() -> Clock {
    let (origin, begin) = (Timestamp::now(), Instant::now());
    Arc::new(move || origin.saturating_add(begin.elapsed()).expect("a duration of days fits"))
}

// === impl Permit ===

impl Permit<'_> {
    /// The call happens.
    pub fn spend(mut self) {
        if let Source::Pocket { shared, key, .. } = std::mem::replace(&mut self.0, Source::Nowhere) {
            shared.spent(key);
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        match &self.0 {
            Source::Nowhere => {}
            Source::Gate { gate, key } => gate.put_back(key),
            Source::Pocket { shared, held, .. } => shared.put_back(held),
        }
    }
}
