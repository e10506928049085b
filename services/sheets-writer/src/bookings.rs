//! Bookings that calendar events tell of.
//!
//! With a provider's uid a booking is `(provider, uid)`; without one it is matched on contact and start, and adopted
//! by the first later event that brings both. A booking keeps its row through everything that happens to it.

use domain::{
    Row,
    id::{self, BookingId},
    tab,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Collection, Work};

use crate::{error::Error, rows};

const BOOKINGS: Collection<BookingDoc> = Collection::new("bookings");
/// What a booking is known by: its uid, its contact and start.
const BOOKING_KEYS: Collection<BookingKey> = Collection::new("booking_keys");

#[derive(Clone, Debug, Serialize, Deserialize)]
struct BookingDoc {
    booking: tab::Booking,
    version: u64,
    /// When the newest event about it happened.
    told_at: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct BookingKey {
    booking_id: String,
}

/// Puts what an event tells into the books. `told.id` is ignored.
pub(crate) async fn record(
    work: &mut Work<'_>,
    told: tab::Booking,
    event_id: &str,
    occurred_at: Timestamp,
) -> Result<(), Error> {
    let keys = keys(&told, event_id);
    let mut known = None;
    for key in &keys {
        if let Some(BookingKey { booking_id }) = work.get(&BOOKING_KEYS, key).await? {
            known = work.get(&BOOKINGS, &doc_id(&booking_id)).await?;
            break;
        }
    }
    let mut doc = match known {
        Some(doc) => doc,
        None => {
            let booking_id = format!("{}{}", BookingId::PREFIX, keys[0]);
            let booking =
                tab::Booking { id: booking_id, created_at: Some(occurred_at), ..Default::default() };
            BookingDoc { booking, version: 0, told_at: occurred_at }
        }
    };
    apply(&mut doc, told, occurred_at);
    for key in &keys {
        if work.get(&BOOKING_KEYS, key).await?.is_none() {
            work.put(&BOOKING_KEYS, key, &BookingKey { booking_id: doc.booking.id.clone() });
        }
    }
    doc.version += 1;
    if doc.version == 1 {
        work.create(&BOOKINGS, &doc_id(&doc.booking.id), &doc);
    } else {
        work.put(&BOOKINGS, &doc_id(&doc.booking.id), &doc);
    }
    let row = Row::of(&doc.booking, doc.version, doc.booking.created_at.unwrap_or(occurred_at));
    rows::upsert(work, row).await?;
    Ok(())
}

fn doc_id(booking_id: &str) -> String {
    id::digest(&["booking", booking_id])
}

/// Ids of the documents that lead to the booking, strongest first. Never empty.
fn keys(told: &tab::Booking, event_id: &str) -> Vec<String> {
    let mut keys = Vec::new();
    if !told.cal_event_id.is_empty() {
        keys.push(id::digest(&["uid", &told.cal_provider, &told.cal_event_id]));
    }
    if let (false, Some(start)) = (told.contact_id.is_empty(), told.event_start) {
        keys.push(id::digest(&["slot", &told.contact_id, &start.to_string()]));
    }
    if keys.is_empty() {
        keys.push(id::digest(&["event", event_id]));
    }
    keys
}

/// The newest event decides; an older one only fills what is empty.
fn apply(doc: &mut BookingDoc, told: tab::Booking, occurred_at: Timestamp) {
    let newest = occurred_at >= doc.told_at;
    let booking = &mut doc.booking;
    let texts = [
        (&mut booking.contact_id, told.contact_id),
        (&mut booking.cal_provider, told.cal_provider),
        (&mut booking.cal_event_id, told.cal_event_id),
        (&mut booking.meeting_type, told.meeting_type),
        (&mut booking.status, told.status),
    ];
    for (field, value) in texts {
        if !value.is_empty() && (newest || field.is_empty()) {
            *field = value;
        }
    }
    let times = [(&mut booking.event_start, told.event_start), (&mut booking.event_end, told.event_end)];
    for (field, value) in times {
        if value.is_some() && (newest || field.is_none()) {
            *field = value;
        }
    }
    booking.created_at = booking.created_at.min(Some(occurred_at));
    doc.told_at = doc.told_at.max(occurred_at);
}
