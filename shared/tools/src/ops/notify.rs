//! `notify`: a word to the team.

use domain::workflow::Audience;
use futures_util::FutureExt as _;
use proto::ops::v1::NotifyRequest;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Annotations, Receipt, Tool, arguments,
    failure::Failure,
    links::Service,
    schema::{object, optional_text, text, texts},
    tool::{Claim, Run, Whom},
    toolbox::{Call, Reply},
};

/// Longest title and text, in characters.
const LONGEST_TITLE: usize = 200;
const LONGEST_TEXT: usize = 4_000;

pub(crate) static TOOL: Tool = Tool {
    name: "notify",
    title: "Notify the team",
    description: "Sends the team a notice in words, by Slack or e-mail, as far as those are set up. Call it only if the operator has \
        asked for it, with what they want said.",
    input: |_| {
        object([
            ("title", text("What it is about, in one line.")),
            ("text", optional_text("The rest; null if the title says it all.")),
        ])
    },
    output: || {
        object([
            ("notice_id", text("Its id.")),
            (
                "channels",
                texts("The ways by which it is sent; none if none is set up, and then nobody hears of it."),
            ),
        ])
    },
    annotations: Annotations { read_only: false, destructive: false, idempotent: false, open_world: true },
    scope: Audience::Operator,
    touches: Whom::Nobody,
    needs: &[Service::OpsCopilot],
    secrets: &[],
    claims: &[Claim::act(&[
        r"\b(?:i|we)(?:'ve| have)(?: \S+){0,2} (?:sent|posted)(?: \S+){0,3} (?:notice|slack message|message to the team)\b",
        r"\b(?:habe|haben)\b[^.!?]{0,60}\b(?:hinweis|nachricht an das team|slack-nachricht)\b[^.!?]{0,40}\b(?:gesendet|geschickt|gepostet)\b",
    ])],
    correction: ["no notice has been sent", "es wurde kein Hinweis gesendet"],
    on_failure: "It is NOT certain that the team is told. Call it once more with exactly the same arguments, which tells \
        nobody twice. If that fails too, say so.",
    progress: "Telling the team…",
    run: Run::Here(|call| run(call).boxed()),
};

/// The arguments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    title: String,
    text: Option<String>,
}

/// The answer.
#[derive(Debug, Serialize)]
struct Output {
    notice_id: String,
    channels: Vec<String>,
}

async fn run(mut call: Call<'_>) -> Result<Reply, Failure> {
    let Input { title, text } = arguments::read(call.arguments.take())?;
    let title = arguments::required("title", title, LONGEST_TITLE)?;
    let request = NotifyRequest {
        caller: call.caller(),
        request_id: call.request_id.clone(),
        title: title.clone(),
        text: arguments::maybe("text", text, LONGEST_TEXT)?,
    };
    let answer = call.clients.notify(request).await?;
    let output = Output { notice_id: answer.notice_id, channels: answer.channels };
    let receipt = (!output.channels.is_empty())
        .then(|| Receipt::new("The team is told", [("About", title), ("By", output.channels.join(", "))]));
    Ok(Reply { output: json!(output), receipt, unanswered: None })
}
