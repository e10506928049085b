//! `get_upgrade_link`: a link by which a member buys a larger plan.

use domain::workflow::Audience;
use futures_util::FutureExt as _;
use proto::whop::v1::CreateUpgradeLinkRequest;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Annotations, Receipt, Tool, arguments,
    failure::Failure,
    links::Service,
    schema::{object, optional_text, text},
    tool::{Claim, Run, Whom},
    toolbox::{Call, Reply},
};

pub(crate) static TOOL: Tool = Tool {
    name: "get_upgrade_link",
    title: "Make an upgrade link",
    description: "Makes a link by which the signed-in member buys the plan that their upgrade leads to. Call it \
        once they have said that they want to upgrade. The member is shown the link; do not repeat it, and do not say that \
        anything has changed or is paid.",
    input: |_| {
        object([(
            "action_id",
            optional_text("Which upgrade, by the id of list_quick_actions; null for the first."),
        )])
    },
    output: || object([("url", text("Where to buy."))]),
    annotations: Annotations { read_only: false, destructive: false, idempotent: false, open_world: true },
    scope: Audience::Member,
    touches: Whom::Visitor,
    needs: &[Service::WhopGateway],
    secrets: &[],
    claims: &[Claim::act(&[
        r"\b(?:i|we)(?:'ve| have)(?: \S+){0,2} (?:created|made|generated|prepared|sent)(?: \S+){0,4} upgrade ?link\b",
        r"\b(?:habe|haben)\b[^.!?]{0,60}\bupgrade-?link\b[^.!?]{0,40}\b(?:erstellt|angelegt|erzeugt|geschickt)\b",
    ])],
    correction: ["no upgrade link has been made", "es wurde kein Upgrade-Link erstellt"],
    on_failure: "It is NOT certain that there is a link. Call it once more with exactly the same arguments. If that fails too, \
        tell the member that upgrades do not work right now. Nothing has changed.",
    progress: "Preparing the upgrade…",
    run: Run::Here(|call| run(call).boxed()),
};

/// The arguments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    action_id: Option<String>,
}

async fn run(mut call: Call<'_>) -> Result<Reply, Failure> {
    let input: Input = arguments::read(call.arguments.take())?;
    let request = CreateUpgradeLinkRequest {
        caller: call.caller(),
        request_id: call.request_id.clone(),
        action_id: arguments::maybe_id("action_id", input.action_id.as_deref())?,
    };
    let link = call.clients.create_upgrade_link(request).await?;
    let receipt = Receipt::new("Your upgrade", []).with_link("Choose this plan", &link.url);
    Ok(Reply::shown(json!({"url": link.url}), receipt))
}
