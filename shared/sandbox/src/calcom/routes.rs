//! Which path is which, and which `cal-api-version` its controller answers to.
//!
//! The invariant: the version is looked at before anything else of a request.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{ask::Ask, bookings, error::Refusal, event_types, list, slots};
use crate::Sandbox;

const BOOKINGS: &str = "2024-08-13";
const SLOTS: &str = "2024-09-04";
const EVENT_TYPES: &str = "2024-06-14";

/// Answers a request.
pub(super) fn dispatch(sandbox: &Sandbox, ask: &Ask) -> Result<(StatusCode, Value), Refusal> {
    let path: Vec<_> = ask.path.split('/').collect();
    let version = match path[0] {
        "bookings" => Some(BOOKINGS),
        "slots" => Some(SLOTS),
        "event-types" => Some(EVENT_TYPES),
        _ => None,
    };
    version.map_or(Ok(()), |version| ask.needs_version(version))?;
    let data = |data: Value| json!({"status": "success", "data": data});
    let confirmed_first = |id| sandbox.0.calcom.settings().confirmed_first.contains(&id);
    let is = |method: Method| ask.method == method;
    let answer = match *path {
        ["me"] if is(Method::GET) => data(event_types::me(ask)?),
        ["event-types"] if is(Method::GET) => data(event_types::list(ask, confirmed_first)?),
        ["event-types", id] if is(Method::GET) => data(event_types::get(ask, id, confirmed_first)?),
        ["slots"] if is(Method::GET) => data(slots::list(sandbox, ask)?),
        ["slots", "reservations"] if is(Method::POST) => {
            return Ok((StatusCode::CREATED, data(slots::reserve(sandbox, ask)?)));
        }
        ["slots", "reservations", uid] if is(Method::GET) => data(slots::reservation(sandbox, uid)?),
        ["slots", "reservations", uid] if is(Method::PATCH) => data(slots::renew(sandbox, ask, uid)?),
        ["slots", "reservations", uid] if is(Method::DELETE) => {
            slots::release(sandbox, uid)?;
            json!({"status": "success"})
        }
        ["bookings"] if is(Method::GET) => list::answer(sandbox, ask)?,
        ["bookings"] if is(Method::POST) => {
            return Ok((StatusCode::CREATED, data(bookings::create(sandbox, ask)?)));
        }
        ["bookings", uid] if is(Method::GET) => data(bookings::get(sandbox, uid)?),
        ["bookings", uid, "reschedule"] if is(Method::POST) => {
            return Ok((StatusCode::CREATED, data(bookings::reschedule(sandbox, ask, uid)?)));
        }
        ["bookings", uid, change] if is(Method::POST) => data(bookings::change(sandbox, ask, uid, change)?),
        _ => return Err(ask.no_route()),
    };
    Ok((StatusCode::OK, answer))
}
