//! Slots, and reservations of them.
//!
//! As `slots.service.ts` of cal.com has it, a reservation minds bookings and reservations of its own event type alone,
//! and nothing tells a renewal from a second one: `PATCH` with the same slot meets its own reservation and is refused
//! while that holds. Whoever wants longer lets go and reserves again. The invariant: a reservation that ran out is
//! swept away before anybody is answered.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};

use super::{
    act::Turn,
    ask::Ask,
    check::Check,
    error::Refusal,
    hours::{self, Taken},
    model::{EVENT_TYPES, EventType, OWNER, Reservation},
    time, view,
};
use crate::{Sandbox, random};

/// Minutes that a reservation lasts that names no duration (`slots.service.ts` of cal.com).
const USUAL: i64 = 5;
const KNOWN: &[&str] = &[
    "start",
    "end",
    "eventTypeId",
    "eventTypeSlug",
    "username",
    "timeZone",
    "duration",
    "format",
    "bookingUidToReschedule",
];
const UNPLAYED: &[&str] = &["organizationSlug", "teamSlug", "usernames"];

/// `GET /v2/slots`: free starts by day, both in the zone that was asked for.
pub(super) fn list(sandbox: &Sandbox, ask: &Ask) -> Result<Value, Refusal> {
    let query = ask.query()?;
    let wanted = read(&query)?;
    let zone = wanted.zone.map_or(Ok(TimeZone::UTC), TimeZone::get).unwrap_or(TimeZone::UTC);
    let now = sandbox.0.calcom.now();
    let taken = Taken { except: wanted.except, reservations: true };
    let book = sandbox.0.calcom.book();
    let mut days: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for start in hours::free(&book, wanted.event_type, wanted.from, wanted.until, now, taken) {
        let mut slot = json!({"start": time::zoned(start, &zone)});
        if wanted.range {
            slot["end"] = time::zoned(start + wanted.event_type.length(), &zone).into();
        }
        let day = start.to_zoned(zone.clone()).date();
        days.entry(day.to_string()).or_default().push(slot);
    }
    Ok(json!(days))
}

struct Wanted<'a> {
    event_type: &'static EventType,
    from: Timestamp,
    until: Timestamp,
    zone: Option<&'a str>,
    range: bool,
    except: Option<&'a str>,
}

fn read(query: &Map<String, Value>) -> Result<Wanted<'_>, Refusal> {
    let mut check = Check::new(query);
    check.only(&[KNOWN, UNPLAYED].concat());
    check.unplayed(UNPLAYED);
    let (start, end) = (bound(&mut check, "start"), bound(&mut check, "end"));
    let id = check.integer("eventTypeId");
    let (slug, username) = (check.text("eventTypeSlug"), check.text("username"));
    if id.is_none() && (slug.is_none() || username.is_none()) {
        let message = "eventTypeId, or eventTypeSlug with username, must be provided";
        check.fault("eventTypeId", "isDefined", message);
    }
    let zone = check.zone("timeZone");
    let format = check.one_of("format", &["range", "time"]);
    let duration = check.bounded("duration", 1, 24 * 60);
    let except = check.text("bookingUidToReschedule");
    check.finish()?;
    let found = match (id, slug) {
        (Some(id), _) => EventType::of(id),
        (None, slug) => {
            EVENT_TYPES.iter().find(|kind| username == Some(OWNER.username) && slug == Some(kind.slug))
        }
    };
    let event_type = found.ok_or_else(|| Refusal::not_found("Event Type not found"))?;
    if duration.is_some_and(|minutes| minutes != event_type.minutes) {
        return Err(Refusal::bad("duration is valid for event types of several lengths alone"));
    }
    let wrong = || Refusal::bad("Invalid time range given - check the 'start' and 'end' query parameters.");
    let (from, until) = start.zip(end.map(whole_day)).ok_or_else(wrong)?;
    let most = SignedDuration::from_hours(24 * hours::MOST_DAYS);
    if until <= from || until.duration_since(from) > most {
        return Err(wrong());
    }
    Ok(Wanted { event_type, from, until, zone, range: format == Some("range"), except })
}

/// A day, or a time in UTC.
fn bound(check: &mut Check<'_>, name: &str) -> Option<Timestamp> {
    let found = check.needed_text(name).map(|text| time::parse_day(text).or_else(|| time::parse_utc(text)));
    if found == Some(None) {
        check.fault(name, "isDateString", format!("{name} must be a valid ISO 8601 date string"));
    }
    found.flatten()
}

