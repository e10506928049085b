//! Attempts to pay, and what is said against them, with only the fields that are needed.
//!
//! The invariant: as for all answers of Stripe's, an id in here was checked when it was read.

use serde::Deserialize;

use super::model::{Contact, Id};

/// An attempt to pay.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Charge {
    /// `ch_…` or `py_…`
    pub(crate) id: Id,
    /// What was to be paid.
    pub(crate) amount: i64,
    /// In small letters.
    pub(crate) currency: String,
    /// `succeeded`, `pending` or `failed`.
    #[serde(default)]
    pub(crate) status: String,
    /// When it was made, in unix seconds.
    pub(crate) created: i64,
    /// What was paid back so far, over all refunds.
    #[serde(default)]
    pub(crate) amount_refunded: i64,
    /// There is or was a dispute.
    #[serde(default)]
    pub(crate) disputed: bool,
    /// Which payment it belongs to.
    #[serde(default)]
    pub(crate) payment_intent: Option<Id>,
    /// Who pays, as the means of payment says.
    #[serde(default)]
    pub(crate) billing_details: Option<Contact>,
    /// By what it was paid.
    #[serde(default)]
    pub(crate) payment_method_details: Option<Method>,
}

/// By what it was paid.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Method {
    /// `card`, `sepa_debit`, …
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

/// A dispute.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Dispute {
    /// `needs_response`, `under_review`, `won`, `lost`, `warning_…`, …
    pub(crate) status: String,
    /// What is wanted back: all that was paid, or some of it.
    pub(crate) amount: i64,
    /// In small letters.
    pub(crate) currency: String,
}
