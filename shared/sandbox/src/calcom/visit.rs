//! People at the calendar: who they are, what they want, and how they are told no.
//!
//! The invariant: a visitor of the public page books what the page shows, unless it was open before.

use std::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    act::Order,
    error::Refusal,
    hours::Taken,
    model::{Attendee, Booking, EventType, OWNER},
    time,
};

/// Cal.com refuses it, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declined(pub String);

/// Who does something to a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The calendar's owner.
    Host,
    /// Who booked.
    Attendee,
}

/// Somebody who books on the public page.
#[derive(Clone, Debug)]
pub struct Visit {
    /// What is booked.
    pub event_type: i64,
    /// When.
    pub start: Timestamp,
    /// Name of who books.
    pub name: String,
    /// Address of who books.
    pub email: String,
    /// IANA zone of who books.
    pub time_zone: String,
    /// What the link to the page carried as `metadata[…]`.
    pub metadata: Map<String, Value>,
    /// The page was open before the slot was reserved: Cal.com books a reserved slot too.
    pub page_was_open: bool,
}

impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Declined {}

impl From<Refusal> for Declined {
    fn from(refusal: Refusal) -> Self {
        Self(refusal.message)
    }
}

// === impl Side ===

impl Side {
    pub(super) fn email(self, booking: &Booking) -> String {
        match self {
            Self::Host => OWNER.email.to_owned(),
            Self::Attendee => booking.attendee.email.clone(),
        }
    }
}

// === impl Visit ===

impl Visit {
    pub(super) fn taken(&self) -> Taken<'static> {
        Taken { except: None, reservations: !self.page_was_open }
    }

    pub(super) fn order(&self) -> Result<Order, Refusal> {
        let id = self.event_type;
        let found = EventType::of(id);
        let event_type =
            found.ok_or_else(|| Refusal::not_found(format!("Event type with id {id} not found.")))?;
        let attendee = Attendee {
            name: self.name.clone(),
            email: self.email.clone(),
            time_zone: self.time_zone.clone(),
            language: "en".to_owned(),
            phone: None,
            absent: false,
        };
        Ok(Order {
            event_type,
            start: time::whole(self.start),
            attendee,
            guests: Vec::new(),
            metadata: self.metadata.clone(),
            responses: Map::new(),
        })
    }
}
