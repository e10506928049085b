//! Bookings that calendar events tell of and calendars state.
//!
//! With a provider's uid a booking is `(provider, uid)`; without one it is matched on contact and start, and adopted
//! by the first later event or statement that brings both. A booking keeps its row through everything that happens to
//! it. The invariant: what a provider has stated stands over every word of events, whenever they come.

mod booked;
mod joining;
mod slots;
mod stated;

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
    rows::{self, veil::Veil},
    told::{Rule, Told},
};
pub(crate) use booked::Booked;
pub(crate) use joining::join;
use stated::Stated;
pub(crate) use stated::{Statement, state};

const BOOKINGS: Collection<BookingDoc> = Collection::new("bookings");
/// What a booking is known by for ever: its uid, or the event that told of it.
const BOOKING_KEYS: Collection<BookingKey> = Collection::new("booking_keys");

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct BookingDoc {
    /// What stands.
    booking: tab::Booking,
    version: u64,
    /// When the newest event about it happened.
    told_at: Timestamp,
    /// When each fact was told.
    #[serde(default)]
    told: Told,
    /// What its provider has stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stated: Option<Stated>,
    /// For when it was booked last; none as long as it was no more than asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    booked: Option<Booked>,
    /// The booking that is the same meeting and goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alias_of: Option<String>,
    /// Its person was forgotten: what is told of it from now on is its time and status.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    erased: bool,
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
    let (key, slot) = (key(&told, event_id), Slot::of(&told));
    let known = match &key {
        Some(key) => by_key(work, key).await?,
        None => None,
    };
    let holder = match &slot {
        Some(slot) => in_slot(work, slot, &told, occurred_at).await?,
        None => None,
    };
    let mut doc = match known.clone().or(holder) {
        Some(doc) => doc,
        None => new(work, &name(key.as_deref(), slot.as_ref(), event_id), event_id, occurred_at).await?,
    };
    let before = doc.clone();
    apply(&mut doc, told, occurred_at);
    if let Some(slot) = &slot {
        doc = take(work, doc, slot).await?;
    }
    if let Some(key) = key.filter(|_| known.is_none()) {
        work.put(&BOOKING_KEYS, &key, &BookingKey { booking_id: doc.booking.id.clone() });
    }
    if doc.version > 0 && doc == before {
        return Ok(());
    }
    write(work, &mut doc).await
}

/// Has a booking take a start. One without a uid that holds it is the same meeting; what is told late of where a booking
/// was takes nothing from one that is there.
async fn take(work: &mut Work<'_>, mut doc: BookingDoc, slot: &Slot) -> Result<BookingDoc, Error> {
    let (_, slots) = slots::of(work, &slot.contact_id).await?;
    let holder = match slots.starts.get(&slot.start) {
        Some(holder) => load(work, holder).await?.filter(|holder| holder.booking.id != doc.booking.id),
        None => None,
    };
    match holder {
        Some(holder) if joining::are_one(&doc, &holder, &slot.start) => {
            doc = joining::unite(work, doc, holder).await?;
        }
        Some(holder) if holder.stands_at(&slot.start) && !doc.stands_at(&slot.start) => return Ok(doc),
        _ => {}
    }
    slots::take(work, &slot.contact_id, &slot.start, &doc.booking.id).await?;
    Ok(doc)
}

async fn write(work: &mut Work<'_>, doc: &mut BookingDoc) -> Result<(), Error> {
    doc.booked = {
        let was_booked = doc.stated.as_ref().and_then(|stated| stated.was_booked);
        Booked::after(doc.booked.take(), &doc.booking, was_booked, doc.version == 0)
    };
    doc.version += 1;
    if doc.version == 1 {
        work.create(&BOOKINGS, &doc_id(&doc.booking.id), doc);
    } else {
        work.put(&BOOKINGS, &doc_id(&doc.booking.id), doc);
    }
    let since = doc.booking.created_at.unwrap_or(doc.told_at);
    rows::upsert(work, Row::of(&doc.shown(), doc.version, since)).await?;
    Ok(())
}

fn doc_id(booking_id: &str) -> String {
    id::digest(&["booking", booking_id])
}

/// The booking under an id, or the one that it was joined to.
async fn load(work: &mut Work<'_>, booking_id: &str) -> Result<Option<BookingDoc>, Error> {
    let mut doc = work.get(&BOOKINGS, &doc_id(booking_id)).await?;
    while let Some(survivor) = doc.as_ref().and_then(|doc| doc.alias_of.clone()) {
        doc = work.get(&BOOKINGS, &doc_id(&survivor)).await?;
    }
    Ok(doc)
}

async fn by_key(work: &mut Work<'_>, key: &str) -> Result<Option<BookingDoc>, Error> {
    match work.get(&BOOKING_KEYS, key).await? {
        Some(BookingKey { booking_id }) => load(work, &booking_id).await,
        None => Ok(None),
    }
}

