//! What is read of Whop's answers. Everything else in them is passed over, and words that are not known are no error.
//!
//! The invariant: a licence key is shown by nothing here, and a link leads to https, or stays on this machine.

mod membership;
mod scalar;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::money::{Amount, Inexact, Money};

pub(crate) use membership::{Membership, Status};
pub(crate) use scalar::is_https;
use scalar::{days, https, moment, moment_or_none, object, purchase};

/// Where Whop's webhooks come in.
pub(crate) const DOOR: &str = "/webhooks/whop";

/// A list.
#[derive(Debug, Deserialize)]
pub(super) struct List<T> {
    pub(super) data: Vec<T>,
    #[serde(default)]
    pub(super) page_info: Option<PageInfo>,
}

/// Where in a list a page is.
#[derive(Debug, Deserialize)]
pub(super) struct PageInfo {
    #[serde(default)]
    pub(super) end_cursor: Option<String>,
    #[serde(default)]
    pub(super) has_next_page: bool,
}

/// Something by its id.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Named {
    /// Its id.
    pub(crate) id: String,
}

/// A person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct User {
    /// `user_…`
    pub(crate) id: String,
    /// How they are called at Whop.
    #[serde(default)]
    pub(crate) username: Option<String>,
    /// Their name.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// In the shape of 2025-01-01 alone.
    #[serde(default)]
    pub(crate) email: Option<String>,
}

/// A product as something else names it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Product {
    /// `prod_…`
    pub(crate) id: String,
    /// What people call it.
    #[serde(default)]
    pub(crate) title: String,
    /// What we noted.
    #[serde(default, deserialize_with = "object")]
    pub(crate) metadata: Map<String, Value>,
}

/// A plan.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Plan {
    /// `plan_…`
    pub(crate) id: String,
    /// What people call it.
    #[serde(default)]
    pub(crate) title: Option<String>,
    /// In small letters.
    #[serde(alias = "base_currency")]
    pub(crate) currency: String,
    /// Of every period, in major units.
    #[serde(default)]
    renewal_price: Option<Amount>,
    /// Days between two charges; absent where there is but one.
    #[serde(default, deserialize_with = "days")]
    pub(crate) billing_period: Option<u32>,
    /// Of what.
    #[serde(default)]
    pub(crate) product: Option<Product>,
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Payment {
    /// `pay_…`
    pub(crate) id: String,
    /// Who gets it, `biz_…`.
    #[serde(default)]
    pub(crate) account_id: Option<String>,
    /// `draft`, `open`, `authorized`, `paid`, `pending`, `uncollectible`, `unresolved` or `void`.
    pub(crate) status: String,
    /// The finer word, which knows of refunds and disputes: `succeeded`, `refunded`, `dispute_lost`, …
    #[serde(default)]
    pub(crate) substatus: Option<String>,
    /// What is paid in all.
    #[serde(default)]
    pub(crate) total: Option<Money>,
    /// What was paid back so far.
    #[serde(default)]
    pub(crate) refunded_amount: Option<Money>,
    /// By what it was paid: `card`, `klarna`, …
    #[serde(default)]
    pub(crate) payment_method_type: Option<String>,
    /// Who pays. Absent without the permission `member:email:read`.
    #[serde(default)]
    pub(crate) customer_email: Option<String>,
    /// Who pays; absent where it is a business.
    #[serde(default)]
    pub(crate) user: Option<User>,
    /// For which membership, `mem_…`.
    #[serde(default)]
    pub(crate) membership_id: Option<String>,
    /// For which product, `prod_…`.
    #[serde(default)]
    pub(crate) product_id: Option<String>,
    /// At which price, `plan_…`.
    #[serde(default)]
    pub(crate) plan_id: Option<String>,
    /// By which link, `ch_…`.
    #[serde(default)]
    pub(crate) checkout_configuration_id: Option<String>,
    /// When it was made.
    #[serde(deserialize_with = "moment")]
    pub(crate) created_at: Timestamp,
    /// When anything of it changed last.
    #[serde(default, deserialize_with = "moment_or_none")]
    pub(crate) updated_at: Option<Timestamp>,
    /// When the money came.
    #[serde(default, deserialize_with = "moment_or_none")]
    pub(crate) paid_at: Option<Timestamp>,
}

