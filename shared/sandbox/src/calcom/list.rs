//! `GET /v2/bookings`: filters, order and pages.
//!
//! The invariant: bounds of time include the bound itself, as they do at Cal.com, so that who reads on from the last
//! `updatedAt` misses nothing and meets that one again.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    ask::Ask,
    check::Check,
    error::Refusal,
    model::{Booking, Status},
    time, view,
};
use crate::Sandbox;

const KNOWN: &[&str] = &[
    "status",
    "attendeeEmail",
    "attendeeName",
    "bookingUid",
    "eventTypeIds",
    "eventTypeId",
    "teamsIds",
    "teamId",
    "afterStart",
    "beforeEnd",
    "afterCreatedAt",
    "beforeCreatedAt",
    "afterUpdatedAt",
    "beforeUpdatedAt",
    "sortStart",
    "sortEnd",
    "sortCreated",
    "sortUpdatedAt",
    "take",
    "skip",
];
const WORDS: &[&str] = &["upcoming", "recurring", "past", "cancelled", "unconfirmed"];
const MOST: i64 = 250;

/// One of a booking's times.
type At = fn(&Booking) -> Timestamp;

/// A bound of one of the times, and whether it is a lower one.
struct Bound {
    at: At,
    bound: Timestamp,
    lower: bool,
}

/// By which time bookings are sorted, and whether the last comes first.
struct Order {
    at: At,
    backwards: bool,
}

struct Wanted {
    words: Vec<String>,
    email: Option<String>,
    name: Option<String>,
    uid: Option<String>,
    event_types: Vec<i64>,
    bounds: Vec<Bound>,
    orders: Vec<Order>,
    take: i64,
    skip: i64,
}

/// A page of bookings.
pub(super) fn answer(sandbox: &Sandbox, ask: &Ask) -> Result<Value, Refusal> {
    let wanted = read(&ask.query()?)?;
    let now = sandbox.0.calcom.now();
    let book = sandbox.0.calcom.book();
    let mut found: Vec<&Arc<Booking>> =
        book.bookings.values().filter(|booking| wanted.has(booking, now)).collect();
    for Order { at, backwards } in wanted.orders.iter().rev() {
        found.sort_by(|one, other| {
            let order = at(one).cmp(&at(other));
            if *backwards { order.reverse() } else { order }
        });
    }
    let (total, take, skip) = (found.len() as i64, wanted.take, wanted.skip);
    let page: Vec<_> = found.into_iter().skip(skip as usize).take(take as usize).collect();
    let page: Vec<_> = page.into_iter().map(|booking| view::booking(booking)).collect();
    Ok(json!({
        "status": "success",
        "pagination": {
            "returnedItems": page.len(),
            "totalItems": total,
            "itemsPerPage": take,
            "remainingItems": (total - (skip + take)).max(0),
            "currentPage": skip / take + 1,
            "totalPages": (total + take - 1) / take,
            "hasNextPage": skip + take < total,
            "hasPreviousPage": skip > 0,
        },
        "data": page,
    }))
}

fn read(query: &Map<String, Value>) -> Result<Wanted, Refusal> {
    let mut check = Check::new(query);
    check.only(KNOWN);
    check.unplayed(&["teamsIds", "teamId"]);
    let text = |found: Option<&str>| found.map(str::to_owned);
    let words = list(check.text("status"), "status", &mut check, |word| {
        WORDS.contains(&word).then(|| word.to_owned())
    });
    let mut event_types = list(check.text("eventTypeIds"), "eventTypeIds", &mut check, |id| id.parse().ok());
    if event_types.is_empty() {
        event_types.extend(check.integer("eventTypeId"));
    }
    let (bounds, orders) = (read_bounds(&mut check), read_orders(&mut check));
    let (take, skip) = (check.bounded("take", 1, MOST), check.bounded("skip", 0, i64::from(u32::MAX)));
    let (email, name, uid) =
        (check.text("attendeeEmail"), check.text("attendeeName"), check.text("bookingUid"));
    check.finish()?;
    Ok(Wanted {
        words,
        email: text(email),
        name: text(name),
        uid: text(uid),
        event_types,
        bounds,
        orders,
        take: take.unwrap_or(100),
        skip: skip.unwrap_or(0),
    })
}

/// The parts of a list that is written with commas.
fn list<T>(
    text: Option<&str>,
    name: &str,
    check: &mut Check<'_>,
    read: impl Fn(&str) -> Option<T>,
) -> Vec<T> {
    let Some(text) = text else { return Vec::new() };
    let parts: Option<Vec<T>> = text.split(',').map(|part| read(part.trim())).collect();
    if parts.is_none() {
        let message = format!("Invalid {name}. Allowed are {}", WORDS.join(", "));
        check.fault(name, "isEnum", message);
    }
    parts.unwrap_or_default()
}

fn read_bounds(check: &mut Check<'_>) -> Vec<Bound> {
    let bounds: [(&str, At, bool); 6] = [
        ("afterStart", |booking| booking.start, true),
        ("beforeEnd", |booking| booking.end, false),
        ("afterCreatedAt", |booking| booking.created_at, true),
        ("beforeCreatedAt", |booking| booking.created_at, false),
        ("afterUpdatedAt", |booking| booking.updated_at, true),
        ("beforeUpdatedAt", |booking| booking.updated_at, false),
    ];
    let mut found = Vec::new();
    for (name, at, lower) in bounds {
        let Some(text) = check.text(name) else { continue };
        match time::parse_utc(text).or_else(|| time::parse_day(text)) {
            Some(bound) => found.push(Bound { at, bound, lower }),
            None => check.fault(name, "isISO8601", format!("{name} must be a valid ISO 8601 date.")),
        }
    }
    found
}

fn read_orders(check: &mut Check<'_>) -> Vec<Order> {
    let orders: [(&str, At); 4] = [
        ("sortStart", |booking| booking.start),
        ("sortEnd", |booking| booking.end),
        ("sortCreated", |booking| booking.created_at),
        ("sortUpdatedAt", |booking| booking.updated_at),
    ];
    let mut found = Vec::new();
    for (name, at) in orders {
        let order = check.one_of(name, &["asc", "desc"]);
        found.extend(order.map(|order| Order { at, backwards: order == "desc" }));
    }
    found
}

impl Wanted {
    fn has(&self, booking: &Booking, now: Timestamp) -> bool {
        let is = |wanted: &Option<String>, text: &str| wanted.as_deref().is_none_or(|wanted| wanted == text);
        is(&self.email, &booking.attendee.email)
            && is(&self.name, &booking.attendee.name)
            && is(&self.uid, &booking.uid)
            && (self.event_types.is_empty() || self.event_types.contains(&booking.event_type))
            && self.bounds.iter().all(|Bound { at, bound, lower }| {
                let at = at(booking);
                if *lower { at >= *bound } else { at <= *bound }
            })
            && (self.words.is_empty() || self.words.iter().any(|word| is_called(booking, word, now)))
    }
}

/// Whether a booking is what Cal.com's lists call so.
fn is_called(booking: &Booking, word: &str, now: Timestamp) -> bool {
    let dead = matches!(booking.status, Status::Cancelled | Status::Rejected);
    match word {
        "upcoming" => booking.end >= now && !dead,
        "past" => booking.end <= now && !dead,
        "cancelled" => dead,
        "unconfirmed" => booking.end >= now && booking.status == Status::Pending,
        // Nothing here recurs.
        _ => false,
    }
}
