//! Hand-offs: a thread that a person was called to is a person's until it is given back.
//!
//! It exists so that nobody who asked for a person is answered by the model after all. The invariants: while a thread
//! is handed off the model says nothing in it; whoever was called is told of in the books, however often that has to be
//! tried, and past them where they refuse it for good; and it comes back, by the operator's hand or by time.

mod books;
mod calls;
mod items;
mod lists;
#[cfg(test)]
mod tests;
mod tick;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub(crate) use books::Books;
pub(crate) use calls::{Answer, HandOffs};
pub(crate) use items::{expired, head, is_of_person, is_of_server, words};
pub(crate) use lists::Wanted;

/// Refusals of the books that a thread keeps.
const PARKED: usize = 20;

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    /// Until the visitor of a thread that nobody came to is asked for an address.
    pub(crate) patience: SignedDuration,
    /// Until a thread is given back in which the person says no more.
    pub(crate) timeout: SignedDuration,
}

/// Who answers in a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The model.
    Active,
    /// Nobody: a person was called and has not come yet.
    Waiting,
    /// A person.
    Person,
}

/// How a thread stands with people, as its document keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// The hand-off that is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hand_off: Option<HandOff>,
    /// What the books have not taken yet, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    untold: Vec<Untold>,
    /// What the books refused for good, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parked: Vec<Parked>,
    /// Number of the newest hand-off of which the books have taken something.
    #[serde(default)]
    taken: u32,
    /// How many hand-offs there have been.
    #[serde(default)]
    count: u32,
}

/// A hand-off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HandOff {
    /// Its number within its thread, from 1.
    pub(crate) number: u32,
    /// When the thread was handed off.
    pub(crate) since: Timestamp,
    /// Why a person was called; `None` if one came uncalled.
    pub(crate) reason: Option<String>,
    /// The session in which it happened; may be empty.
    session_id: String,
    /// When the person wrote last.
    answered_at: Option<Timestamp>,
    /// The visitor has been told who answers here.
    is_announced: bool,
    /// The visitor has been asked for an address, or does not have to be.
    is_asked: bool,
}

/// Something that the books have not taken yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Untold {
    /// Number of the hand-off.
    pub(crate) number: u32,
    /// When it happened.
    pub(crate) at: Timestamp,
    /// In which session; may be empty.
    pub(crate) session_id: String,
    /// What.
    pub(crate) what: Word,
}

/// Something that the books refused for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parked {
    /// Number of the hand-off.
    number: u32,
    /// When it happened.
    at: Timestamp,
    /// Why it was refused.
    why: String,
}

/// What the books are told of a hand-off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Word {
    /// A person was called.
    Called {
        /// Why.
        reason: String,
    },
    /// A person has come.
    Answered {
        /// How long the visitor has waited for them; `None` if nobody was called.
        waited_seconds: Option<i64>,
    },
}

// === impl Standing ===

impl Standing {
    /// The hand-off that is on.
    pub(crate) fn hand_off(&self) -> Option<&HandOff> {
        self.hand_off.as_ref()
    }

    /// Whether the model has to be silent.
    pub(crate) fn is_silent(&self) -> bool {
        self.hand_off.is_some()
    }

    /// Who answers at this time.
    pub(crate) fn state(&self, now: Timestamp, times: &Times) -> State {
        match &self.hand_off {
            Some(hand_off) if hand_off.is_over(now, times) => State::Active,
            Some(HandOff { answered_at: None, .. }) => State::Waiting,
            Some(_) => State::Person,
            None => State::Active,
        }
    }

    /// Since when somebody has to look at the thread: a person, or whoever tells the books.
    pub(crate) fn attention(&self) -> Option<Timestamp> {
        let told = self.untold.first().map(|untold| untold.at);
        self.hand_off.as_ref().map(|hand_off| hand_off.since).or(told)
    }

    /// Calls a person; false if one is called or there already.
    pub(crate) fn call(&mut self, reason: &str, session_id: &str, now: Timestamp) -> bool {
        if self.hand_off.is_some() {
            return false;
        }
        let hand_off = self.begin(Some(reason.to_owned()), session_id, now);
        let (number, session_id) = (hand_off.number, hand_off.session_id.clone());
        self.untold.push(Untold {
            number,
            at: now,
            session_id,
            what: Word::Called { reason: reason.to_owned() },
        });
        true
    }

