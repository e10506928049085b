//! What Whop knows of a membership, a payment, a person and the rest, before any version of its API shows it.
//!
//! The invariant: amounts are whole minor units of the plan's currency, and times are UTC.

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// Something that is kept under an id.
pub(super) trait Record: Serialize + DeserializeOwned {
    /// What it is, as errors name it.
    const KIND: &'static str;

    /// Its id.
    fn id(&self) -> &str;
}

/// A person with an account at Whop.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Person {
    pub(super) id: String,
    pub(super) username: String,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) created_at: Timestamp,
}

/// A person's relation to a product, by way of a plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Membership {
    pub(super) id: String,
    pub(super) user: String,
    pub(super) plan: String,
    pub(super) status: String,
    pub(super) cancel_at_period_end: bool,
    pub(super) start: Timestamp,
    /// When the period ends; none for what is bought once.
    pub(super) end: Option<Timestamp>,
    pub(super) canceled_at: Option<Timestamp>,
    pub(super) reason: Option<String>,
    pub(super) license_key: Option<String>,
    pub(super) checkout: Option<String>,
    pub(super) metadata: Map<String, Value>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

/// A charge, or the attempt at one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Payment {
    pub(super) id: String,
    /// None where nothing came of a first attempt.
    pub(super) membership: Option<String>,
    pub(super) user: String,
    pub(super) plan: String,
    pub(super) reason: String,
    pub(super) amount: i64,
    pub(super) refunded: i64,
    pub(super) status: String,
    /// What a dispute makes of it; else it follows from the rest.
    pub(super) disputed: Option<String>,
    pub(super) failed: u32,
    pub(super) checkout: Option<String>,
    pub(super) metadata: Map<String, Value>,
    pub(super) paid_at: Option<Timestamp>,
    pub(super) refunded_at: Option<Timestamp>,
    pub(super) tried_at: Timestamp,
    pub(super) next_try_at: Option<Timestamp>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

/// Money that goes back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) payment: String,
    pub(super) amount: i64,
    pub(super) status: String,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

/// A payer's bank that wants money back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Dispute {
    pub(super) id: String,
    pub(super) payment: String,
    pub(super) status: String,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

/// A link to a checkout.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Checkout {
    pub(super) id: String,
    pub(super) plan: String,
    pub(super) metadata: Map<String, Value>,
    pub(super) redirect_url: Option<String>,
    pub(super) affiliate_code: Option<String>,
    /// Where the sandbox is, as the one who asked for the link knows it.
    pub(super) base: String,
    pub(super) created_at: Timestamp,
}

/// A channel between the account's team and a customer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Channel {
    pub(super) id: String,
    pub(super) user: String,
    pub(super) custom_name: Option<String>,
    pub(super) resolved_at: Option<Timestamp>,
    pub(super) created_at: Timestamp,
}

/// A message in a channel.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Post {
    pub(super) id: String,
    pub(super) channel: String,
    pub(super) content: String,
    pub(super) created_at: Timestamp,
}

/// A key that signs user tokens.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) kid: String,
    /// PKCS#8, in base64url.
    pub(super) pkcs8: String,
}

macro_rules! records {
    ($($name:ident: $kind:literal by $id:ident),+) => {$(
        impl Record for $name {
            const KIND: &'static str = $kind;

            fn id(&self) -> &str {
                &self.$id
            }
        }
    )+};
}

records!(
    Person: "User" by id, Membership: "Membership" by id, Payment: "Payment" by id, Refund: "Refund" by id,
    Dispute: "Dispute" by id, Checkout: "Checkout configuration" by id, Channel: "Support channel" by id,
    Post: "Message" by id, Key: "Key" by kid
);

impl Membership {
    /// Whether it opens what was bought: a grace period does, an end does not.
    pub(super) fn has_access(&self) -> bool {
        matches!(self.status.as_str(), "trialing" | "active" | "past_due" | "completed")
    }

    /// Whether it renews until somebody ends it.
    pub(super) fn renews(&self) -> bool {
        self.end.is_some() && self.has_access()
    }
}

impl Payment {
    /// The dashboard's finer reading of it.
    pub(super) fn substatus(&self) -> &str {
        match self.status.as_str() {
            _ if self.disputed.is_some() => self.disputed.as_deref().unwrap_or_default(),
            "paid" if self.refunded >= self.amount && self.amount > 0 => "refunded",
            "paid" if self.refunded > 0 => "partially_refunded",
            "paid" => "succeeded",
            "void" => "canceled",
            _ => "failed",
        }
    }
}
