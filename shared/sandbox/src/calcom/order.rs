//! The bodies that make, move and end bookings.
//!
//! The invariant: an order that is read has a seeded event type, a start in UTC, and an attendee who can be reached.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    act::{Move, Order},
    check::Check,
    error::Refusal,
    model::{Attendee, EVENT_TYPES, EventType, OWNER},
};

type Body = Map<String, Value>;

const KNOWN: &[&str] = &[
    "start",
    "attendee",
    "bookingFieldsResponses",
    "eventTypeId",
    "eventTypeSlug",
    "username",
    "guests",
    "meetingUrl",
    "location",
    "metadata",
    "lengthInMinutes",
];
const UNPLAYED: &[&str] =
    &["teamSlug", "organizationSlug", "routing", "emailVerificationCode", "recurrenceCount", "instant"];

/// The body of `POST /v2/bookings`.
pub(super) fn read(body: &Body) -> Result<Order, Refusal> {
    let mut check = Check::new(body);
    check.only(&[KNOWN, UNPLAYED].concat());
    check.unplayed(UNPLAYED);
    let start = check.needed_time("start");
    let attendee = read_attendee(&mut check);
    let responses = check.object("bookingFieldsResponses").cloned().unwrap_or_default();
    let named = read_event_type(&mut check);
    let guests = check.texts("guests");
    let metadata = check.metadata("metadata");
    let length = check.bounded("lengthInMinutes", 1, i64::MAX);
    let location = read_location(&mut check);
    check.finish()?;
    let event_type = find(&named)?;
    if length.is_some() {
        return Err(Refusal::bad(
            "Can't specify 'lengthInMinutes' because event type does not have multiple possible lengths. Please, remove the 'lengthInMinutes' field from the request.",
        ));
    }
    if let Some(kind) = location.filter(|kind| kind != "integration") {
        return Err(Refusal::bad(format!(
            "Booking location with type {kind} not valid for event type with id={}. The event type has following location types: integration, and only these types are allowed for booking location.",
            event_type.id
        )));
    }
    // Both are there, or the check would not have let the body through.
    let (Some(start), Some(attendee)) = (start, attendee) else {
        return Err(Refusal::bad("Bad Request Exception"));
    };
    Ok(Order { event_type, start, attendee, guests, metadata, responses })
}

/// How an event type is named: by its id, or by its slug and its owner's name.
enum Named<'a> {
    Id(i64),
    Slug { username: &'a str, slug: &'a str },
    Nothing,
}

fn read_event_type<'a>(check: &mut Check<'a>) -> Named<'a> {
    let id = check.integer("eventTypeId");
    let (username, slug) = (check.text("username"), check.text("eventTypeSlug"));
    match (id, username, slug) {
        (Some(id), _, _) => Named::Id(id),
        (None, Some(username), Some(slug)) => Named::Slug { username, slug },
        (None, _, _) => {
            let message =
                "Either eventTypeId or eventTypeSlug + username or eventTypeSlug + teamSlug must be provided";
            check.fault("eventTypeId or eventTypeSlug + username", "requireEventTypeIdentification", message);
            Named::Nothing
        }
    }
}

