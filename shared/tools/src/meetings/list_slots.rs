//! `list_slots`: what can be booked, and when.

use domain::workflow::Audience;
use futures_util::FutureExt as _;
use proto::booking::v1::{EventType, ListEventTypesRequest, ListSlotsRequest};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Annotations, Tool, arguments,
    failure::Failure,
    links::Service,
    schema::{boolean, integer, list, object, optional_text, some, text, texts},
    times,
    tool::{Run, Whom},
    toolbox::{Call, Reply},
};

/// Most free starts of one answer.
const MOST: i32 = 40;
/// Longest slug.
const LONGEST: usize = 200;

pub(crate) static TOOL: Tool = Tool {
    name: "list_slots",
    title: "List free times",
    description: "Lists the meetings that can be booked and the free times of one of them, in the visitor's time zone. \
        Call it before offering a time, and again if times are older than a few minutes. Offer at most five times at once. \
        Without a meeting it lists the meetings, and the times if there is only one to choose.",
    input: |_| {
        object([
            ("meeting", optional_text("Which meeting, by its slug; null to see what there is.")),
            ("from_time", optional_text("From when on, RFC 3339; null for now.")),
            ("to_time", optional_text("Until when, at most 60 days later; null for seven days later.")),
            ("time_zone", optional_text("IANA time zone of the visitor, if they said one; else null.")),
            (
                "booking_id",
                optional_text("The meeting that is to be moved: its own time counts as free; else null."),
            ),
        ])
    },
    output: || {
        let meeting = object([
            ("slug", text("Its slug.")),
            ("title", text("What it is.")),
            ("description", optional_text("What it is about.")),
            ("length_minutes", integer("How long it lasts.")),
            ("sold", boolean("It must be paid: create_checkout_link books it, book_meeting does not.")),
        ]);
        object([
            ("meetings", list(&meeting)),
            ("meeting", optional_text("The meeting that the times are of; null if none was chosen.")),
            ("time_zone", text("IANA time zone of the times.")),
            ("slots", texts("Free starts, RFC 3339, the earliest first.")),
        ])
    },
    annotations: Annotations::ASKS,
    scope: Audience::Anyone,
    touches: Whom::Nobody,
    needs: &[Service::BookingPayments],
    secrets: &[],
    claims: &[],
    correction: ["", ""],
    on_failure: "The calendar cannot be read right now. Say so; do not name any time from memory.",
    progress: "Looking at the calendar…",
    run: Run::Here(|call| run(call).boxed()),
};

/// The arguments.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    meeting: Option<String>,
    from_time: Option<String>,
    to_time: Option<String>,
    time_zone: Option<String>,
    booking_id: Option<String>,
}

/// The answer.
#[derive(Debug, Serialize)]
struct Output {
    meetings: Vec<Bookable>,
    meeting: Option<String>,
    time_zone: String,
    slots: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Bookable {
    slug: String,
    title: String,
    description: Option<String>,
    length_minutes: i32,
    sold: bool,
}

async fn run(mut call: Call<'_>) -> Result<Reply, Failure> {
    let input: Input = arguments::read(call.arguments.take())?;
    let zone = times::zone(input.time_zone, call.session.zone())?;
    let meeting = arguments::text("meeting", input.meeting, LONGEST)?;
    let booking_id = arguments::maybe_id("booking_id", input.booking_id.as_deref())?;
    if !booking_id.is_empty() && !call.session.is_of_somebody() {
        return Err(Failure::Arguments("booking_id needs a session of a visitor".into()));
    }
    let mut request = ListSlotsRequest {
        caller: call.caller(),
        from_time: times::maybe("from_time", input.from_time.as_deref(), &zone)?,
        to_time: times::maybe("to_time", input.to_time.as_deref(), &zone)?,
        time_zone: times::name(&zone),
        page_size: MOST,
        booking_id,
        ..ListSlotsRequest::default()
    };
    let known = call.clients.list_event_types(ListEventTypesRequest { caller: call.caller() }).await?;
    let all: Vec<Bookable> = known.event_types.into_iter().map(bookable).collect();
    let meeting = meeting.or_else(|| only(&all)).filter(|_| request.booking_id.is_empty() || all.len() > 1);
    let mut slots = Vec::new();
    if meeting.is_some() || !request.booking_id.is_empty() {
        request.event_type_slug = meeting.clone().unwrap_or_default();
        let answer = call.clients.list_slots(request).await.map_err(|status| Failure::of(&status, &zone))?;
        slots.extend(answer.slots.into_iter().filter_map(|slot| times::told(slot.start_time, &zone)));
    }
    Ok(Reply::of(json!(Output { meetings: all, meeting, time_zone: times::name(&zone), slots })))
}

/// The slug of the only meeting that there is.
fn only(all: &[Bookable]) -> Option<String> {
    match all {
        [one] => Some(one.slug.clone()),
        _ => None,
    }
}

fn bookable(event_type: EventType) -> Bookable {
    let EventType { slug, title, description, length_minutes, sold, .. } = event_type;
    let description = some(description);
    Bookable { slug, title, description, length_minutes, sold }
}
