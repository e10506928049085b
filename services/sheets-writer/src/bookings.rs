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

use crate::{
    error::Error,
    rows,
    told::{Rule, Told},
};

const BOOKINGS: Collection<BookingDoc> = Collection::new("bookings");
/// What a booking is known by: its uid, its contact and start.
const BOOKING_KEYS: Collection<BookingKey> = Collection::new("booking_keys");

#[derive(Clone, Debug, Serialize, Deserialize)]
struct BookingDoc {
    booking: tab::Booking,
    version: u64,
    /// When the newest event about it happened.
    told_at: Timestamp,
    /// When each fact was told.
    #[serde(default)]
    told: Told,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct BookingKey {
    booking_id: String,
}

/// Puts what an event tells into the books. `told.id` is ignored; `aliases` are ids that its contact had before merges.
pub(crate) async fn record(
    work: &mut Work<'_>,
    told: tab::Booking,
    aliases: &[String],
    event_id: &str,
    occurred_at: Timestamp,
) -> Result<(), Error> {
    let keys = keys(&told, event_id);
    let found = match find(work, &told, &keys, occurred_at).await? {
        None => find(work, &told, &former_slots(&told, aliases), occurred_at).await?,
        found => found,
    };
    let mut doc = match found {
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
    Ok(BookingDoc { booking, version: 0, told_at: occurred_at, told: Told::default() })
}

/// The document that leads to a booking.
struct Key {
    id: String,
    /// By contact and start, not by an id.
    is_slot: bool,
}

/// Where the booking may stand under ids that its contact had before.
fn former_slots(told: &tab::Booking, aliases: &[String]) -> Vec<Key> {
    let start = told.event_start.map(|start| start.to_string());
    let slot = |alias: &String| Some(Key { id: slot_id(alias, start.as_ref()?), is_slot: true });
    aliases.iter().filter_map(slot).collect()
}

fn slot_id(contact_id: &str, start: &str) -> String {
    id::digest(&["slot", contact_id, start])
}

/// What the booking is known by, strongest first. Never empty.
fn keys(told: &tab::Booking, event_id: &str) -> Vec<Key> {
    let key = |parts: &[&str]| Key { id: id::digest(parts), is_slot: false };
    let mut keys = Vec::new();
    if !told.cal_event_id.is_empty() {
        keys.push(key(&["uid", &told.cal_provider, &told.cal_event_id]));
    }
    if let (false, Some(start)) = (told.contact_id.is_empty(), told.event_start) {
        keys.push(Key { id: slot_id(&told.contact_id, &start.to_string()), is_slot: true });
    }
    if keys.is_empty() {
        keys.push(key(&["event", event_id]));
    }
    keys
}

/// The newest word on each matter decides, whatever the order in which words come.
fn apply(doc: &mut BookingDoc, booking: tab::Booking, at: Timestamp) {
    let (slots, told) = (&mut doc.booking, &mut doc.told);
    let texts = [
        ("contact_id", &mut slots.contact_id, booking.contact_id),
        ("cal_provider", &mut slots.cal_provider, booking.cal_provider),
        ("cal_event_id", &mut slots.cal_event_id, booking.cal_event_id),
        ("meeting_type", &mut slots.meeting_type, booking.meeting_type),
        ("status", &mut slots.status, booking.status),
    ];
    for (field, slot, word) in texts {
        told.take(field, Rule::Last, slot, word, at);
    }
    let times = [
        ("event_start", &mut slots.event_start, booking.event_start),
        ("event_end", &mut slots.event_end, booking.event_end),
    ];
    for (field, slot, time) in times {
        told.take(field, Rule::Last, slot, time, at);
    }
    slots.created_at = slots.created_at.min(Some(at));
    doc.told_at = doc.told_at.max(at);
}
