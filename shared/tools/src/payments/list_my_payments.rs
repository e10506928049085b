//! `list_my_payments`: what this visitor has paid or is asked to pay.
//!
//! Links that were made here, and what the verified Whop user has paid at Whop. The invariant: where one of the two cannot
//! be told the answer says so instead of looking whole.

use domain::workflow::Audience;
use futures_util::FutureExt as _;
use jiff::tz::TimeZone;
use proto::{
    booking::v1::{Checkout, ListCheckoutsRequest},
    whop::v1::{ListPaymentsRequest, Payment},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{amount, item, price, status};
use crate::{
    Annotations, NOTICE, Tool, arguments,
    failure::Failure,
    links::Service,
    schema::{boolean, list, object, one_of, optional_text, some, text},
    times,
    tool::{Claim, Run, Whom},
    toolbox::{Call, Reply},
};

/// Most links of one answer.
const LINKS: i32 = 20;
/// Most payments at Whop of one answer.
const MOST: usize = 20;

pub(crate) static TOOL: Tool = Tool {
    name: "list_my_payments",
    title: "List my payments",
    description: "Lists what this visitor has paid or is asked to pay: links that were made for them, and for a signed-in \
        member what they have paid for their memberships. Call it when they ask for a payment, an invoice or a refund of \
        theirs.",
    input: |_| object([]),
    output: || {
        let payment = object([
            ("source", one_of(&["link", "membership"].map(str::to_owned), "Where it was paid.")),
            ("reference", text("Its id.")),
            ("item", optional_text("What it is for; null if that is not known.")),
            ("amount", optional_text("What it costs, or what was paid.")),
            ("refunded", optional_text("What was paid back of it; null if nothing.")),
            ("status", text("How it stands, e.g. open, pending, paid, refunded, failed, expired.")),
            ("created_at", optional_text("When it was made, RFC 3339.")),
            (
                "paid_at",
                optional_text("When it was paid, RFC 3339; null if it was not or that is not known."),
            ),
            ("url", optional_text("Where to pay, while it can be paid.")),
        ]);
        object([
            ("payments", list(&payment)),
            ("complete", boolean("False if some could not be looked up, or there are more.")),
        ])
    },
    annotations: Annotations::READS,
    scope: Audience::Anyone,
    touches: Whom::Visitor,
    needs: &[Service::BookingPayments, Service::WhopGateway],
    secrets: &[],
    claims: &[Claim::state(
        &[
            r"\b(?:payment|refund|order|money)(?: \S+){0,4} (?:is|has|was|has been)(?: \S+){0,2} (?:confirmed|processed|received|arrived|refunded|completed)\b",
            r"\b(?:zahlung|erstattung|geld)\b[^.!?]{0,40}\b(?:ist|wurde)\b[^.!?]{0,30}\b(?:eingegangen|bestätigt|verarbeitet|erstattet|angekommen)\b",
        ],
        &[NOTICE],
    )],
    correction: ["no payment is known to have arrived", "es ist kein Zahlungseingang bekannt"],
    on_failure: "The payments cannot be listed right now. Say so; do not name any from memory.",
    progress: "Looking up your payments…",
    run: Run::Here(|call| run(call).boxed()),
};

/// The arguments: none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {}

/// The answer.
#[derive(Debug, Default, Serialize)]
struct Output {
    payments: Vec<Told>,
    complete: bool,
}

#[derive(Debug, Serialize)]
struct Told {
    source: &'static str,
    reference: String,
    item: Option<String>,
    amount: Option<String>,
    refunded: Option<String>,
    status: String,
    created_at: Option<String>,
    paid_at: Option<String>,
    url: Option<String>,
}

async fn run(mut call: Call<'_>) -> Result<Reply, Failure> {
    let Input {} = arguments::read(call.arguments.take())?;
    let zone = call.session.zone();
    let (links, paid) = futures_util::join!(links(&call), paid(&call));
    let mut output = Output { payments: Vec::new(), complete: true };
    match (links, paid) {
        (Err(failure), Err(_) | Ok(None)) | (Ok(None), Err(failure)) => return Err(failure),
        (links, paid) => {
            output.complete = links.is_ok() && paid.is_ok();
            if let Ok(Some((checkouts, more))) = links {
                output.complete &= !more;
                output.payments.extend(checkouts.iter().map(|checkout| of_link(checkout, &zone)));
            }
            if let Ok(Some(payments)) = paid {
                output.complete &= payments.len() <= MOST;
                output.payments.extend(payments.iter().take(MOST).map(|payment| of_member(payment, &zone)));
            }
        }
    }
    Ok(Reply::of(json!(output)))
}

/// The links of the caller, and whether there are more; `None` where nobody makes links.
async fn links(call: &Call<'_>) -> Result<Option<(Vec<Checkout>, bool)>, Failure> {
    if !call.links.have(&[Service::BookingPayments]) {
        return Ok(None);
    }
    let request = ListCheckoutsRequest { caller: call.caller(), page_size: LINKS, page_token: String::new() };
    let answer = call.clients.list_checkouts(request).await?;
    Ok(Some((answer.checkouts, !answer.next_page_token.is_empty())))
}

/// What the verified Whop user has paid; `None` where there is no such user.
async fn paid(call: &Call<'_>) -> Result<Option<Vec<Payment>>, Failure> {
    let is_member = !call.session.caller.verified_whop_user_id.is_empty();
    if !is_member || !call.links.have(&[Service::WhopGateway]) {
        return Ok(None);
    }
    Ok(Some(call.clients.list_payments(ListPaymentsRequest { caller: call.caller() }).await?.payments))
}

fn of_link(checkout: &Checkout, zone: &TimeZone) -> Told {
    Told {
        source: "link",
        reference: checkout.checkout_id.clone(),
        item: some(item(checkout)),
        amount: amount(checkout.paid.as_ref()).or_else(|| price(checkout)),
        refunded: amount(checkout.refunded.as_ref()),
        status: status(checkout).to_owned(),
        created_at: times::told(checkout.create_time, zone),
        paid_at: None,
        url: some(&checkout.url),
    }
}

fn of_member(payment: &Payment, zone: &TimeZone) -> Told {
    Told {
        source: "membership",
        reference: payment.payment_id.clone(),
        item: None,
        amount: amount(payment.amount.as_ref()),
        refunded: amount(payment.refunded.as_ref()),
        status: payment.status.clone(),
        created_at: times::told(payment.create_time, zone),
        paid_at: times::told(payment.pay_time, zone),
        url: None,
    }
}