fn find(named: &Named<'_>) -> Result<&'static EventType, Refusal> {
    let found = match named {
        Named::Id(id) => EventType::of(*id).ok_or_else(|| format!("Event type with id {id} not found.")),
        Named::Slug { username, .. } if *username != OWNER.username => {
            Err(format!("User with username {username} not found"))
        }
        Named::Slug { username, slug } => {
            let found = EVENT_TYPES.iter().find(|event_type| event_type.slug == *slug);
            found
                .ok_or_else(|| format!("Event type with slug {slug} belonging to user {username} not found."))
        }
        Named::Nothing => Err("Event type not found.".to_owned()),
    };
    found.map_err(Refusal::not_found)
}

fn read_attendee(check: &mut Check<'_>) -> Option<Attendee> {
    let Some(object) = check.object("attendee") else {
        if check.get("attendee").is_none() {
            check.fault("attendee", "isDefined", "attendee should not be null or undefined");
        }
        return None;
    };
    let mut inner = Check::new(object);
    inner.only(&["name", "timeZone", "phoneNumber", "language", "email"]);
    let (name, zone) = (inner.needed_text("name"), inner.needed_zone("timeZone"));
    let (phone, language) = (inner.phone("phoneNumber"), inner.language("language"));
    let email = inner.email("email");
    if phone.is_none() && email.is_none_or(str::is_empty) {
        let message = "Attendee must have at least one contact method (email or phone number)";
        inner.fault("attendee email or phone", "requireEmailOrPhone", message);
    }
    check.nest("attendee", inner);
    // Who has no address is given one at Cal.com's gateway for text messages.
    let by_phone = || phone.map(|phone| format!("{}@sms.cal.com", phone.trim_start_matches('+')));
    Some(Attendee {
        name: name?.to_owned(),
        email: email.map(str::to_owned).or_else(by_phone)?,
        time_zone: zone?.to_owned(),
        language: language.unwrap_or("en").to_owned(),
        phone: phone.map(str::to_owned),
        absent: false,
    })
}

/// The kind of the location that is asked for. Texts are read by Cal.com for old clients; here they are refused.
fn read_location(check: &mut Check<'_>) -> Option<String> {
    if let Some(url) = check.text("meetingUrl").filter(|url| !url.starts_with("https://")) {
        check.fault(
            "meetingUrl",
            "isUrl",
            format!("meetingUrl must be a URL address, {} characters", url.len()),
        );
    }
    let location = check.object("location")?;
    let kind = location.get("type").and_then(Value::as_str);
    if kind.is_none() {
        check.fault("location", "validateLocation", "location must have a type");
    }
    if kind == Some("integration") && location.get("integration").and_then(Value::as_str) != Some("cal-video")
    {
        check.fault("location", "validateLocation", "the event type has following integrations: cal-video");
    }
    kind.map(str::to_owned)
}

/// The body of `POST …/reschedule`.
pub(super) fn read_move(body: &Body) -> Result<Move, Refusal> {
    let mut check = Check::new(body);
    check.only(&["start", "rescheduledBy", "reschedulingReason", "seatUid", "emailVerificationCode"]);
    check.unplayed(&["seatUid", "emailVerificationCode"]);
    let start: Option<Timestamp> = check.needed_time("start");
    let (by, reason) = (check.email("rescheduledBy"), check.text("reschedulingReason"));
    check.finish()?;
    let start = start.ok_or_else(|| Refusal::bad("Bad Request Exception"))?;
    Ok(Move { start, reason: reason.map(str::to_owned), by: by.map(str::to_owned) })
}

/// The body of `POST …/cancel`: the reason, if one is given.
pub(super) fn read_cancellation(body: &Body) -> Result<Option<String>, Refusal> {
    let mut check = Check::new(body);
    check.only(&["cancellationReason", "cancelSubsequentBookings", "seatUid"]);
    check.unplayed(&["cancelSubsequentBookings", "seatUid"]);
    let reason = check.text("cancellationReason");
    check.finish()?;
    Ok(reason.map(str::to_owned))
}

/// The body of `POST …/decline`: the reason, if one is given.
pub(super) fn read_refusal(body: &Body) -> Result<Option<&str>, Refusal> {
    let mut check = Check::new(body);
    check.only(&["reason"]);
    let reason = check.text("reason");
    check.finish()?;
    Ok(reason)
}

/// Who was absent from a meeting.
pub(super) struct Absences {
    pub(super) host: Option<bool>,
    /// Addresses, and whether those were absent.
    pub(super) attendees: Vec<(String, bool)>,
}

/// The body of `POST …/mark-absent`.
pub(super) fn read_absences(body: &Body) -> Result<Absences, Refusal> {
    let mut check = Check::new(body);
    check.only(&["host", "attendees"]);
    let host = check.boolean("host");
    let mut absences = Vec::new();
    match check.get("attendees") {
        None => {}
        Some(Value::Array(attendees)) if !attendees.is_empty() => {
            for attendee in attendees {
                let one = attendee.as_object().cloned().unwrap_or_default();
                let mut inner = Check::new(&one);
                inner.only(&["email", "absent"]);
                let (email, absent) = (inner.needed_text("email"), inner.boolean("absent"));
                if absent.is_none() {
                    inner.fault("absent", "isBoolean", "absent must be a boolean value");
                }
                absences.extend(email.zip(absent).map(|(email, absent)| (email.to_owned(), absent)));
                check.nest("attendees", inner);
            }
        }
        Some(_) => check.fault("attendees", "arrayMinSize", "attendees must contain at least 1 elements"),
    }
    check.finish()?;
    Ok(Absences { host, attendees: absences })
}
