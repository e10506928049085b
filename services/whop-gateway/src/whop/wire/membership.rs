//! A membership, in the pinned shape and in that of 2025-01-01, which a key of that age answers with.
//!
//! The invariant: whose membership it is, which product it is for and how it stands are always known.

use std::fmt;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

use super::{Named, Product, User, days, https, moment, moment_or_none, object};
use crate::whop::money::{self, Inexact, Money};

/// How a membership stands, in Whop's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// A trial.
    Trialing,
    /// Paid.
    Active,
    /// A payment failed, and Whop tries again.
    PastDue,
    /// Paid once.
    Completed,
    /// Ended by somebody's will.
    Canceled,
    /// Ended by itself.
    Expired,
    /// Whop waits for something.
    Unresolved,
    /// Bought by nobody yet.
    Drafted,
    /// A word that we do not know.
    #[serde(other)]
    Unknown,
}

/// What somebody has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Membership {
    /// `mem_…`
    pub(crate) id: String,
    /// Of which account, `biz_…`.
    pub(crate) account: String,
    /// How it stands.
    pub(crate) status: Status,
    /// Who bought it, as far as is known; absent where it is a business or nobody yet.
    pub(crate) user: Option<User>,
    /// Their record with the account, `mber_…`.
    pub(crate) member_id: Option<String>,
    /// What of.
    pub(crate) product: Product,
    /// `plan_…`
    pub(crate) plan_id: String,
    /// It ends with the period that is paid for.
    pub(crate) cancel_at_period_end: bool,
    /// When it renews, or ends if it does not renew.
    pub(crate) current_period_end: Option<Timestamp>,
    /// When access ends, where that is fixed.
    pub(crate) expires_at: Option<Timestamp>,
    /// When it was canceled.
    pub(crate) canceled_at: Option<Timestamp>,
    /// When it was made.
    pub(crate) created_at: Timestamp,
    /// When anything of it changed last.
    pub(crate) updated_at: Option<Timestamp>,
    /// Where its member manages it.
    pub(crate) manage_url: Option<String>,
    /// What we noted.
    pub(crate) metadata: Map<String, Value>,
    /// Days between two charges.
    pub(crate) billing_period_days: Option<u32>,
    renewal_price: Option<Price>,
    initial_price: Option<Price>,
    license: License,
}

/// A price as Whop writes it.
#[derive(Clone, Debug, PartialEq)]
enum Price {
    Exact(Money),
    /// For people, in a currency that stands elsewhere.
    Formatted(String, String),
}

/// A licence key, if there is one.
#[derive(Clone, Default)]
struct License(Option<SecretString>);

/// Both shapes in one.
#[derive(Deserialize)]
struct Wire {
    id: String,
    status: Status,
    #[serde(default)]
    account: Option<Named>,
    #[serde(default)]
    company: Option<Named>,
    #[serde(default)]
    user_id: Option<String>,
    #[serde(default)]
    user: Option<User>,
    #[serde(default)]
    member_id: Option<String>,
    #[serde(default)]
    product_id: Option<String>,
    #[serde(default)]
    product: Option<Product>,
    #[serde(default)]
    plan_id: Option<String>,
    #[serde(default)]
    plan: Option<Named>,
    #[serde(default)]
    license_key: Option<String>,
    #[serde(default)]
    cancel_at_period_end: Option<bool>,
    #[serde(default, deserialize_with = "moment_or_none")]
    current_period_end: Option<Timestamp>,
    #[serde(default, deserialize_with = "moment_or_none")]
    renewal_period_end: Option<Timestamp>,
    #[serde(default, deserialize_with = "moment_or_none")]
    expires_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "moment_or_none")]
    canceled_at: Option<Timestamp>,
    #[serde(deserialize_with = "moment")]
    created_at: Timestamp,
    #[serde(default, deserialize_with = "moment_or_none")]
    updated_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "https")]
    manage_url: Option<String>,
    #[serde(default, deserialize_with = "object")]
    metadata: Map<String, Value>,
    #[serde(default, deserialize_with = "days")]
    billing_period_days: Option<u32>,
    #[serde(default)]
    renewal_price: Option<Money>,
    #[serde(default)]
    initial_price: Option<Money>,
    #[serde(default)]
    formatted_renewal_price: Option<String>,
    #[serde(default)]
    initial_price_paid: Option<String>,
    #[serde(default)]
    currency: Option<String>,
}

