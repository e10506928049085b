//! `create_checkout_link`: a link by which the visitor pays for an offer.

use domain::workflow::Audience;
use futures_util::FutureExt as _;
use jiff::tz::TimeZone;
use proto::booking::v1::{Attendee, Checkout, CreateCheckoutRequest};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{cancel_checkout_link, end, item, price, receipt, status};
use crate::{
    Annotations, Receipt, Tool, arguments,
    failure::Failure,
    links::Service,
    schema::{object, one_of, optional_text, some, text},
    times,
    tool::{Claim, Run, Whom},
    toolbox::{Call, Reply},
};

/// Longest name or address, in characters.
const LONGEST: usize = 254;

pub(crate) static TOOL: Tool = Tool {
    name: "create_checkout_link",
    title: "Make a link to pay",
    description: "Makes a link by which the visitor pays for an offer that is payable, at the catalogue's price. Call it once \
        the visitor has said that they want to buy it. An offer with a meeting needs a time that list_slots answered, and \
        the visitor's name: the time is held while the link lives, and the meeting is booked once it is paid. The visitor is \
        shown the link; do not repeat it, and do not say that anything is paid.",
    input: |workflow| {
        let payable = workflow.offers.iter().filter(|offer| offer.payable).map(|offer| offer.id.clone());
        object([
            ("offer", one_of(&payable.collect::<Vec<_>>(), "What is to be paid, by the offer's id.")),
            (
                "start_time",
                optional_text("The start that the visitor chose, RFC 3339, for an offer with a meeting."),
            ),
            ("name", optional_text("The visitor's full name, for an offer with a meeting; else null.")),
            ("email", optional_text("The visitor's e-mail address, as they wrote it; null without one.")),
            ("time_zone", optional_text("IANA time zone of the visitor, if they said one; else null.")),
        ])
    },
    output: || {
        object([
            ("reference", text("The link's id.")),
            ("status", text("How it stands: open, it waits to be paid.")),
            ("url", optional_text("Where to pay.")),
            ("item", text("What is paid for.")),
            ("price", optional_text("What it costs.")),
            ("start", optional_text("The time that is held, RFC 3339; null without a meeting.")),
            ("expires_at", optional_text("When the link ends, RFC 3339.")),
        ])
    },
    annotations: Annotations { read_only: false, destructive: false, idempotent: false, open_world: true },
    scope: Audience::Anyone,
    touches: Whom::Visitor,
    needs: &[Service::BookingPayments],
    secrets: &[],
    claims: &[
        Claim::act(&[
            r"\b(?:i|we)(?:'ve| have)(?: \S+){0,2} (?:created|made|generated|prepared|sent|set up)(?: \S+){0,4} (?:payment|checkout|pay) ?link\b",
            r"\b(?:habe|haben)\b[^.!?]{0,60}\b(?:zahlungs|bezahl)-?links?\b[^.!?]{0,40}\b(?:erstellt|angelegt|erzeugt|geschickt|gesendet)\b",
        ]),
        Claim::state(
            &[
                r"\bhere(?:'s| is)(?: \S+){0,3} (?:payment|checkout|pay) ?link\b",
                r"\bhier ist\b[^.!?]{0,30}\b(?:zahlungs|bezahl)-?link\b",
            ],
            &["list_my_payments"],
        ),
    ],
    correction: ["no link to pay has been made", "es wurde kein Zahlungslink erstellt"],
    on_failure: "It is NOT certain that there is a link. Call it once more with exactly the same arguments, which makes no \
        second one. If that fails too, tell the visitor that payments do not work right now. Nobody has paid anything.",
    progress: "Preparing the payment…",
    run: Run::Here(|call| run(call).boxed()),
};

/// The arguments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    offer: String,
    start_time: Option<String>,
    name: Option<String>,
    email: Option<String>,
    time_zone: Option<String>,
}

/// The answer.
#[derive(Debug, Serialize)]
struct Output {
    reference: String,
    status: &'static str,
    url: Option<String>,
    item: String,
    price: Option<String>,
    start: Option<String>,
    expires_at: Option<String>,
}

async fn run(mut call: Call<'_>) -> Result<Reply, Failure> {
    let input: Input = arguments::read(call.arguments.take())?;
    let zone = times::zone(input.time_zone, call.session.zone())?;
    let short = |field: &str, given| arguments::maybe(field, given, LONGEST);
    let attendee = Attendee {
        name: short("name", input.name)?,
        email: short("email", input.email)?,
        phone: String::new(),
        time_zone: times::name(&zone),
        language: call.session.language(),
    };
    let request = CreateCheckoutRequest {
        caller: call.caller(),
        request_id: call.request_id.clone(),
        item_id: arguments::required("offer", input.offer, LONGEST)?,
        start_time: times::maybe("start_time", input.start_time.as_deref(), &zone)?,
        attendee: Some(attendee),
        page: call.session.page(),
        thread_id: call.session.thread_id.clone(),
    };
    let answer = call.clients.create_checkout(request).await.map_err(|status| Failure::of(&status, &zone))?;
    let checkout = answer.checkout.ok_or(Failure::Odd("the link"))?;
    // a call that came before answers the link that it made then
    if let Some(end) = end(&checkout) {
        let id = &checkout.checkout_id;
        return Err(Failure::over(format!("link {id}, which the same call made, {end}")));
    }
    let output = Output {
        reference: checkout.checkout_id.clone(),
        status: status(&checkout),
        url: some(&checkout.url),
        item: item(&checkout),
        price: price(&checkout),
        start: times::told(checkout.start_time, &zone),
        expires_at: times::told(checkout.expire_time, &zone),
    };
    Ok(Reply::shown(json!(output), shown(&checkout, &zone)))
}

fn shown(checkout: &Checkout, zone: &TimeZone) -> Receipt {
    let arguments = json!({"reference": checkout.checkout_id});
    receipt("Your link to pay", checkout, zone).with_link("Pay now", &checkout.url).with_undo(
        "Cancel this link",
        cancel_checkout_link::TOOL.name,
        arguments,
    )
}