/// What was found by contact and start, if it is what is told of: not another meeting, and not one that was moved away
/// before.
async fn in_slot(
    work: &mut Work<'_>,
    slot: &Slot,
    told: &tab::Booking,
    occurred_at: Timestamp,
) -> Result<Option<BookingDoc>, Error> {
    let (_, slots) = slots::of(work, &slot.contact_id).await?;
    let Some(holder) = slots.starts.get(&slot.start) else { return Ok(None) };
    let is_told_of = |doc: &BookingDoc| {
        let uids = [&doc.booking.cal_event_id, &told.cal_event_id];
        let may_be_one = uids[0] == uids[1] || uids.iter().any(|uid| uid.is_empty());
        may_be_one && (doc.begins_at(told.event_start) || occurred_at < doc.told_at)
    };
    Ok(load(work, holder).await?.filter(is_told_of))
}

/// A booking under a name; where a booking that was moved away has that name, under its event's.
async fn new(
    work: &mut Work<'_>,
    name: &str,
    event_id: &str,
    occurred_at: Timestamp,
) -> Result<BookingDoc, Error> {
    let mut id = format!("{}{name}", BookingId::PREFIX);
    if work.get(&BOOKINGS, &doc_id(&id)).await?.is_some() {
        id = format!("{}{}", BookingId::PREFIX, id::digest(&["event", event_id]));
    }
    let booking = tab::Booking { id, created_at: Some(occurred_at), ..Default::default() };
    Ok(BookingDoc {
        booking,
        version: 0,
        told_at: occurred_at,
        told: Told::default(),
        stated: None,
        booked: None,
        alias_of: None,
        erased: false,
    })
}

/// A contact's meeting at a start.
struct Slot {
    contact_id: String,
    start: String,
}

impl Slot {
    fn of(told: &tab::Booking) -> Option<Self> {
        let start = told.event_start?.to_string();
        (!told.contact_id.is_empty()).then(|| Self { contact_id: told.contact_id.clone(), start })
    }
}

/// The document that leads to a booking for ever: by its uid, or by its event if it has nothing else.
fn key(told: &tab::Booking, event_id: &str) -> Option<String> {
    if !told.cal_event_id.is_empty() {
        return Some(uid_key(&told.cal_provider, &told.cal_event_id));
    }
    Slot::of(told).is_none().then(|| id::digest(&["event", event_id]))
}

fn uid_key(cal_provider: &str, cal_event_id: &str) -> String {
    id::digest(&["uid", cal_provider, cal_event_id])
}

/// What a new booking is named by: its uid, its contact and start, or its event.
fn name(key: Option<&str>, slot: Option<&Slot>, event_id: &str) -> String {
    match (key, slot) {
        (Some(key), _) => key.to_owned(),
        (None, Some(slot)) => id::digest(&["slot", &slot.contact_id, &slot.start]),
        (None, None) => id::digest(&["event", event_id]),
    }
}

/// Whether what a provider's uid leads to is a booking of somebody who was forgotten.
pub(crate) async fn is_erased(
    work: &mut Work<'_>,
    cal_provider: &str,
    cal_event_id: &str,
) -> Result<bool, Error> {
    if cal_event_id.is_empty() {
        return Ok(false);
    }
    let found = by_key(work, &uid_key(cal_provider, cal_event_id)).await?;
    Ok(found.is_some_and(|doc| doc.erased))
}

/// Blanks what could name somebody in a booking.
pub(crate) async fn forget(work: &mut Work<'_>, booking_id: &str, veil: &Veil) -> Result<bool, Error> {
    let Some(mut doc) = work.get(&BOOKINGS, &doc_id(booking_id)).await? else { return Ok(false) };
    doc.blank(veil);
    work.put(&BOOKINGS, &doc_id(booking_id), &doc);
    Ok(true)
}

// === impl BookingDoc ===

impl BookingDoc {
    fn blank(&mut self, veil: &Veil) {
        let stated = self.stated.as_mut().into_iter().flat_map(Stated::layers);
        for booking in stated.chain([&mut self.booking]) {
            for text in [&mut booking.cal_provider, &mut booking.cal_event_id, &mut booking.meeting_type] {
                *text = veil.category(text);
            }
        }
        self.erased = true;
    }

    /// Whether it is at a start: as it stands, or as events told since its provider moved it last.
    fn begins_at(&self, start: Option<Timestamp>) -> bool {
        let is_ahead = self.told.at("event_start") >= Some(self.told_at);
        self.booking.event_start == start || (is_ahead && self.heard().event_start == start)
    }

    /// The same, of a start as slots have it.
    fn stands_at(&self, start: &str) -> bool {
        start.parse().is_ok_and(|start| self.begins_at(Some(start)))
    }

    /// What events have told: all that stands, unless a provider has stated something.
    fn heard(&self) -> &tab::Booking {
        self.stated.as_ref().map_or(&self.booking, |stated| &stated.heard)
    }
}

/// The newest word on each matter decides, whatever the order in which words come. Of a meeting of somebody who was
/// forgotten its time and status are taken, and no other word.
fn apply(doc: &mut BookingDoc, mut booking: tab::Booking, at: Timestamp) {
    if doc.erased {
        let tab::Booking { event_start, event_end, status, .. } = booking;
        booking = tab::Booking { event_start, event_end, status, ..Default::default() };
    }
    let told = &mut doc.told;
    let slots = doc.stated.as_mut().map_or(&mut doc.booking, |stated| &mut stated.heard);
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
    slots.created_at = slots.created_at.into_iter().chain([at]).min();
    doc.told_at = doc.told_at.max(at);
    doc.compose();
}
