//! Answers of Stripe, with only the fields that are needed.
//!
//! The invariant: an id in here was checked when it was read.

use std::{collections::BTreeMap, fmt, ops::Deref, str::FromStr};

use serde::Deserialize;

use super::charge::Charge;

/// An id of Stripe's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "Reference")]
pub(crate) struct Id(String);

/// An id, or the thing itself where it was expanded.
#[derive(Deserialize)]
#[serde(untagged)]
enum Reference {
    Bare(String),
    Whole { id: String },
}

/// A link: a Checkout Session.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Session {
    /// `cs_…`
    pub(crate) id: Id,
    /// Where to pay; absent once it cannot be paid any more.
    #[serde(default)]
    pub(crate) url: Option<String>,
    /// `open`, `complete` or `expired`.
    #[serde(default)]
    pub(crate) status: Option<String>,
    /// `paid`, `unpaid` or `no_payment_required`.
    pub(crate) payment_status: String,
    /// What is paid in all, in the units of `currency`.
    #[serde(default)]
    pub(crate) amount_total: Option<i64>,
    /// In small letters.
    #[serde(default)]
    pub(crate) currency: Option<String>,
    /// What it is called on our side.
    #[serde(default)]
    pub(crate) client_reference_id: Option<String>,
    /// Of a single payment, once there is an attempt.
    #[serde(default)]
    pub(crate) payment_intent: Option<Id>,
    /// Of a subscription, once it is made.
    #[serde(default)]
    pub(crate) subscription: Option<Id>,
    /// The first invoice.
    #[serde(default)]
    pub(crate) invoice: Option<Id>,
    /// Who pays, as the page asked.
    #[serde(default)]
    pub(crate) customer_details: Option<Contact>,
    /// No test.
    #[serde(default)]
    pub(crate) livemode: bool,
}

/// Who pays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Contact {
    /// E-mail.
    pub(crate) email: Option<String>,
    /// Phone.
    pub(crate) phone: Option<String>,
    /// Full name.
    pub(crate) name: Option<String>,
}

/// A payment: a Payment Intent.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Intent {
    /// `pi_…`
    pub(crate) id: Id,
    /// What is to be paid.
    pub(crate) amount: i64,
    /// What came.
    #[serde(default)]
    pub(crate) amount_received: i64,
    /// In small letters.
    pub(crate) currency: String,
    /// When it was made, in unix seconds.
    pub(crate) created: i64,
    /// `requires_payment_method`, `processing`, `succeeded`, `canceled`, …
    pub(crate) status: String,
    /// The last attempt; expanded.
    #[serde(default)]
    pub(crate) latest_charge: Option<Charge>,
    /// Why the last attempt failed; there or not is all that counts.
    #[serde(default)]
    pub(crate) last_payment_error: Option<serde::de::IgnoredAny>,
    /// Where the receipt goes.
    #[serde(default)]
    pub(crate) receipt_email: Option<String>,
    /// What we noted.
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, String>,
    /// No test.
    #[serde(default)]
    pub(crate) livemode: bool,
}

/// How an invoice and a payment belong together.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct InvoicePayment {
    /// `in_…`
    pub(crate) invoice: Id,
    /// What pays it.
    pub(crate) payment: Payer,
}

/// What pays an invoice.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Payer {
    /// `pi_…`
    #[serde(default)]
    pub(crate) payment_intent: Option<Id>,
    /// `ch_…` of one that has no payment intent.
    #[serde(default)]
    pub(crate) charge: Option<Id>,
}

/// An invoice.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Invoice {
    /// `in_…`
    pub(crate) id: Id,
    /// `draft`, `open`, `paid`, `uncollectible` or `void`.
    #[serde(default)]
    pub(crate) status: Option<String>,
    /// What is to be paid.
    pub(crate) amount_due: i64,
    /// What was paid.
    pub(crate) amount_paid: i64,
    /// In small letters.
    pub(crate) currency: String,
    /// When it was made, in unix seconds.
    pub(crate) created: i64,
    /// It was tried to collect it.
    #[serde(default)]
    pub(crate) attempted: bool,
    /// When it came to stand so.
    #[serde(default)]
    pub(crate) status_transitions: Transitions,
    /// Who pays.
    #[serde(default)]
    pub(crate) customer_email: Option<String>,
    /// Who pays.
    #[serde(default)]
    pub(crate) customer_name: Option<String>,
    /// Who pays.
    #[serde(default)]
    pub(crate) customer_phone: Option<String>,
    /// What it came out of.
    #[serde(default)]
    pub(crate) parent: Option<Parent>,
    /// No test.
    #[serde(default)]
    pub(crate) livemode: bool,
}