    /// A person writes, called or not.
    pub(crate) fn answer(&mut self, now: Timestamp) {
        if self.hand_off.is_none() {
            self.begin(None, "", now);
        }
        let Some(hand_off) = &mut self.hand_off else { return };
        if hand_off.answered_at.is_none() {
            let waited = now.duration_since(hand_off.since).as_secs().max(0);
            let waited_seconds = hand_off.reason.is_some().then_some(waited);
            let (number, session_id) = (hand_off.number, hand_off.session_id.clone());
            self.untold.push(Untold { number, at: now, session_id, what: Word::Answered { waited_seconds } });
        }
        hand_off.answered_at = Some(now);
        // whoever is answered needs no form
        hand_off.is_asked = true;
    }

    /// Gives the thread back; the hand-off that was on.
    pub(crate) fn release(&mut self) -> Option<HandOff> {
        self.hand_off.take()
    }

    /// Gives the thread back if its time is up; the hand-off that was on.
    pub(crate) fn expire(&mut self, now: Timestamp, times: &Times) -> Option<HandOff> {
        self.hand_off.take_if(|hand_off| hand_off.is_over(now, times))
    }

    /// The visitor is to be told who answers here; the hand-off, once.
    pub(crate) fn announce(&mut self) -> Option<HandOff> {
        let hand_off = self.hand_off.as_mut().filter(|hand_off| !hand_off.is_announced)?;
        hand_off.is_announced = true;
        Some(hand_off.clone())
    }

    /// Nobody has come for long enough to ask for an address.
    pub(crate) fn wants_address(&self, now: Timestamp, times: &Times) -> bool {
        self.hand_off.as_ref().is_some_and(|hand_off| {
            !hand_off.is_asked && !hand_off.is_over(now, times) && hand_off.waits(now) >= times.patience
        })
    }

    /// The visitor is asked for an address, or does not have to be; the hand-off, once.
    pub(crate) fn ask(&mut self, now: Timestamp, times: &Times) -> Option<HandOff> {
        if !self.wants_address(now, times) {
            return None;
        }
        let hand_off = self.hand_off.as_mut()?;
        hand_off.is_asked = true;
        Some(hand_off.clone())
    }

    /// What the books have not taken yet.
    pub(crate) fn untold(&self) -> &[Untold] {
        &self.untold
    }

    /// The books have taken this.
    pub(crate) fn told(&mut self, told: &Untold) {
        self.untold.retain(|untold| untold != told);
        self.taken = self.taken.max(told.number);
    }

    /// The books have refused this for good; they are not asked again.
    pub(crate) fn park(&mut self, refused: &Untold, why: &str) {
        let Some(place) = self.untold.iter().position(|untold| untold == refused) else { return };
        let Untold { number, at, .. } = self.untold.remove(place);
        self.parked.push(Parked { number, at, why: why.to_owned() });
        let most = self.parked.len().saturating_sub(PARKED);
        self.parked.drain(..most);
    }

    /// Why the books refused what they were told last, unless they have taken something of a newer hand-off since.
    pub(crate) fn problem(&self) -> Option<&str> {
        let last = self.parked.last().filter(|parked| parked.number >= self.taken);
        last.map(|parked| parked.why.as_str())
    }

    fn begin(&mut self, reason: Option<String>, session_id: &str, now: Timestamp) -> &HandOff {
        self.count += 1;
        self.hand_off.insert(HandOff {
            number: self.count,
            since: now,
            reason,
            session_id: session_id.to_owned(),
            answered_at: None,
            is_announced: false,
            is_asked: false,
        })
    }
}

// === impl HandOff ===

impl HandOff {
    fn waits(&self, now: Timestamp) -> SignedDuration {
        now.duration_since(self.answered_at.unwrap_or(self.since))
    }

    fn is_over(&self, now: Timestamp, times: &Times) -> bool {
        self.waits(now) >= times.timeout
    }
}

// === impl Times ===

impl Default for Times {
    fn default() -> Self {
        Self { patience: SignedDuration::from_mins(2), timeout: SignedDuration::from_hours(8) }
    }
}
