//! `list_quick_actions`: what a member may ask for.

use domain::workflow::Audience;
use futures_util::FutureExt as _;
use proto::whop::v1::{ListQuickActionsRequest, QuickAction, QuickActionKind};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Annotations, Tool, arguments,
    failure::Failure,
    links::Service,
    schema::{list, object, one_of, optional_text, some, text},
    tool::{Run, Whom},
    toolbox::{Call, Reply},
};

pub(crate) static TOOL: Tool = Tool {
    name: "list_quick_actions",
    title: "List what the member may ask for",
    description: "Lists what the signed-in member may ask for: links such as the contract, files, support, \
        an upgrade. Call it when they look for something of their project. A link of it may be given to them.",
    input: |_| object([]),
    output: || {
        let kinds = ["link", "files", "support", "upgrade", "other"].map(str::to_owned);
        let action = object([
            ("action_id", text("Its id, for list_files, open_support_ticket and get_upgrade_link.")),
            ("label", text("What it is called.")),
            ("kind", one_of(&kinds, "What it does.")),
            ("url", optional_text("Where it leads, for a link.")),
        ]);
        object([("actions", list(&action))])
    },
    annotations: Annotations::ASKS,
    scope: Audience::Member,
    touches: Whom::Visitor,
    needs: &[Service::WhopGateway],
    secrets: &[],
    claims: &[],
    correction: ["", ""],
    on_failure: "What the member may ask for cannot be looked up right now. Say so.",
    progress: "Looking up what you can do…",
    run: Run::Here(|call| run(call).boxed()),
};

/// The arguments: none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {}

#[derive(Debug, Serialize)]
struct Told {
    action_id: String,
    label: String,
    kind: &'static str,
    url: Option<String>,
}

async fn run(mut call: Call<'_>) -> Result<Reply, Failure> {
    let Input {} = arguments::read(call.arguments.take())?;
    let answer = call.clients.list_quick_actions(ListQuickActionsRequest { caller: call.caller() }).await?;
    let actions: Vec<Told> = answer.actions.iter().map(told).collect();
    Ok(Reply::of(json!({"actions": actions})))
}

fn told(action: &QuickAction) -> Told {
    let kind = match action.kind() {
        QuickActionKind::Link => "link",
        QuickActionKind::Files => "files",
        QuickActionKind::Support => "support",
        QuickActionKind::Upgrade => "upgrade",
        QuickActionKind::Unspecified => "other",
    };
    let QuickAction { action_id, label, url, .. } = action.clone();
    Told { action_id, label, kind, url: some(&url) }
}
