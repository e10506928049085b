//! The API's calls on one booking.
//!
//! A client with the owner's key may book a slot that is reserved: Cal.com does not look at reservations when it books,
//! so whoever reserved a slot simply books it. The invariant: a body is read as a whole before anything is done.

use serde_json::Value;

use super::{act::missing, ask::Ask, error::Refusal, hours::Taken, order, view};
use crate::Sandbox;

/// `POST /v2/bookings`.
pub(super) fn create(sandbox: &Sandbox, ask: &Ask) -> Result<Value, Refusal> {
    let order = order::read(&ask.body()?)?;
    let taken = Taken { except: None, reservations: false };
    sandbox.turn(|turn| turn.create(order, taken)).map(|made| view::booking(&made))
}

/// `GET /v2/bookings/{uid}`.
pub(super) fn get(sandbox: &Sandbox, uid: &str) -> Result<Value, Refusal> {
    let book = sandbox.0.calcom.book();
    book.booking(uid).map(|booking| view::booking(booking)).ok_or_else(|| missing(uid))
}

/// `POST /v2/bookings/{uid}/reschedule`.
pub(super) fn reschedule(sandbox: &Sandbox, ask: &Ask, uid: &str) -> Result<Value, Refusal> {
    let to = order::read_move(&ask.body()?)?;
    sandbox.turn(|turn| turn.reschedule(uid, to, false)).map(|moved| view::booking(&moved))
}

/// `POST /v2/bookings/{uid}/{cancel,confirm,decline,mark-absent}`.
pub(super) fn change(sandbox: &Sandbox, ask: &Ask, uid: &str, change: &str) -> Result<Value, Refusal> {
    let body = ask.body()?;
    let changed = match change {
        "cancel" => {
            let reason = order::read_cancellation(&body)?;
            sandbox.turn(|turn| turn.cancel(uid, reason, None))
        }
        "confirm" => sandbox.turn(|turn| turn.confirm(uid)),
        "decline" => {
            let reason = order::read_refusal(&body)?;
            sandbox.turn(|turn| turn.decline(uid, reason))
        }
        "mark-absent" => {
            let absences = order::read_absences(&body)?;
            sandbox.turn(|turn| {
                turn.needs_begun(uid)?;
                turn.mark_absent(uid, absences.host, &absences.attendees)
            })
        }
        _ => return Err(ask.no_route()),
    };
    changed.map(|booking| view::booking(&booking))
}
