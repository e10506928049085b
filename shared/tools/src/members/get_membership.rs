//! `get_membership`: what a member has.

use domain::workflow::Audience;
use futures_util::FutureExt as _;
use proto::whop::v1::{ListMembershipsRequest, Membership};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::word;
use crate::{
    Annotations, Tool, arguments,
    failure::Failure,
    links::Service,
    schema::{boolean, list, object, optional_text, some, text},
    times,
    tool::{Run, Whom},
    toolbox::{Call, Reply},
};

/// Most memberships of one answer; those that give access come first.
const MOST: usize = 20;

pub(crate) static TOOL: Tool = Tool {
    name: "get_membership",
    title: "Look up the membership",
    description: "Looks up the memberships of the signed-in member: product, plan, how it stands, \
        when it renews or ends. Call it before saying anything about their plan.",
    input: |_| object([]),
    output: || {
        let membership = object([
            ("product", text("What it is of.")),
            ("plan", text("On which plan.")),
            ("status", text("How it stands, in Whop's words.")),
            ("has_access", boolean("It gives access now.")),
            ("began_at", optional_text("When it began, RFC 3339.")),
            ("renews_at", optional_text("When it renews next; null if it does not.")),
            ("access_ends_at", optional_text("When access ends; null if that is not fixed.")),
            ("ends_with_period", boolean("It ends with the period that is paid for.")),
            ("manage_url", optional_text("Where the member manages it.")),
        ]);
        object([
            ("memberships", list(&membership)),
            ("as_of", optional_text("When this was known.")),
            ("may_be_out_of_date", boolean("It could not be looked up just now: this was said last.")),
        ])
    },
    annotations: Annotations::ASKS,
    scope: Audience::Member,
    touches: Whom::Visitor,
    needs: &[Service::WhopGateway],
    secrets: &[],
    claims: &[],
    correction: ["", ""],
    on_failure: "The membership cannot be looked up right now. Say so; do not name a plan from memory.",
    progress: "Looking up your membership…",
    run: Run::Here(|call| run(call).boxed()),
};

/// The arguments: none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {}

/// The answer.
#[derive(Debug, Serialize)]
struct Output {
    memberships: Vec<Told>,
    as_of: Option<String>,
    may_be_out_of_date: bool,
}

#[derive(Debug, Serialize)]
struct Told {
    product: String,
    plan: String,
    status: String,
    has_access: bool,
    began_at: Option<String>,
    renews_at: Option<String>,
    access_ends_at: Option<String>,
    ends_with_period: bool,
    manage_url: Option<String>,
}

async fn run(mut call: Call<'_>) -> Result<Reply, Failure> {
    let Input {} = arguments::read(call.arguments.take())?;
    let zone = call.session.zone();
    let answer = call.clients.list_memberships(ListMembershipsRequest { caller: call.caller() }).await?;
    let freshness = answer.freshness.unwrap_or_default();
    let told = |membership: &Membership| Told {
        product: membership.product.clone(),
        plan: membership.plan.clone(),
        status: word(membership.status()),
        has_access: membership.has_access,
        began_at: times::told(membership.create_time, &zone),
        renews_at: times::told(membership.renew_time, &zone),
        access_ends_at: times::told(membership.expire_time, &zone),
        ends_with_period: membership.cancel_at_period_end,
        manage_url: some(&membership.manage_url),
    };
    let memberships = answer.memberships.iter().take(MOST).map(told).collect();
    let as_of = times::told(freshness.as_of, &zone);
    Ok(Reply::of(json!(Output { memberships, as_of, may_be_out_of_date: freshness.stale })))
}