// === impl Status ===

impl Status {
    /// Whether it gives access: `past_due` is the grace after a payment that failed, and `completed` keeps for good.
    pub(crate) fn gives_access(self) -> bool {
        matches!(self, Self::Trialing | Self::Active | Self::PastDue | Self::Completed)
    }

    /// Whop's word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Trialing => "trialing",
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Completed => "completed",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
            Self::Unresolved => "unresolved",
            Self::Drafted => "drafted",
            Self::Unknown => "unknown",
        }
    }
}

// === impl Membership ===

impl Membership {
    /// Who bought it, `user_…`.
    pub(crate) fn user_id(&self) -> Option<&str> {
        Some(self.user.as_ref()?.id.as_str())
    }

    /// When anything of it changed last: the newest of two pictures.
    pub(crate) fn touched_at(&self) -> Timestamp {
        self.updated_at.unwrap_or(self.created_at)
    }

    /// What the next renewal costs; `None` if it does not renew or that is not said.
    pub(crate) fn renewal_price(&self) -> Option<Result<domain::Money, Inexact>> {
        Some(self.renewal_price.as_ref()?.exact())
    }

    /// What the beginning costs by the list.
    pub(crate) fn initial_price(&self) -> Option<Result<domain::Money, Inexact>> {
        Some(self.initial_price.as_ref()?.exact())
    }

    /// Whether this is its licence key. How much of it is right cannot be told from how long it takes.
    pub(crate) fn has_license(&self, key: &str) -> bool {
        let License(Some(own)) = &self.license else { return false };
        own.expose_secret().as_bytes().ct_eq(key.as_bytes()).into()
    }
}

impl<'de> Deserialize<'de> for Membership {
    fn deserialize<D: serde::Deserializer<'de>>(wire: D) -> Result<Self, D::Error> {
        let missing = <D::Error as serde::de::Error>::missing_field;
        let wire = Wire::deserialize(wire)?;
        let formatted = |text: Option<String>| Some(Price::Formatted(text?, wire.currency.clone()?));
        let renewal_price =
            wire.renewal_price.map(Price::Exact).or_else(|| formatted(wire.formatted_renewal_price));
        let initial_price =
            wire.initial_price.map(Price::Exact).or_else(|| formatted(wire.initial_price_paid));
        let product = match (wire.product, wire.product_id) {
            (Some(product), _) => product,
            (None, Some(id)) => Product { id, title: String::new(), metadata: Map::new() },
            (None, None) => return Err(missing("product_id")),
        };
        let of_id = |id| User { id, ..User::default() };
        Ok(Self {
            id: wire.id,
            account: wire.account.or(wire.company).ok_or_else(|| missing("account"))?.id,
            status: wire.status,
            user: wire.user.or_else(|| wire.user_id.map(of_id)),
            member_id: wire.member_id,
            product,
            plan_id: wire.plan_id.or(wire.plan.map(|plan| plan.id)).ok_or_else(|| missing("plan_id"))?,
            cancel_at_period_end: wire.cancel_at_period_end.unwrap_or_default(),
            current_period_end: wire.current_period_end.or(wire.renewal_period_end),
            expires_at: wire.expires_at,
            canceled_at: wire.canceled_at,
            created_at: wire.created_at,
            updated_at: wire.updated_at,
            manage_url: wire.manage_url,
            metadata: wire.metadata,
            billing_period_days: wire.billing_period_days,
            renewal_price,
            initial_price,
            license: License(wire.license_key.filter(|key| !key.is_empty()).map(SecretString::from)),
        })
    }
}

// === impl Price ===

impl Price {
    fn exact(&self) -> Result<domain::Money, Inexact> {
        match self {
            Self::Exact(money) => money.exact(),
            Self::Formatted(text, currency) => money::formatted(text, currency),
        }
    }
}

// === impl License ===

impl PartialEq for License {
    fn eq(&self, other: &Self) -> bool {
        let text = |license: &Self| license.0.as_ref().map(|key| key.expose_secret().to_owned());
        text(self) == text(other)
    }
}

impl fmt::Debug for License {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "License" } else { "None" })
    }
}
