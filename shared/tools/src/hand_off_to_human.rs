//! `hand_off_to_human`: a person takes over.

use domain::workflow::Audience;
use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Annotations, Tool, arguments,
    failure::Failure,
    schema::{boolean, object, optional_text, text},
    tool::{Claim, Run, Whom},
    toolbox::{Call, Reply},
};

/// Longest reason and summary, in characters.
const LONGEST_REASON: usize = 500;
const LONGEST_SUMMARY: usize = 2_000;

pub(crate) static TOOL: Tool = Tool {
    name: "hand_off_to_human",
    title: "Call a person",
    description: "Calls a person of the team. Call it when the visitor asks for a person, when they are upset, or when you \
        cannot help after an honest try. What it answers says where the person will answer. Where that is this conversation, \
        you are silent from then on: say so in one sentence, and end.",
    input: |_| {
        object([
            ("reason", text("Why a person is needed, in one sentence, for the team.")),
            ("summary", optional_text("What was said so far, in at most five sentences; null if it needs no word.")),
        ])
    },
    output: || {
        object([
            ("handed_off", boolean("A person is called.")),
            ("answers_here", boolean("The person answers in this very conversation.")),
            ("advice", optional_text("What else has to be done for the visitor to be answered; else null.")),
        ])
    },
    annotations: Annotations { read_only: false, destructive: false, idempotent: false, open_world: true },
    scope: Audience::Anyone,
    touches: Whom::Visitor,
    needs: &[],
    secrets: &[],
    claims: &[
        Claim::act(&[
            r"\b(?:i|we)(?:'ve| have)(?: \S+){0,2} (?:called|asked|requested|alerted|contacted|paged|brought in|connected|transferred|handed|escalated)\b[^.!?]{0,40}\b(?:person|human|colleague|somebody|someone|team member|agent|specialist|team)\b",
            r"\b(?:person|human|colleague|somebody|someone|team member|specialist)\b(?: \S+){0,4} (?:has been|was|is being)(?: \S+){0,2} (?:called|notified|informed|alerted|contacted|paged)\b",
            r"\b(?:habe|haben)\b[^.!?]{0,40}\b(?:person|menschen|kolleg\S*|jemanden|mitarbeiter\S*|team)\b[^.!?]{0,40}\b(?:gerufen|gebeten|informiert|benachrichtigt|verständigt|hinzugezogen|hinzugeholt)\b",
            r"\b(?:kolleg\S*|jemand|mitarbeiter\S*)\b[^.!?]{0,30}\bwurden?\b[^.!?]{0,30}\b(?:gerufen|gebeten|informiert|benachrichtigt|verständigt)\b",
        ])
        .or(&["save_lead", "open_support_ticket", "notify"]),
    ],
    correction: ["nobody has been called yet", "es wurde noch niemand gerufen"],
    on_failure: "It is NOT certain that a person is called. Call it once more with exactly the same arguments, which calls \
        nobody twice. If that fails too, tell the visitor so, apologise, and offer to pass the matter on with an e-mail address.",
    progress: "Calling a person…",
    run: Run::Here(|call| run(call).boxed()),
};

/// What an agent has to do whose conversation nobody of the team sees.
const ELSEWHERE: &str = "The team is told, and cannot write into this conversation: they need an address of the visitor. Unless \
    one was saved before, ask for an e-mail address or a phone number and call save_lead. Tell the visitor that somebody will \
    answer there.";

/// The arguments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    reason: String,
    summary: Option<String>,
}

/// The answer.
#[derive(Debug, Serialize)]
struct Output {
    handed_off: bool,
    answers_here: bool,
    advice: Option<&'static str>,
}

async fn run(mut call: Call<'_>) -> Result<Reply, Failure> {
    let Input { reason, summary } = arguments::read(call.arguments.take())?;
    let reason = arguments::required("reason", reason, LONGEST_REASON)?;
    let reason = match arguments::text("summary", summary, LONGEST_SUMMARY)? {
        Some(summary) => format!("{reason}\n\n{summary}"),
        None => reason,
    };
    call.hand_off.hand_off(call.session, &call.request_id, &reason).await?;
    let answers_here = !call.session.thread_id.is_empty();
    let advice = (!answers_here).then_some(ELSEWHERE);
    Ok(Reply::of(json!(Output { handed_off: true, answers_here, advice })))
}
