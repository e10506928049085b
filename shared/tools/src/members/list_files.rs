//! `list_files`: files that are shared with a member.

use domain::workflow::Audience;
use futures_util::FutureExt as _;
use proto::whop::v1::{File, ListFilesRequest};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Annotations, Tool, arguments,
    failure::Failure,
    links::Service,
    schema::{boolean, list, object, optional_text, some, text},
    times,
    tool::{Run, Whom},
    toolbox::{Call, Reply},
};

/// Most files of one answer.
const MOST: usize = 40;

pub(crate) static TOOL: Tool = Tool {
    name: "list_files",
    title: "List the files",
    description: "Lists the files that are shared with the signed-in member, the newest first. Call it when \
        they look for a file or a deliverable; give them the links.",
    input: |_| {
        object([("action_id", optional_text("Which files, by the id of list_quick_actions; null for all."))])
    },
    output: || {
        let file = object([
            ("name", text("Its name.")),
            ("url", text("Where it opens.")),
            ("media_type", optional_text("What it is.")),
            ("updated_at", optional_text("When it was changed last, RFC 3339.")),
        ]);
        object([("files", list(&file)), ("more", boolean("There are more than these."))])
    },
    annotations: Annotations::ASKS,
    scope: Audience::Member,
    touches: Whom::Visitor,
    needs: &[Service::WhopGateway],
    secrets: &[],
    claims: &[],
    correction: ["", ""],
    on_failure: "The files cannot be listed right now. Say so; do not name any from memory.",
    progress: "Looking up your files…",
    run: Run::Here(|call| run(call).boxed()),
};

/// The arguments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    action_id: Option<String>,
}

/// The answer.
#[derive(Debug, Serialize)]
struct Output {
    files: Vec<Told>,
    more: bool,
}

#[derive(Debug, Serialize)]
struct Told {
    name: String,
    url: String,
    media_type: Option<String>,
    updated_at: Option<String>,
}

async fn run(mut call: Call<'_>) -> Result<Reply, Failure> {
    let input: Input = arguments::read(call.arguments.take())?;
    let zone = call.session.zone();
    let action_id = arguments::maybe_id("action_id", input.action_id.as_deref())?;
    let answer = call.clients.list_files(ListFilesRequest { caller: call.caller(), action_id }).await?;
    let told = |file: &File| Told {
        name: file.name.clone(),
        url: file.url.clone(),
        media_type: some(&file.media_type),
        updated_at: times::told(file.update_time, &zone),
    };
    let files = answer.files.iter().take(MOST).map(told).collect();
    Ok(Reply::of(json!(Output { files, more: answer.more || answer.files.len() > MOST })))
}