/// When an invoice came to stand so.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Transitions {
    /// In unix seconds.
    pub(crate) paid_at: Option<i64>,
}

/// What an invoice came out of.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Parent {
    /// A subscription.
    #[serde(default)]
    pub(crate) subscription_details: Option<SubscriptionDetails>,
}

/// The subscription of an invoice.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct SubscriptionDetails {
    /// `sub_…`
    pub(crate) subscription: Id,
    /// What we noted on it.
    #[serde(default)]
    pub(crate) metadata: Option<BTreeMap<String, String>>,
}

/// A subscription.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Subscription {
    /// `sub_…`
    pub(crate) id: Id,
    /// `active`, `past_due`, `canceled`, …
    pub(crate) status: String,
    /// When it was made, in unix seconds.
    pub(crate) created: i64,
    /// When it began.
    #[serde(default)]
    pub(crate) start_date: Option<i64>,
    /// When it was called off; it may run on until what is paid for is over.
    #[serde(default)]
    pub(crate) canceled_at: Option<i64>,
    /// When it ended.
    #[serde(default)]
    pub(crate) ended_at: Option<i64>,
    /// When it will end.
    #[serde(default)]
    pub(crate) cancel_at: Option<i64>,
    /// It ends with what is paid.
    #[serde(default)]
    pub(crate) cancel_at_period_end: bool,
    /// In small letters.
    pub(crate) currency: String,
    /// Who pays; expanded.
    #[serde(default)]
    pub(crate) customer: Option<Customer>,
    /// What is subscribed to.
    pub(crate) items: Items,
    /// What we noted.
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, String>,
    /// No test.
    #[serde(default)]
    pub(crate) livemode: bool,
}

/// A customer, or its id alone; one that was deleted says nothing.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Customer {
    /// Its id.
    Bare(#[expect(dead_code, reason = "it keeps the shape")] String),
    /// Expanded.
    Whole(Contact),
}

/// What is subscribed to.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Items {
    /// Each of them.
    pub(crate) data: Vec<Item>,
}

/// One thing that is subscribed to.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Item {
    /// How many.
    #[serde(default = "one")]
    pub(crate) quantity: i64,
    /// At which price.
    pub(crate) price: Price,
    /// Until when it is paid, in unix seconds.
    #[serde(default)]
    pub(crate) current_period_end: Option<i64>,
}

/// A price.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Price {
    /// Of one; absent where it depends on use or number.
    #[serde(default)]
    pub(crate) unit_amount: Option<i64>,
    /// What it is called among us.
    #[serde(default)]
    pub(crate) nickname: Option<String>,
    /// How often it is due.
    #[serde(default)]
    pub(crate) recurring: Option<Recurring>,
    /// Of what; expanded.
    #[serde(default)]
    pub(crate) product: Option<Product>,
}

/// How often a price is due.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Recurring {
    /// `day`, `week`, `month` or `year`.
    pub(crate) interval: String,
    /// Every so many of them.
    #[serde(default = "one")]
    pub(crate) interval_count: i64,
}

/// A product, or its id alone.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Product {
    /// Expanded.
    Named {
        /// What people call it.
        name: String,
    },
    /// Its id.
    Bare(String),
}

fn one() -> i64 {
    1
}

// === impl Id ===

impl FromStr for Id {
    type Err = domain::id::Malformed;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        domain::id::check(text).map(|()| Self(text.to_owned()))
    }
}

impl TryFrom<Reference> for Id {
    type Error = domain::id::Malformed;
    fn try_from(reference: Reference) -> Result<Self, Self::Error> {
        let (Reference::Bare(id) | Reference::Whole { id }) = reference;
        id.parse()
    }
}

impl Deref for Id {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl Product ===

impl Product {
    /// What people call it, or its id.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Named { name } | Self::Bare(name) => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_id_may_be_expanded_and_is_checked() {
        let read = |value| serde_json::from_value::<Id>(value);
        assert_eq!(&*read(json!("pi_1")).unwrap(), "pi_1");
        assert_eq!(&*read(json!({"id": "pi_1", "object": "payment_intent"})).unwrap(), "pi_1");
        assert!(read(json!("a/b")).is_err() && read(json!({"id": ""})).is_err());
    }

    #[test]
    fn a_product_may_be_its_id_alone() {
        let read = |value| serde_json::from_value::<Product>(value).unwrap().name().to_owned();
        assert_eq!(read(json!("prod_1")), "prod_1");
        assert_eq!(read(json!({"id": "prod_1", "name": "Growth"})), "Growth");
    }
}
