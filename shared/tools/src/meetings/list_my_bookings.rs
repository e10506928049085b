//! `list_my_bookings`: what this visitor has booked.

use domain::workflow::Audience;
use futures_util::FutureExt as _;
use proto::booking::v1::ListBookingsRequest;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Meeting, schema, told};
use crate::{
    Annotations, Tool, arguments,
    failure::Failure,
    links::Service,
    schema::{boolean, list, object},
    tool::{Run, Whom},
    toolbox::{Call, Reply},
};

/// Most meetings of one answer.
const MOST: i32 = 20;

pub(crate) static TOOL: Tool = Tool {
    name: "list_my_bookings",
    title: "List my bookings",
    description: "Lists the meetings that this visitor booked here, the newest first. Call it when they ask for a meeting of \
        theirs, and before one that was not booked in this conversation is moved or cancelled. Meetings that were booked \
        elsewhere are not in it.",
    input: |_| object([]),
    output: || object([("meetings", list(&schema())), ("more", boolean("There are older ones than these."))]),
    annotations: Annotations::READS,
    scope: Audience::Anyone,
    touches: Whom::Visitor,
    needs: &[Service::BookingPayments],
    secrets: &[],
    claims: &[],
    correction: ["", ""],
    on_failure: "The meetings cannot be listed right now. Say so; do not name any from memory.",
    progress: "Looking up your meetings…",
    run: Run::Here(|call| run(call).boxed()),
};

/// The arguments: none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {}

/// The answer.
#[derive(Debug, Serialize)]
struct Output {
    meetings: Vec<Meeting>,
    more: bool,
}

async fn run(mut call: Call<'_>) -> Result<Reply, Failure> {
    let Input {} = arguments::read(call.arguments.take())?;
    let request = ListBookingsRequest { caller: call.caller(), page_size: MOST, page_token: String::new() };
    let answer = call.clients.list_bookings(request).await?;
    let meetings = answer.bookings.iter().map(told).collect();
    Ok(Reply::of(json!(Output { meetings, more: !answer.next_page_token.is_empty() })))
}
