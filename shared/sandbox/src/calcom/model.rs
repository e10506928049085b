//! What the calendar holds: its owner, its event types, bookings and reservations.
//!
//! The invariant: a book is changed as a copy, so that whoever reads one sees it whole.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The id of the event type `intro-call`: 30 minutes, free.
pub const INTRO_CALL: i64 = 3_041_101;
/// The id of the event type `strategy-consult`: 60 minutes.
pub const STRATEGY_CONSULT: i64 = 3_041_102;

/// The person whose calendar it is.
pub(super) struct Owner {
    pub(super) id: i64,
    pub(super) name: &'static str,
    pub(super) username: &'static str,
    pub(super) email: &'static str,
    pub(super) time_zone: &'static str,
}

pub(super) static OWNER: Owner = Owner {
    id: 740_021,
    name: "Sandbox Host",
    username: "sandbox-host",
    email: "host@calendar.example",
    time_zone: "Europe/Berlin",
};

/// What can be booked.
#[derive(Debug)]
pub(super) struct EventType {
    pub(super) id: i64,
    pub(super) slug: &'static str,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    pub(super) minutes: i64,
}

pub(super) static EVENT_TYPES: [EventType; 2] = [
    EventType {
        id: INTRO_CALL,
        slug: "intro-call",
        title: "Intro call",
        description: "Half an hour to get to know each other.",
        minutes: 30,
    },
    EventType {
        id: STRATEGY_CONSULT,
        slug: "strategy-consult",
        title: "Strategy consult",
        description: "One hour on your plans.",
        minutes: 60,
    },
];

/// Where a booking stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Accepted,
    Pending,
    Cancelled,
    Rejected,
}

/// Who comes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Attendee {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) time_zone: String,
    pub(super) language: String,
    pub(super) phone: Option<String>,
    pub(super) absent: bool,
}

/// A payment that Cal.com itself takes, through its own connection to Stripe.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Payment {
    pub(super) id: i64,
    pub(super) uid: String,
    pub(super) external_id: String,
    pub(super) amount: i64,
    pub(super) paid: bool,
}

/// One booking.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Booking {
    pub(super) id: i64,
    pub(super) uid: String,
    pub(super) event_type: i64,
    pub(super) status: Status,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) attendee: Attendee,
    pub(super) guests: Vec<String>,
    pub(super) metadata: Map<String, Value>,
    pub(super) responses: Map<String, Value>,
    pub(super) cancellation_reason: Option<String>,
    pub(super) cancelled_by: Option<String>,
    pub(super) rescheduling_reason: Option<String>,
    pub(super) rescheduled_by: Option<String>,
    pub(super) rescheduled_from: Option<String>,
    pub(super) rescheduled_to: Option<String>,
    pub(super) absent_host: bool,
    pub(super) payment: Option<Payment>,
}

/// A slot that is kept from others for a while.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Reservation {
    pub(super) uid: String,
    pub(super) event_type: i64,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) minutes: i64,
    pub(super) until: Timestamp,
}

/// All that is booked and reserved.
#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    pub(super) bookings: BTreeMap<i64, Arc<Booking>>,
    pub(super) reservations: BTreeMap<String, Arc<Reservation>>,
}

// === impl EventType ===

impl EventType {
    pub(super) fn of(id: i64) -> Option<&'static Self> {
        EVENT_TYPES.iter().find(|event_type| event_type.id == id)
    }

    pub(super) fn length(&self) -> jiff::SignedDuration {
        jiff::SignedDuration::from_mins(self.minutes)
    }
}

// === impl Status ===

impl Status {
    /// It takes the owner's time.
    pub(super) fn is_active(self) -> bool {
        matches!(self, Self::Accepted | Self::Pending)
    }

    /// As the API says it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Pending => "pending",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
        }
    }
}

// === impl Booking ===

impl Booking {
    pub(super) fn kind(&self) -> &'static EventType {
        EventType::of(self.event_type).expect("a booking is made of a seeded event type")
    }

    /// Cal's default name of an event: `{Event type} between {Organiser} and {Scheduler}`.
    pub(super) fn title(&self) -> String {
        format!("{} between {} and {}", self.kind().title, OWNER.name, self.attendee.name)
    }

    /// Where the meeting is; the room is made when the booking is accepted.
    pub(super) fn location(&self) -> String {
        match self.status {
            Status::Pending | Status::Rejected => "integrations:daily".to_owned(),
            Status::Accepted | Status::Cancelled => format!("https://app.cal.com/video/{}", self.uid),
        }
    }
}

// === impl Book ===

impl Book {
    pub(super) fn booking(&self, uid: &str) -> Option<&Arc<Booking>> {
        self.bookings.values().find(|booking| booking.uid == uid)
    }

    pub(super) fn put(&mut self, booking: Booking) -> Arc<Booking> {
        let booking = Arc::new(booking);
        self.bookings.insert(booking.id, booking.clone());
        booking
    }

    pub(super) fn next_id(&self) -> i64 {
        self.bookings.last_key_value().map_or(9_100_001, |(id, _)| id + 1)
    }

    /// Whether the owner is in a meeting at that time, other than the one of this uid.
    pub(super) fn is_busy(&self, start: Timestamp, end: Timestamp, except: Option<&str>) -> bool {
        self.bookings.values().any(|booking| {
            booking.status.is_active()
                && booking.start < end
                && start < booking.end
                && except.is_none_or(|uid| booking.uid != uid)
        })
    }

    /// Whether a reservation that still holds lies over that time.
    pub(super) fn is_reserved(&self, start: Timestamp, end: Timestamp, now: Timestamp) -> bool {
        self.reservations.values().any(|kept| kept.until > now && kept.start < end && start < kept.end)
    }

    /// Cal.com sweeps reservations away once they have run out.
    pub(super) fn sweep(&mut self, now: Timestamp) {
        self.reservations.retain(|_, kept| kept.until > now);
    }
}
