//! `cancel_checkout_link`: a link that nobody has paid ends.

use domain::Reason;
use domain::workflow::Audience;
use futures_util::FutureExt as _;
use proto::booking::v1::{Checkout, CheckoutStatus, ExpireCheckoutRequest, GetCheckoutRequest};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{end, item, receipt, status};
use crate::{
    Annotations, Tool, arguments,
    failure::{Failure, Refusal},
    links::Service,
    schema::{object, text},
    tool::{Claim, Run, Whom},
    toolbox::{Call, Reply},
};

pub(crate) static TOOL: Tool = Tool {
    name: "cancel_checkout_link",
    title: "Cancel a link to pay",
    description: "Ends a link to pay that create_checkout_link made and nobody has paid; a time that it held is free again. \
        Call it only after the visitor has said that they do not want it any more.",
    input: |_| object([("reference", text("The link, as create_checkout_link answered it."))]),
    output: || {
        object([
            ("reference", text("The link's id.")),
            ("status", text("How it stands now.")),
            ("item", text("What it was for.")),
        ])
    },
    annotations: Annotations { read_only: false, destructive: true, idempotent: true, open_world: true },
    scope: Audience::Anyone,
    touches: Whom::Visitor,
    needs: &[Service::BookingPayments],
    secrets: &[],
    claims: &[Claim::act(&[
        r"\b(?:i|we)(?:'ve| have)(?: \S+){0,2} (?:cancell?ed|ended|revoked)(?: \S+){0,4} (?:payment|checkout|pay)? ?link\b",
        r"\b(?:habe|haben)\b[^.!?]{0,60}\b(?:zahlungs|bezahl)-?link\b[^.!?]{0,40}\b(?:storniert|beendet|gelöscht)\b",
    ])],
    correction: ["the link to pay has not been cancelled", "der Zahlungslink wurde nicht storniert"],
    on_failure: "It is NOT certain that the link has ended. Call it once more with exactly the same arguments.",
    progress: "Cancelling…",
    run: Run::Here(|call| run(call).boxed()),
};

/// The arguments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    reference: String,
}

/// The answer.
#[derive(Debug, Serialize)]
struct Output {
    reference: String,
    status: &'static str,
    item: String,
}

async fn run(mut call: Call<'_>) -> Result<Reply, Failure> {
    let Input { reference } = arguments::read(call.arguments.take())?;
    let request = ExpireCheckoutRequest {
        caller: call.caller(),
        request_id: call.request_id.clone(),
        checkout_id: arguments::id("reference", &reference)?,
    };
    let id = request.checkout_id.clone();
    let checkout = match call.clients.expire_checkout(request).await.map_err(Failure::from) {
        Ok(answer) => answer.checkout.ok_or(Failure::Odd("the link"))?,
        Err(Failure::Refused(refusal)) if refusal.reason == Reason::StateWrong => {
            return Err(in_words(&call, id, refusal).await);
        }
        Err(failure) => return Err(failure),
    };
    let title = title(&checkout)?;
    let output =
        Output { reference: checkout.checkout_id.clone(), status: status(&checkout), item: item(&checkout) };
    Ok(Reply::shown(json!(output), receipt(title, &checkout, &call.session.zone())))
}

/// What a link that has ended is called.
fn title(checkout: &Checkout) -> Result<&'static str, Failure> {
    match checkout.status() {
        CheckoutStatus::Canceled => Ok("Your link to pay is cancelled"),
        CheckoutStatus::Expired | CheckoutStatus::Failed => Ok("Your link to pay has ended"),
        CheckoutStatus::Open | CheckoutStatus::Unspecified => Err(Failure::Odd("the end of the link")),
        CheckoutStatus::Pending | CheckoutStatus::Paid => Err(Failure::Refused(paid(checkout))),
    }
}

/// Why the till does not end a link, by how the link stands.
async fn in_words(call: &Call<'_>, checkout_id: String, refusal: Refusal) -> Failure {
    let request = GetCheckoutRequest { caller: call.caller(), checkout_id };
    match call.clients.get_checkout(request).await.ok().and_then(|answer| answer.checkout) {
        Some(checkout) if end(&checkout).is_some() => Failure::Refused(paid(&checkout)),
        // what it says of itself is less, and true as well
        _ => Failure::Refused(refusal),
    }
}

fn paid(checkout: &Checkout) -> Refusal {
    let why = format!("the link cannot be cancelled: it {}", end(checkout).unwrap_or("waits to be paid"));
    let advice = "Nothing was changed. Tell the visitor how it stands; money is paid back by people alone, so call \
        hand_off_to_human if that is wanted.";
    Refusal { reason: Reason::StateWrong, why, advice, more: Default::default() }
}
