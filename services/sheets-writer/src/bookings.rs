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
    let mut doc = match find(work, &told, &keys, occurred_at).await? {
        Some(doc) => doc,
        None => new(work, &keys[0].id, event_id, occurred_at).await?,
    };
    apply(&mut doc, told, occurred_at);
    for Key { id, is_slot } in &keys {
        // A slot leads to the booking that took it last; what is known by its own id is so for ever.
        if work.get(&BOOKING_KEYS, id).await?.is_none() || *is_slot {
            work.put(&BOOKING_KEYS, id, &BookingKey { booking_id: doc.booking.id.clone() });
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

/// The booking that an event is about, if it is known.
async fn find(
    work: &mut Work<'_>,
    told: &tab::Booking,
    keys: &[Key],
    occurred_at: Timestamp,
) -> Result<Option<BookingDoc>, Error> {
    for Key { id, is_slot } in keys {
        let Some(BookingKey { booking_id }) = work.get(&BOOKING_KEYS, id).await? else { continue };
        let found = work.get(&BOOKINGS, &doc_id(&booking_id)).await?;
        if let Some(doc) = found.filter(|doc| !is_slot || is_in_slot(doc, told, occurred_at)) {
            return Ok(Some(doc));
        }
    }
    Ok(None)
}

/// Whether what was found by contact and start is what is told of: not another meeting, and not one that was moved
/// away before.
fn is_in_slot(doc: &BookingDoc, told: &tab::Booking, occurred_at: Timestamp) -> bool {
    let uids = [&doc.booking.cal_event_id, &told.cal_event_id];
    let may_be_one = uids[0] == uids[1] || uids.iter().any(|uid| uid.is_empty());
    may_be_one && (doc.booking.event_start == told.event_start || occurred_at < doc.told_at)
}

/// A booking under the id of its strongest key; where a booking that was moved away has that id, of its event.
async fn new(
    work: &mut Work<'_>,
    key: &str,
    event_id: &str,
    occurred_at: Timestamp,
) -> Result<BookingDoc, Error> {
    let mut id = format!("{}{key}", BookingId::PREFIX);
    if work.get(&BOOKINGS, &doc_id(&id)).await?.is_some() {
        id = format!("{}{}", BookingId::PREFIX, id::digest(&["event", event_id]));
    }
    let booking = tab::Booking { id, created_at: Some(occurred_at), ..Default::default() };
    Ok(BookingDoc { booking, version: 0, told_at: occurred_at })
}

/// The document that leads to a booking.
struct Key {
    id: String,
    /// By contact and start, not by an id.
    is_slot: bool,
}

/// What the booking is known by, strongest first. Never empty.
fn keys(told: &tab::Booking, event_id: &str) -> Vec<Key> {
    let key = |is_slot, parts: &[&str]| Key { id: id::digest(parts), is_slot };
    let mut keys = Vec::new();
    if !told.cal_event_id.is_empty() {
        keys.push(key(false, &["uid", &told.cal_provider, &told.cal_event_id]));
    }
    if let (false, Some(start)) = (told.contact_id.is_empty(), told.event_start) {
        keys.push(key(true, &["slot", &told.contact_id, &start.to_string()]));
    }
    if keys.is_empty() {
        keys.push(key(false, &["event", event_id]));
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
