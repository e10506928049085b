//! `validate_license`: what a licence key is worth.

use domain::workflow::Audience;
use futures_util::FutureExt as _;
use proto::whop::v1::ValidateLicenseRequest;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::word;
use crate::{
    Annotations, Tool, arguments,
    failure::Failure,
    links::Service,
    schema::{boolean, object, optional_text, some, text},
    times,
    tool::{Run, Whom},
    toolbox::{Call, Reply},
};

/// Longest key, in characters.
const LONGEST: usize = 256;

pub(crate) static TOOL: Tool = Tool {
    name: "validate_license",
    title: "Check a licence key",
    description: "Says whether a licence key is valid, and for which product. Call it with the key \
        as the member wrote it. It says nothing about whose it is.",
    input: |_| object([("license_key", text("The key, as the member wrote it."))]),
    output: || {
        object([
            ("valid", boolean("There is such a key, and it gives access now.")),
            ("status", text("How it stands; unknown if there is no such key.")),
            ("product", optional_text("What it is of.")),
            ("access_ends_at", optional_text("When access ends; null if that is not fixed.")),
        ])
    },
    annotations: Annotations::ASKS,
    scope: Audience::Member,
    touches: Whom::Visitor,
    needs: &[Service::WhopGateway],
    secrets: &["license_key"],
    claims: &[],
    correction: ["", ""],
    on_failure: "The key cannot be checked right now. Say so; do not guess whether it is valid.",
    progress: "Checking the key…",
    run: Run::Here(|call| run(call).boxed()),
};

/// The arguments.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    license_key: String,
}

/// The answer.
#[derive(Debug, Serialize)]
struct Output {
    valid: bool,
    status: String,
    product: Option<String>,
    access_ends_at: Option<String>,
}

async fn run(mut call: Call<'_>) -> Result<Reply, Failure> {
    let Input { license_key } = arguments::read(call.arguments.take())?;
    let license_key = arguments::required("license_key", license_key, LONGEST)?;
    let request = ValidateLicenseRequest { caller: call.caller(), license_key };
    let license = call.clients.validate_license(request).await?.license.ok_or(Failure::Odd("the licence"))?;
    Ok(Reply::of(json!(Output {
        valid: license.valid,
        status: word(license.status()),
        product: some(&license.product),
        access_ends_at: times::told(license.expire_time, &call.session.zone()),
    })))
}