/// Midnight stands for the whole day, also when the hours were written out (`slots-input.service.ts` of cal.com).
fn whole_day(end: Timestamp) -> Timestamp {
    let is_midnight = end.as_second().rem_euclid(24 * 3_600) == 0;
    if is_midnight { end + SignedDuration::from_secs(24 * 3_600 - 1) } else { end }
}

/// `POST /v2/slots/reservations`.
pub(super) fn reserve(sandbox: &Sandbox, ask: &Ask) -> Result<Value, Refusal> {
    let body = ask.body()?;
    sandbox.turn(|turn| keep(turn, &body, None)).map(|kept| view::reservation(&kept, true))
}

/// `PATCH /v2/slots/reservations/{uid}`.
pub(super) fn renew(sandbox: &Sandbox, ask: &Ask, uid: &str) -> Result<Value, Refusal> {
    let body = ask.body()?;
    sandbox.turn(|turn| keep(turn, &body, Some(uid))).map(|kept| view::reservation(&kept, true))
}

/// `GET /v2/slots/reservations/{uid}`; null where there is none.
pub(super) fn reservation(sandbox: &Sandbox, uid: &str) -> Result<Value, Refusal> {
    sandbox.turn(|turn| {
        turn.book.sweep(turn.now);
        Ok(turn.book.reservations.get(uid).map_or(Value::Null, |kept| view::reservation(kept, false)))
    })
}

/// `DELETE /v2/slots/reservations/{uid}`, also of one that is not there.
pub(super) fn release(sandbox: &Sandbox, uid: &str) -> Result<(), Refusal> {
    sandbox.turn(|turn| {
        turn.book.sweep(turn.now);
        turn.book.reservations.remove(uid);
        Ok(())
    })
}

fn keep(turn: &mut Turn, body: &Map<String, Value>, uid: Option<&str>) -> Result<Arc<Reservation>, Refusal> {
    let mut check = Check::new(body);
    check.only(&["eventTypeId", "slotStart", "slotDuration", "reservationDuration"]);
    let (id, start) = (check.needed_integer("eventTypeId"), check.needed_time("slotStart"));
    let length = check.bounded("slotDuration", 1, 24 * 60);
    let minutes = check.bounded("reservationDuration", 1, turn.settings.longest_reservation);
    check.finish()?;
    turn.book.sweep(turn.now);
    if let Some(uid) = uid.filter(|uid| !turn.book.reservations.contains_key(*uid)) {
        return Err(Refusal::not_found(format!("Slot with uid={uid} not found")));
    }
    let (id, start) = id.zip(start).ok_or_else(|| Refusal::bad("Bad Request Exception"))?;
    let event_type =
        EventType::of(id).ok_or_else(|| Refusal::not_found(format!("Event Type with ID={id} not found")))?;
    if length.is_some() {
        return Err(Refusal::bad(
            "You passed 'slotDuration' but this event type is not a variable length event type.",
        ));
    }
    let end = start + event_type.length();
    needs_unkept(turn, event_type, start, end)?;
    let minutes = minutes.unwrap_or(USUAL);
    let uid = uid.map_or_else(uuid, str::to_owned);
    let until = turn.now + SignedDuration::from_mins(minutes);
    let kept = Arc::new(Reservation { uid, event_type: id, start, end, minutes, until });
    turn.book.reservations.insert(kept.uid.clone(), kept.clone());
    Ok(kept)
}

fn needs_unkept(
    turn: &Turn,
    event_type: &EventType,
    start: Timestamp,
    end: Timestamp,
) -> Result<(), Refusal> {
    let booked = turn.book.bookings.values().any(|booking| {
        booking.event_type == event_type.id
            && booking.status.is_active()
            && booking.start < end
            && start < booking.end
    });
    if booked {
        return Err(Refusal::unprocessable("Can't reserve a slot if the event is already booked."));
    }
    let reserved = turn
        .book
        .reservations
        .values()
        .any(|kept| kept.event_type == event_type.id && kept.start < end && start < kept.end);
    if reserved {
        return Err(Refusal::unprocessable(
            "This time slot is already reserved by another user. Please choose a different time.",
        ));
    }
    Ok(())
}

/// A random UUID, version 4.
fn uuid() -> String {
    let bits = u128::from_be_bytes(random::bytes());
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
