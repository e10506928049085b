//! Telling the books: what our documents say of bookings, payments and subscriptions goes to sheets-writer; and what a
//! visitor is to know of it, to their chat.
//!
//! Whoever changes a document queues a telling of it in the same commit; the worker reads the document as it stands then
//! and states it under its version. The invariant: every change that was committed is stated, however long sheets-writer
//! is away, and a statement that comes twice or late changes nothing there.

mod settings;
mod teller;

use jiff::Timestamp;
use proto::sheets::v1::{RecordBookingRequest, RecordPaymentRequest, RecordSubscriptionRequest};
use serde::{Deserialize, Serialize};
use store::{Work, queue::Queue};

use crate::notice::Notice;

pub use settings::Settings;
pub use teller::{Documents, Teller};

/// What waits to be told.
pub static TELLINGS: Queue<Telling> = Queue::patient("tellings");

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Telling {
    /// The meeting under this id of its document.
    Booking(String),
    /// The payment under this id of its document.
    Payment(String),
    /// The subscription under this id of its document.
    Subscription(String),
    /// An event of our own, for the events of sheets-writer: a JSON object with an `id`.
    Event {
        /// The event's id, by which it is one however often it is told.
        id: String,
        /// Its text.
        body: String,
        /// The payment that it is about, which is told first: by it the books know whose it is. Empty without one.
        #[serde(default)]
        payment: String,
        /// It comes from a real provider.
        live: bool,
    },
    /// That a Whop user talks as a visitor: they are one person.
    Contact {
        /// The user, whose token was checked.
        whop_user: String,
        /// The visitor.
        visitor: String,
        /// It comes from a real provider.
        live: bool,
    },
    /// Not to the books, but to a visitor in their chat.
    Notice(Notice),
}

/// What a document states.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// Of a meeting.
    Booking(RecordBookingRequest),
    /// Of a payment.
    Payment(RecordPaymentRequest),
    /// Of a subscription.
    Subscription(RecordSubscriptionRequest),
}

/// A statement and where it belongs.
#[derive(Clone, Debug, PartialEq)]
pub struct Stated {
    /// What is told.
    pub statement: Statement,
    /// It comes from a real provider; what is invented never enters a live sheet.
    pub live: bool,
}

/// Queues a telling as part of `work`.
pub async fn tell(work: &mut Work<'_>, telling: &Telling, now: Timestamp) -> Result<(), store::Error> {
    TELLINGS.put(work, &telling.queue_id(), telling, now).await
}

/// The version after another one: later than all that were told before, also where the store was put back to an older
/// state of it meanwhile.
pub fn version_after(known: u64, now: Timestamp) -> u64 {
    u64::try_from(now.as_microsecond()).unwrap_or_default().max(known + 1)
}

// === impl Telling ===

impl Telling {
    /// One telling of each thing waits at most.
    fn queue_id(&self) -> String {
        let (kind, id) = self.subject();
        domain::id::digest(&[kind, id])
    }

    /// Its kind, and the id of what it is about.
    pub(crate) fn subject(&self) -> (&'static str, &str) {
        match self {
            Self::Booking(id) => ("booking", id),
            Self::Payment(id) => ("payment", id),
            Self::Subscription(id) => ("subscription", id),
            Self::Event { id, .. } => ("event", id),
            Self::Contact { whop_user, .. } => ("contact", whop_user),
            Self::Notice(notice) => ("notice", &notice.id),
        }
    }
}
