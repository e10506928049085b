//! `open_support_ticket`: a ticket with the team.

use domain::workflow::Audience;
use futures_util::FutureExt as _;
use proto::whop::v1::OpenSupportTicketRequest;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Annotations, Receipt, Tool, arguments,
    failure::Failure,
    links::Service,
    schema::{object, optional_text, text},
    times,
    tool::{Claim, Run, Whom},
    toolbox::{Call, Reply},
};

/// Longest subject and message, in characters.
const LONGEST_SUBJECT: usize = 200;
const LONGEST_MESSAGE: usize = 4_000;

pub(crate) static TOOL: Tool = Tool {
    name: "open_support_ticket",
    title: "Open a support ticket",
    description: "Opens a ticket with the team in the signed-in member's support channel. Call it once the \
        problem is clear and the member has agreed; write it so that the team needs to ask nothing. Then tell the member the \
        reference.",
    input: |_| {
        object([
            ("subject", text("What it is about, in one line.")),
            (
                "message",
                text("What is wrong, what was expected, and what was tried, in the member's language."),
            ),
            (
                "action_id",
                optional_text("Which support, by the id of list_quick_actions; null for the first."),
            ),
        ])
    },
    output: || {
        object([
            ("reference", text("The ticket's id.")),
            ("opened_at", optional_text("When it was opened, RFC 3339.")),
        ])
    },
    annotations: Annotations { read_only: false, destructive: false, idempotent: false, open_world: true },
    scope: Audience::Member,
    touches: Whom::Visitor,
    needs: &[Service::WhopGateway],
    secrets: &[],
    claims: &[
        Claim::act(&[
            r"\b(?:i|we)(?:'ve| have)(?: \S+){0,2} (?:opened|created|raised|filed|submitted|logged)(?: \S+){0,4} tickets?\b",
            r"\b(?:habe|haben)\b[^.!?]{0,60}\btickets?\b[^.!?]{0,40}\b(?:eröffnet|erstellt|angelegt|aufgemacht|geöffnet)\b",
        ]),
        Claim::state(
            &[
                r"\btickets?(?: \S+){0,4} (?:is|has been|was|are|were)(?: \S+){0,2} (?:opened|open|created|raised|filed|submitted|logged)\b",
                r"\btickets?\b[^.!?]{0,40}\b(?:ist|wurde|sind|wurden)\b[^.!?]{0,30}\b(?:eröffnet|erstellt|angelegt|offen)\b",
            ],
            &[],
        ),
    ],
    correction: ["no ticket has been opened", "es wurde kein Ticket eröffnet"],
    on_failure: "It is NOT certain that the ticket is open. Call it once more with exactly the same arguments, which opens no \
        second one. If that fails too, tell the member so and offer to have a person answer here.",
    progress: "Opening a ticket…",
    run: Run::Here(|call| run(call).boxed()),
};

/// The arguments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    subject: String,
    message: String,
    action_id: Option<String>,
}

/// The answer.
#[derive(Debug, Serialize)]
struct Output {
    reference: String,
    opened_at: Option<String>,
}

async fn run(mut call: Call<'_>) -> Result<Reply, Failure> {
    let input: Input = arguments::read(call.arguments.take())?;
    let subject = arguments::required("subject", input.subject, LONGEST_SUBJECT)?;
    let request = OpenSupportTicketRequest {
        caller: call.caller(),
        request_id: call.request_id.clone(),
        action_id: arguments::maybe_id("action_id", input.action_id.as_deref())?,
        subject: subject.clone(),
        message: arguments::required("message", input.message, LONGEST_MESSAGE)?,
    };
    let ticket = call.clients.open_support_ticket(request).await?;
    let receipt =
        Receipt::new("Your ticket is open", [("Subject", subject), ("Reference", ticket.ticket_id.clone())]);
    let opened_at = times::told(ticket.create_time, &call.session.zone());
    Ok(Reply::shown(json!(Output { reference: ticket.ticket_id, opened_at }), receipt))
}
