//! What is sold by link, and for how much.
//!
//! The invariant: a price comes from a workflow's definition; nobody who calls can name one.

use std::sync::Arc;

use domain::{
    Fault, Kind, Money, Reason,
    workflow::{Interval, Offer, Registry},
};
use serde::{Deserialize, Serialize};

/// What the workflows sell.
#[derive(Clone, Debug)]
pub(crate) struct Catalogue(Arc<Registry>);

/// An item as it stood when its link was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    /// Unique within its workflow.
    pub(crate) id: String,
    /// What people call it.
    pub(crate) name: String,
    /// What one gets.
    #[serde(default)]
    pub(crate) description: String,
    /// What it costs, each `interval` if there is one.
    pub(crate) price: Money,
    /// How often it is due; once if absent.
    #[serde(default)]
    pub(crate) interval: Option<Interval>,
    /// Stripe's price of it.
    #[serde(default)]
    pub(crate) stripe_price: Option<String>,
    /// Slug of the meeting that follows.
    #[serde(default)]
    pub(crate) meeting: Option<String>,
}

// === impl Catalogue ===

impl Catalogue {
    /// What the workflows of `registry` sell.
    pub(crate) fn new(registry: Arc<Registry>) -> Self {
        Self(registry)
    }

    /// The items of a workflow.
    pub(crate) fn items(&self, workflow: &str) -> Vec<Item> {
        let workflow = self.0.iter().find(|known| known.slug == workflow);
        let offers = workflow.into_iter().flat_map(|workflow| &workflow.offers);
        offers.filter(|offer| offer.payable).map(Item::of).collect()
    }

    /// One item of a workflow.
    pub(crate) fn item(&self, workflow: &str, id: &str) -> Result<Item, Fault> {
        let why = "the workflow sells no such item by link";
        let unsold = || Fault::new(Kind::NotFound, Reason::ItemNotSold, why);
        self.items(workflow).into_iter().find(|item| item.id == id).ok_or_else(unsold)
    }
}

// === impl Item ===

impl Item {
    fn of(offer: &Offer) -> Self {
        let Offer { id, name, price, interval, description, stripe_price, meeting, .. } = offer.clone();
        let description = description.unwrap_or_default();
        Self { id, name, description, price, interval, stripe_price, meeting }
    }

    /// How often it is due, in a word of ours and of Stripe's.
    pub(crate) fn interval(&self) -> &'static str {
        match self.interval {
            None => "",
            Some(Interval::Week) => "week",
            Some(Interval::Month) => "month",
            Some(Interval::Year) => "year",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_payable_is_sold_and_only_where_it_stands() {
        let catalogue = Catalogue::new(Arc::new(Registry::built_in()));
        let item = catalogue.item("lead-concierge", "strategy-consult").unwrap();
        assert_eq!(
            (item.price.to_string().as_str(), item.meeting.as_deref()),
            ("150.00 EUR", Some("strategy-consult"))
        );
        assert_eq!(catalogue.item("lead-concierge", "growth").unwrap().interval(), "month");
        for (workflow, id) in
            [("lead-concierge", "launch"), ("client-portal", "growth"), ("none", "growth"), ("", "")]
        {
            let fault = catalogue.item(workflow, id).unwrap_err();
            assert_eq!((fault.kind, fault.reason), (Kind::NotFound, Reason::ItemNotSold), "{workflow} {id}");
        }
    }
}
