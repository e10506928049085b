//! What the buttons do.
//!
//! The invariant: an action that is refused changes nothing, and says why.

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::Map;

use super::{members, text};
use crate::{INTRO_CALL, Mishap, Provider, Sandbox, Side, Visit, pages::guard::problem};

/// How far ahead a booking may be moved, in days.
const AHEAD: i64 = 21;
/// Who pays where nobody said who.
const PAYER: &str = "payer@example.com";

/// A button.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Action {
    Pay { id: String },
    Fail { id: String },
    PayLater { id: String },
    Settle { id: String, fine: bool },
    Expire { id: String },
    Refund { id: String, amount: Option<i64> },
    Dispute { id: String },
    CloseDispute { id: String, won: bool },
    Renew { id: String, fine: bool },
    End { id: String },
    Book,
    Reschedule { id: String },
    Cancel { id: String },
    NoShow { id: String },
    ConfirmFirst { event_type: i64, first: bool },
    Ahead { hours: i64 },
    Webhooks { provider: Provider, way: Way },
    Resend { provider: Provider, id: String },
    Member(members::Act),
}

/// What is to befall webhooks.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Way {
    Deliver,
    Duplicate,
    Lose,
    Hold,
    Release,
    ResendLost,
}

/// Does what was pressed.
pub(super) async fn answer(
    State(sandbox): State<Sandbox>,
    action: Result<Json<Action>, JsonRejection>,
) -> Response {
    let action = match action {
        Ok(Json(action)) => action,
        Err(rejection) => return problem(StatusCode::BAD_REQUEST, &rejection.body_text()),
    };
    match tokio::task::spawn_blocking(move || act(&sandbox, action)).await {
        Ok(Ok(())) => StatusCode::NO_CONTENT.into_response(),
        Ok(Err(mishap)) => problem(StatusCode::BAD_REQUEST, &mishap.to_string()),
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "the action failed"),
    }
}

fn act(sandbox: &Sandbox, action: Action) -> Result<(), Mishap> {
    let till = sandbox.till();
    let done = match action {
        Action::Pay { id } => till.pay(&id, PAYER),
        Action::Fail { id } => till.fail(&id),
        Action::PayLater { id } => till.pay_async(&id, PAYER),
        Action::Settle { id, fine } => till.settle(&id, fine),
        Action::Expire { id } => till.expire(&id),
        Action::Refund { id, amount } => till.refund(&id, amount),
        Action::Dispute { id } => till.dispute(&id),
        Action::CloseDispute { id, won } => till.close_dispute(&id, won),
        Action::Renew { id, fine } => till.renew(&id, fine),
        Action::End { id } => till.cancel(&id),
        Action::Book => return book(sandbox),
        Action::Reschedule { id } => return reschedule(sandbox, &id),
        Action::Cancel { id } => return declined(sandbox.calendar().cancel(&id, Side::Attendee, None)),
        Action::NoShow { id } => return declined(sandbox.calendar().mark_no_show(&id, true)),
        Action::ConfirmFirst { event_type, first } => {
            sandbox.calendar().confirm_first(event_type, first);
            return Ok(());
        }
        Action::Ahead { hours } => {
            sandbox.calendar().set_ahead(jiff::SignedDuration::from_hours(hours));
            return Ok(());
        }
        Action::Member(act) => members::act(sandbox.club(), act),
        Action::Webhooks { provider, way } => return turn(sandbox, provider, way),
        Action::Resend { provider, id } => {
            let found = sandbox.webhooks(provider).resend(&id);
            return if found { Ok(()) } else { Err(Mishap::Refused("no such message".to_owned())) };
        }
    };
    done.map(drop)
}

fn declined<T>(done: Result<T, crate::Declined>) -> Result<(), Mishap> {
    done.map(drop).map_err(|declined| Mishap::Refused(declined.to_string()))
}

/// A stranger takes the next free intro call.
fn book(sandbox: &Sandbox) -> Result<(), Mishap> {
    let calendar = sandbox.calendar();
    let start = calendar.free(INTRO_CALL, AHEAD).into_iter().next();
    declined(calendar.book(&Visit {
        event_type: INTRO_CALL,
        start: start.ok_or_else(|| Mishap::Refused("no slot is free".to_owned()))?,
        name: "Sam Sample".to_owned(),
        email: "sam@example.com".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        metadata: Map::new(),
        page_was_open: false,
    }))
}

/// Moves a booking to the next start that is free.
fn reschedule(sandbox: &Sandbox, uid: &str) -> Result<(), Mishap> {
    let calendar = sandbox.calendar();
    let bookings = calendar.bookings();
    let booking = bookings.iter().find(|booking| booking["uid"] == uid);
    let booking = booking.ok_or_else(|| Mishap::Refused("no such booking".to_owned()))?;
    let kind = booking["eventTypeId"].as_i64().unwrap_or_default();
    let was = text(booking, "/start").parse::<jiff::Timestamp>().ok();
    let next = calendar.free(kind, AHEAD).into_iter().find(|start| was.is_none_or(|was| *start > was));
    let next = next.ok_or_else(|| Mishap::Refused("no later slot is free".to_owned()))?;
    declined(calendar.reschedule(uid, next, Side::Attendee, None))
}

fn turn(sandbox: &Sandbox, provider: Provider, way: Way) -> Result<(), Mishap> {
    let webhooks = sandbox.webhooks(provider);
    match way {
        Way::Deliver => webhooks.deliver(),
        Way::Duplicate => webhooks.duplicate(),
        Way::Lose => webhooks.lose(usize::MAX),
        Way::Hold => webhooks.hold(),
        Way::Release => drop(webhooks.release_all()),
        Way::ResendLost => drop(webhooks.resend_lost()),
    }
    Ok(())
}
