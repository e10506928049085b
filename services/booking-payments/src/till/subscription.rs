//! A subscription as it is kept, and looking at it at Stripe.
//!
//! The invariant: as for payments, what is kept is a function of what was fetched and of the link that it came from.

use domain::Money;
use jiff::Timestamp;
use providers::{error::Error, owner::Owner};
use serde::{Deserialize, Serialize};
use store::{Attempts, Collection, Work};

use super::{
    Till,
    book::{inexact, money},
    followed::Ends,
    mrr,
    origin::Origin,
    payment::Payer,
    time,
};
use crate::stripe::{self, Session};

/// All subscriptions.
pub(crate) const SUBSCRIPTIONS: Collection<Subscription> = Collection::new("subscriptions");

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subscription {
    /// `sub_…`
    pub(crate) id: String,
    /// Grows with every change.
    pub(crate) version: u64,
    /// When it was made.
    pub(crate) created_at: Timestamp,
    /// What was subscribed to.
    pub(crate) product: String,
    /// At which price.
    pub(crate) plan: String,
    /// Stripe's word for how it stands.
    pub(crate) status: String,
    /// When it began.
    pub(crate) started_at: Option<Timestamp>,
    /// When it renews next; absent if it does not.
    pub(crate) renews_at: Option<Timestamp>,
    /// When it was called off.
    pub(crate) canceled_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default)]
    pub(crate) ended_at: Option<Timestamp>,
    /// What it brings in a month.
    pub(crate) mrr: Money,
    /// `chk_…` of the link that it came from.
    pub(crate) checkout: String,
    /// Who asked for the link.
    pub(crate) owner: Owner,
    /// Who pays, as Stripe has it.
    pub(crate) payer: Payer,
    /// It is real money.
    pub(crate) live: bool,
    /// Whoever pays is forgotten, and nothing brings them back.
    pub(crate) erased: bool,
}

impl Till {
    /// Looks at a subscription.
    pub(super) async fn refresh_subscription(&self, id: &str) -> Result<Ends, Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(self.store());
            let known: Option<Subscription> = work.get(&SUBSCRIPTIONS, id).await?;
            let fetched = self.stripe().subscription(id).await?;
            let hint = fetched.metadata.get("checkout").map(String::as_str);
            let is_ours = |session: &Session| session.subscription.as_deref() == Some(id);
            let origin = self.origin(&mut work, hint, is_ours).await?;
            let next = self.of_subscription(&fetched, origin.as_ref())?;
            let checkout = origin.map(|origin| origin.checkout);
            if self.keep(&mut attempts, work, known, next, checkout).await? {
                return Ok(vec![id.to_owned()]);
            }
        }
    }

    fn of_subscription(
        &self,
        fetched: &stripe::Subscription,
        origin: Option<&Origin>,
    ) -> Result<Subscription, Error> {
        let items = &fetched.items.data;
        let has_ended = matches!(fetched.status.as_str(), "canceled" | "incomplete_expired");
        let next_due = items.iter().filter_map(|item| item.current_period_end).min();
        let ends_first = fetched.cancel_at.is_some_and(|end| next_due.is_none_or(|due| end <= due));
        let renews = !has_ended && !fetched.cancel_at_period_end && !ends_first;
        let products = items.iter().filter_map(|item| item.price.product.as_ref()).map(stripe::Product::name);
        let asked = origin.and_then(|origin| origin.session.customer_details.as_ref());
        let customer = match &fetched.customer {
            Some(stripe::Customer::Whole(contact)) => Some(contact),
            _ => None,
        };
        let checkout = origin.map(|origin| &origin.checkout);
        Ok(Subscription {
            id: fetched.id.to_string(),
            version: 0,
            created_at: time(fetched.created).unwrap_or_default(),
            product: products.collect::<Vec<_>>().join(", "),
            plan: plan(fetched)?,
            status: fetched.status.clone(),
            started_at: fetched.start_date.and_then(time),
            renews_at: next_due.filter(|_| renews).and_then(time),
            canceled_at: fetched.canceled_at.and_then(time),
            ended_at: fetched.ended_at.and_then(time),
            mrr: mrr::monthly(&fetched.status, items, &fetched.currency).map_err(|_| inexact())?,
            checkout: checkout.map(|checkout| checkout.id.clone()).unwrap_or_default(),
            owner: checkout.map(|checkout| checkout.owner.clone()).unwrap_or_default(),
            payer: Payer::of(&asked.into_iter().chain(customer).collect::<Vec<_>>()),
            live: self.stripe().is_live(fetched.livemode),
            erased: false,
        })
    }
}

/// What its prices are called: as the agency calls them, else by what they are.
fn plan(fetched: &stripe::Subscription) -> Result<String, Error> {
    let mut names = Vec::new();
    for stripe::Item { price, .. } in &fetched.items.data {
        let nickname = price.nickname.as_deref().filter(|name| !name.is_empty());
        match (nickname, price.unit_amount, &price.recurring) {
            (Some(name), ..) => names.push(name.to_owned()),
            (None, Some(amount), Some(every)) => {
                let amount = money(amount, &fetched.currency)?;
                let stripe::Recurring { interval, interval_count } = every;
                names.push(match interval_count {
                    1 => format!("{amount} a {interval}"),
                    count => format!("{amount} every {count} {interval}s"),
                });
            }
            _ => {}
        }
    }
    Ok(names.join(", "))
}
