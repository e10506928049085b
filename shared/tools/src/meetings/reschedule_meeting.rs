//! `reschedule_meeting`: another time for a meeting.

use domain::workflow::Audience;
use futures_util::FutureExt as _;
use proto::booking::v1::RescheduleBookingRequest;
use serde::{Deserialize, Serialize};

use super::{LONGEST_NOTE, check_stands, one, receipt, schema};
use crate::{
    Annotations, NOTICE, Tool, arguments,
    failure::Failure,
    links::Service,
    schema::{object, optional_text, text},
    times,
    tool::{Claim, Run, Whom},
    toolbox::{Call, Reply},
};

pub(crate) static TOOL: Tool = Tool {
    name: "reschedule_meeting",
    title: "Move a meeting",
    description: "Moves one of this visitor's meetings to another time that list_slots answered. Call it once the visitor has \
        confirmed both the meeting and the new time. It takes only a booking_id that a tool has answered in this \
        conversation.",
    input: |_| {
        object([
            ("booking_id", text("The meeting, as list_my_bookings or book_meeting answered it.")),
            ("start_time", text("The new start, RFC 3339, as list_slots answered it.")),
            ("reason", optional_text("Why, for the host; null if the visitor gave no reason.")),
            ("time_zone", optional_text("IANA time zone of the visitor, if they said one; else null.")),
        ])
    },
    output: || object([("meeting", schema())]),
    annotations: Annotations { read_only: false, destructive: true, idempotent: false, open_world: true },
    scope: Audience::Anyone,
    touches: Whom::Visitor,
    needs: &[Service::BookingPayments],
    secrets: &[],
    claims: &[
        Claim::act(&[
            r"\b(?:i|we)(?:'ve| have)(?: \S+){0,2} (?:rescheduled|moved|postponed)(?: \S+){0,3} (?:meeting|call|appointment|booking|slot|demo|it)\b",
            r"\b(?:habe|haben)\b[^.!?]{0,60}\b(?:termin|gespräch|meeting|buchung)\b[^.!?]{0,40}\b(?:verschoben|verlegt|umgebucht)\b",
        ]),
        Claim::state(
            &[
                r"\b(?:meeting|call|appointment|booking|slot|demo)(?: \S+){0,4} (?:is|has been|was)(?: \S+){0,2} (?:rescheduled|moved|postponed)\b",
                r"\b(?:termin|buchung|gespräch|meeting)\b[^.!?]{0,40}\b(?:ist|wurde)\b[^.!?]{0,30}\b(?:verschoben|verlegt|umgebucht)\b",
            ],
            &["list_my_bookings", NOTICE],
        ),
    ],
    correction: ["no meeting has been moved", "es wurde kein Termin verschoben"],
    on_failure: "It is NOT certain that the meeting was moved. Call it once more with exactly the same arguments, which moves \
        nothing twice. If that fails too, tell the visitor that it could not be confirmed.",
    progress: "Moving the meeting…",
    run: Run::Here(|call| run(call).boxed()),
};

/// The arguments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    booking_id: String,
    start_time: String,
    reason: Option<String>,
    time_zone: Option<String>,
}

async fn run(mut call: Call<'_>) -> Result<Reply, Failure> {
    let input: Input = arguments::read(call.arguments.take())?;
    let zone = times::zone(input.time_zone, call.session.zone())?;
    let start = times::given("start_time", &input.start_time, &zone)?;
    let request = RescheduleBookingRequest {
        caller: call.caller(),
        request_id: call.request_id.clone(),
        booking_id: arguments::id("booking_id", &input.booking_id)?,
        start_time: Some(proto::time::wire(start)),
        reason: arguments::maybe("reason", input.reason, LONGEST_NOTE)?,
    };
    let answer =
        call.clients.reschedule_booking(request).await.map_err(|status| Failure::of(&status, &zone))?;
    let booking = answer.booking.ok_or(Failure::Odd("the booking"))?;
    check_stands(&booking, start)?;
    Ok(Reply::shown(one(&booking), receipt("Your meeting was moved", &booking)))
}
