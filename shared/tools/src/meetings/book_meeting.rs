//! `book_meeting`: a meeting that costs nothing.

use domain::workflow::Audience;
use futures_util::FutureExt as _;
use proto::booking::v1::{Attendee, Booking, BookingStatus, CreateBookingRequest};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{LONGEST_NOTE, cancel_meeting, check_stands, one, receipt, schema};
use crate::{
    Annotations, NOTICE, Receipt, Tool, arguments,
    failure::Failure,
    links::Service,
    schema::{object, optional_text, text},
    times,
    tool::{Claim, Run, Whom},
    toolbox::{Call, Reply},
};

/// Longest name, address or slug, in characters.
const LONGEST: usize = 254;

pub(crate) static TOOL: Tool = Tool {
    name: "book_meeting",
    title: "Book a meeting",
    description: "Books a meeting at a time that list_slots answered. Call it once the visitor has chosen the time and given \
        a name and an e-mail address or a phone number in international form; never guess any of them. A meeting that is \
        sold is refused: call create_checkout_link for it.",
    input: |_| {
        object([
            ("meeting", text("Which meeting, by its slug.")),
            ("start_time", text("The start that the visitor chose, RFC 3339, as list_slots answered it.")),
            ("name", text("The visitor's full name, as they wrote it.")),
            ("email", optional_text("The visitor's e-mail address, as they wrote it; null without one.")),
            ("phone", optional_text("The visitor's phone number, in international form; null without one.")),
            ("time_zone", optional_text("IANA time zone of the visitor, if they said one; else null.")),
            ("notes", optional_text("What the host should know, in at most three sentences; else null.")),
        ])
    },
    output: || object([("meeting", schema())]),
    annotations: Annotations { read_only: false, destructive: false, idempotent: false, open_world: true },
    scope: Audience::Anyone,
    touches: Whom::Visitor,
    needs: &[Service::BookingPayments],
    secrets: &[],
    claims: &[
        Claim::act(&[
            r"\b(?:i|we)(?:'ve| have)(?: \S+){0,2} (?:booked|scheduled|reserved)\b",
            r"\bich habe\b[^.!?]{0,60}\b(?:gebucht|reserviert|vereinbart|eingetragen)\b[^.!?]{0,20}$",
            r"\b(?:habe|haben)\b[^.!?]{0,60}\b(?:termin|gespräch|meeting|buchung)\b[^.!?]{0,40}\b(?:gebucht|reserviert|vereinbart)\b",
        ]),
        Claim::state(
            &[
                r"\b(?:meeting|call|appointment|booking|slot|demo)(?: \S+){0,4} (?:is|has been|was)(?: \S+){0,2} (?:booked|scheduled|reserved|confirmed)\b",
                r"\byou(?:'re| are)(?: \S+){0,2} (?:booked|scheduled)\b",
                r"\b(?:termin|buchung|gespräch|meeting)\b[^.!?]{0,40}\b(?:ist|wurde)\b[^.!?]{0,30}\b(?:gebucht|reserviert|bestätigt|vereinbart)\b",
            ],
            &["list_my_bookings", "reschedule_meeting", NOTICE],
        ),
    ],
    correction: ["no meeting has been booked", "es wurde kein Termin gebucht"],
    on_failure: "It is NOT certain that the meeting is booked. Call it once more with exactly the same arguments, which books \
        nothing twice. If that fails too, tell the visitor that it could not be confirmed and offer to pass the wish on.",
    progress: "Booking…",
    run: Run::Here(|call| run(call).boxed()),
};

/// The arguments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    meeting: String,
    start_time: String,
    name: String,
    email: Option<String>,
    phone: Option<String>,
    time_zone: Option<String>,
    notes: Option<String>,
}

async fn run(mut call: Call<'_>) -> Result<Reply, Failure> {
    let input: Input = arguments::read(call.arguments.take())?;
    let zone = times::zone(input.time_zone, call.session.zone())?;
    let short = |field: &str, given| arguments::maybe(field, given, LONGEST);
    let attendee = Attendee {
        name: arguments::required("name", input.name, LONGEST)?,
        email: short("email", input.email)?,
        phone: short("phone", input.phone)?,
        time_zone: times::name(&zone),
        language: call.session.language(),
    };
    if attendee.email.is_empty() && attendee.phone.is_empty() {
        return Err(Failure::Arguments("email or phone is required; ask the visitor for one".into()));
    }
    let start = times::given("start_time", &input.start_time, &zone)?;
    let request = CreateBookingRequest {
        caller: call.caller(),
        request_id: call.request_id.clone(),
        event_type_id: 0,
        event_type_slug: arguments::required("meeting", input.meeting, LONGEST)?,
        start_time: Some(proto::time::wire(start)),
        attendee: Some(attendee),
        notes: arguments::maybe("notes", input.notes, LONGEST_NOTE)?,
        page: call.session.page(),
        thread_id: call.session.thread_id.clone(),
    };
    let answer = call.clients.create_booking(request).await.map_err(|status| Failure::of(&status, &zone))?;
    let booking = answer.booking.ok_or(Failure::Odd("the booking"))?;
    check_stands(&booking, start)?;
    Ok(Reply::shown(one(&booking), shown(&booking)))
}

fn shown(booking: &Booking) -> Receipt {
    let title = match booking.status() {
        BookingStatus::Requested => "Your meeting is requested",
        _ => "Your meeting is booked",
    };
    let arguments = json!({"booking_id": booking.booking_id, "reason": null});
    receipt(title, booking).with_undo("Cancel this meeting", cancel_meeting::TOOL.name, arguments)
}