/// A refund.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Refund {
    /// `rf_…`
    pub(crate) id: String,
    #[serde(default)]
    payment_id: Option<String>,
    #[serde(default)]
    payment: Option<Named>,
}

/// A dispute.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Dispute {
    /// `dspt_…`
    pub(crate) id: String,
    /// Of what.
    pub(crate) payment: Named,
}

/// A person's relation with the account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Member {
    /// `mber_…`
    pub(crate) id: String,
    /// Of which account, `biz_…`.
    #[serde(default)]
    pub(crate) account_id: Option<String>,
    /// Who; absent where it is a business.
    #[serde(default)]
    pub(crate) user: Option<User>,
    /// Absent without the permission `member:email:read`.
    #[serde(default)]
    email: Option<String>,
}

/// Whether somebody gets at something.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Access {
    /// They do.
    pub(crate) has_access: bool,
}

/// A link by which something is bought.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Checkout {
    /// `ch_…`
    pub(crate) id: String,
    /// Where.
    #[serde(default, deserialize_with = "purchase")]
    pub(crate) purchase_url: Option<String>,
}

/// A support channel.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Channel {
    /// Its id.
    pub(crate) id: String,
}

/// A message in a channel.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Message {
    /// Its id.
    pub(crate) id: String,
    /// When it was posted.
    #[serde(default, deserialize_with = "moment_or_none")]
    pub(crate) created_at: Option<Timestamp>,
}

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Webhook {
    /// `hook_…`
    pub(crate) id: String,
    /// Where it delivers to.
    pub(crate) url: String,
    /// It does.
    #[serde(default)]
    pub(crate) enabled: bool,
    /// Since when nothing gets through.
    #[serde(default, deserialize_with = "moment_or_none")]
    pub(crate) failing_since: Option<Timestamp>,
}

/// An attempt to deliver.
#[derive(Clone, Deserialize)]
pub(crate) struct Delivery {
    /// Its id.
    pub(crate) id: String,
    /// What was to be delivered, as a webhook brings it. It names people.
    pub(crate) request_body: Value,
    /// When.
    #[serde(deserialize_with = "moment")]
    pub(crate) sent_at: Timestamp,
    /// It was taken.
    #[serde(default)]
    pub(crate) success: bool,
}

// === impl Plan ===

impl Plan {
    /// The price of every period; `None` if there is none.
    pub(crate) fn renewal_price(&self) -> Option<Result<domain::Money, Inexact>> {
        Some(self.renewal_price.as_ref()?.of(&self.currency))
    }
}

// === impl Payment ===

impl Payment {
    /// When anything of it changed last: the newest of two pictures.
    pub(crate) fn touched_at(&self) -> Timestamp {
        self.updated_at.unwrap_or(self.created_at)
    }
}

// === impl Refund ===

impl Refund {
    /// Of which payment, `pay_…`.
    pub(crate) fn payment_id(&self) -> Option<&str> {
        self.payment_id.as_deref().or_else(|| Some(self.payment.as_ref()?.id.as_str()))
    }
}

// === impl Member ===

impl Member {
    /// Their e-mail, where Whop says it.
    pub(crate) fn email(&self) -> Option<&str> {
        self.email.as_deref().or_else(|| self.user.as_ref()?.email.as_deref())
    }

    /// Whether this is their e-mail; its capitals say nothing.
    pub(super) fn has_email(&self, email: &str) -> bool {
        self.email().is_some_and(|own| own.trim().to_lowercase() == email.to_lowercase())
    }
}

// === impl Webhook ===

impl Webhook {
    /// Whether it leads to our door. That follows from its path alone: the door has the same one everywhere, and whatever
    /// stands before it has its own host.
    pub(crate) fn is_ours(&self) -> bool {
        let is_door = |url: url::Url| url.path().trim_end_matches('/').ends_with(DOOR);
        url::Url::parse(&self.url).is_ok_and(is_door)
    }
}

// === impl Delivery ===

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery").field("id", &self.id).finish_non_exhaustive()
    }
}
