//! What providers state of meetings, payments and subscriptions.
//!
//! A statement is one commit: whom it is about, the row, and what follows from it. The invariant: the newest statement
//! about a thing decides what its row says, however often and in whatever order they come, and what is stated of a
//! person who was forgotten names nobody.

mod account;
mod party;
mod payment;
mod subscription;
#[cfg(test)]
pub(crate) mod tests;

use jiff::Timestamp;
use store::{Attempts, Store, Work};

use crate::{bookings, error::Error, people, rows};
pub(crate) use account::Account;
use account::Item;
pub(crate) use party::{Party, Place};
pub(crate) use payment::Payment;

/// A thing as its provider has it.
#[derive(Clone, Debug)]
pub(crate) struct Statement<T> {
    /// Counted up with every change.
    pub(crate) version: u64,
    /// When it was made.
    pub(crate) created_at: Timestamp,
    /// When it was over, if it is.
    pub(crate) end: rows::End,
    /// What is stated, but for whose it is.
    pub(crate) item: T,
}

/// What became of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// The contact; blank if nobody is known, or the person was forgotten.
    pub(crate) contact_id: String,
    /// It was news.
    pub(crate) accepted: bool,
}

// === impl Taken ===

impl Taken {
    pub(crate) async fn of(work: &mut Work<'_>, contact_id: &str, accepted: bool) -> Result<Self, Error> {
        let is_nobody = contact_id.is_empty() || people::is_erased(work, contact_id).await?;
        let current = if is_nobody { None } else { people::current_id(work, contact_id).await? };
        Ok(Self { contact_id: current.unwrap_or_default(), accepted })
    }
}

/// Takes down a statement about a payment or a subscription.
pub(crate) async fn take<T: Item>(
    store: &dyn Store,
    statement: &Statement<T>,
    party: &Party,
) -> Result<Taken, Error> {
    let mut attempts = Attempts::default();
    loop {
        let mut work = Work::new(store);
        let taken = account::take(&mut work, statement, party).await?;
        if attempts.commit(work).await? {
            tracing::info!(tab = %account::tab::<T>(), accepted = taken.accepted, "a statement was taken");
            return Ok(taken);
        }
    }
}

/// Takes down a statement about a meeting; answers the booking's id as well.
pub(crate) async fn take_booking(
    store: &dyn Store,
    statement: &bookings::Statement,
    party: &Party,
    now: Timestamp,
) -> Result<(String, Taken), Error> {
    let mut attempts = Attempts::default();
    loop {
        let mut work = Work::new(store);
        let (booking_id, taken) = bookings::state(&mut work, statement.clone(), party, now).await?;
        if attempts.commit(work).await? {
            tracing::info!(booking.id = booking_id, accepted = taken.accepted, "a statement was taken");
            return Ok((booking_id, taken));
        }
    }
}

/// Blanks what could name somebody in a payment; false if no provider has stated it.
pub(crate) async fn forget_payment(
    work: &mut Work<'_>,
    payment_id: &str,
    veil: &crate::rows::veil::Veil,
) -> Result<bool, Error> {
    account::forget::<Payment>(work, payment_id, veil).await
}

/// As [`forget_payment`], of a subscription.
pub(crate) async fn forget_subscription(
    work: &mut Work<'_>,
    subscription_id: &str,
    veil: &crate::rows::veil::Veil,
) -> Result<bool, Error> {
    account::forget::<domain::tab::Subscription>(work, subscription_id, veil).await
}
