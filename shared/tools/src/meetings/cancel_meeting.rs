//! `cancel_meeting`: a meeting is called off.

use domain::workflow::Audience;
use futures_util::FutureExt as _;
use proto::booking::v1::{BookingStatus, CancelBookingRequest};
use serde::{Deserialize, Serialize};

use super::{LONGEST_NOTE, one, receipt, schema};
use crate::{
    Annotations, NOTICE, Tool, arguments,
    failure::Failure,
    links::Service,
    schema::{object, optional_text, text},
    tool::{Claim, Run, Whom},
    toolbox::{Call, Reply},
};

pub(crate) static TOOL: Tool = Tool {
    name: "cancel_meeting",
    title: "Cancel a meeting",
    description: "Cancels one of this visitor's meetings. Call it only after the visitor has confirmed that this meeting is to \
        be cancelled. It takes only a booking_id that a tool has answered in this conversation.",
    input: |_| {
        object([
            ("booking_id", text("The meeting, as list_my_bookings or book_meeting answered it.")),
            ("reason", optional_text("Why, for the host; null if the visitor gave no reason.")),
        ])
    },
    output: || object([("meeting", schema())]),
    annotations: Annotations { read_only: false, destructive: true, idempotent: true, open_world: true },
    scope: Audience::Anyone,
    touches: Whom::Visitor,
    needs: &[Service::BookingPayments],
    secrets: &[],
    claims: &[
        Claim::act(&[
            r"\b(?:i|we)(?:'ve| have)(?: \S+){0,2} cancell?ed(?: \S+){0,4} (?:meeting|call|appointment|booking|slot|demo)\b",
            r"\b(?:i|we)(?:'ve| have)(?: \S+){0,2} cancell?ed (?:it|that)\b",
            r"\b(?:habe|haben)\b[^.!?]{0,60}\b(?:storniert|abgesagt)\b",
        ]),
        Claim::state(
            &[
                r"\b(?:meeting|call|appointment|booking|slot|demo)(?: \S+){0,4} (?:is|has been|was)(?: \S+){0,2} cancell?ed\b",
                r"\b(?:termin|buchung|gespräch|meeting)\b[^.!?]{0,40}\b(?:ist|wurde)\b[^.!?]{0,30}\b(?:storniert|abgesagt)\b",
            ],
            &["list_my_bookings", NOTICE],
        ),
    ],
    correction: ["nothing has been cancelled", "es wurde nichts storniert"],
    on_failure: "It is NOT certain that the meeting was cancelled. Call it once more with exactly the same arguments. If that \
        fails too, tell the visitor that it could not be confirmed.",
    progress: "Cancelling…",
    run: Run::Here(|call| run(call).boxed()),
};

/// The arguments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    booking_id: String,
    reason: Option<String>,
}

async fn run(mut call: Call<'_>) -> Result<Reply, Failure> {
    let input: Input = arguments::read(call.arguments.take())?;
    let request = CancelBookingRequest {
        caller: call.caller(),
        request_id: call.request_id.clone(),
        booking_id: arguments::id("booking_id", &input.booking_id)?,
        reason: arguments::maybe("reason", input.reason, LONGEST_NOTE)?,
    };
    let booking = call.clients.cancel_booking(request).await?.booking.ok_or(Failure::Odd("the booking"))?;
    let title = match booking.status() {
        BookingStatus::Canceled => "Your meeting was cancelled",
        BookingStatus::Rejected => "The host had refused this meeting",
        BookingStatus::NoShow => {
            return Err(Failure::over("this meeting is over, and the visitor did not come"));
        }
        BookingStatus::Requested | BookingStatus::Booked | BookingStatus::Unspecified => {
            return Err(Failure::Odd("the end of the meeting"));
        }
    };
    Ok(Reply::shown(one(&booking), receipt(title, &booking)))
}
