//! `list_offers`: what is for sale, from the workflow's catalogue.

use domain::workflow::{Audience, Interval, Offer};
use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Annotations, Tool, arguments,
    failure::Failure,
    links::Service,
    schema::{boolean, integer, list, object, optional_text, text},
    tool::{Run, Whom},
    toolbox::{Call, Reply},
};

pub(crate) static TOOL: Tool = Tool {
    name: "list_offers",
    title: "List the offers",
    description: "Lists everything that is for sale with its current price. Call it before naming a package or a price.",
    input: |_| object([]),
    output: || {
        let offer = object([
            ("id", text("Its id.")),
            ("name", text("Its name.")),
            ("price", text("The price as it is shown, e.g. 490.00 EUR a month.")),
            ("minor", integer("The price in minor units of the currency.")),
            ("currency", text("ISO 4217 code.")),
            ("payable", boolean("It can be paid by a link of create_checkout_link.")),
            ("meeting", optional_text("The meeting that is booked once it is paid, as list_slots takes it.")),
            ("description", optional_text("What one gets.")),
            ("url", optional_text("Where more is said about it.")),
        ]);
        object([("source", text("Where the offers come from.")), ("offers", list(&offer))])
    },
    annotations: Annotations::READS,
    scope: Audience::Anyone,
    touches: Whom::Nobody,
    needs: &[],
    secrets: &[],
    claims: &[],
    correction: ["", ""],
    on_failure: "The offers cannot be listed right now. Say so; do not name any price from memory.",
    progress: "Looking up our offers…",
    run: Run::Here(|call| async move { run(call) }.boxed()),
};

/// The arguments: none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {}

/// The answer.
#[derive(Debug, Serialize)]
struct Output {
    source: String,
    offers: Vec<Listed>,
}

#[derive(Debug, Serialize)]
struct Listed {
    id: String,
    name: String,
    price: String,
    minor: i64,
    currency: String,
    payable: bool,
    meeting: Option<String>,
    description: Option<String>,
    url: Option<String>,
}

fn run(call: Call<'_>) -> Result<Reply, Failure> {
    let Input {} = arguments::read(call.arguments)?;
    let workflow = &call.session.workflow;
    let has_till = call.links.have(&[Service::BookingPayments]);
    let output = Output {
        source: format!("offers of {}", workflow.title),
        offers: workflow.offers.iter().map(|offer| listed(offer, has_till)).collect(),
    };
    Ok(Reply::of(json!(output)))
}

fn listed(offer: &Offer, has_till: bool) -> Listed {
    let Offer { id, name, price, interval, description, url, payable, meeting, .. } = offer.clone();
    let each = match interval {
        None => "",
        Some(Interval::Week) => " a week",
        Some(Interval::Month) => " a month",
        Some(Interval::Year) => " a year",
    };
    Listed {
        id,
        name,
        price: format!("{price}{each}"),
        minor: price.minor,
        currency: price.currency.as_str().to_owned(),
        payable: payable && has_till,
        meeting,
        description,
        url,
    }
}

#[cfg(test)]
mod tests {
    use domain::workflow::Registry;

    use super::*;
    use crate::schema::check::mismatch;

    #[test]
    fn types_and_schemas_agree() {
        let registry = Registry::built_in();
        let workflow = registry.choose("", "", "").unwrap();
        assert!(mismatch(&(TOOL.input)(workflow), &json!(Input {}), "input").is_empty());
        let offers: Vec<Listed> = workflow.offers.iter().map(|offer| listed(offer, true)).collect();
        assert!(offers.iter().any(|offer| offer.price == "1490.00 EUR a month" && offer.payable));
        assert!(!listed(&workflow.offers[0], false).payable, "nobody takes the money");
        let output = json!(Output { source: "s".into(), offers });
        assert!(mismatch(&(TOOL.output)(), &output, "output").is_empty());
    }
}
