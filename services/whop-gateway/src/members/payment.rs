//! A payment as it is kept.
//!
//! The invariant: its status follows from what Whop says of it and from nothing that was known before.

use domain::Money;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Collection, Index, Order, Query};

use super::Members;
use crate::whop::{money::Inexact, wire};

/// All payments.
pub(crate) const PAYMENTS: Collection<Payment> = Collection::new("payments");
/// The payments of a user, the newest first.
pub(crate) static BY_PAYER: Index = Index {
    collection: PAYMENTS.name(),
    name: "by_payer",
    fields: &["user", "created_at"],
    orders: store::DESCENDING,
};
/// Most payments that a user is told of.
const MOST: u32 = 100;

/// How a payment stands, in the words of the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// The money is on its way, or is asked for.
    Pending,
    /// It came.
    Paid,
    /// It did not.
    Failed,
    /// Nobody asks for it any more.
    Canceled,
    /// Some of it went back.
    PartiallyRefunded,
    /// All of it went back.
    Refunded,
    /// The payer's bank asks for it.
    Disputed,
    /// The payer's bank took it.
    Lost,
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Payment {
    /// `pay_…`
    pub(crate) id: String,
    /// Grows with every change.
    pub(crate) version: u64,
    /// When it was made.
    pub(crate) created_at: Timestamp,
    /// When anything of it changed last at Whop.
    pub(crate) touched_at: Timestamp,
    /// Who pays, `user_…`; empty where that is a business, or forgotten.
    pub(crate) user: String,
    /// Who pays, by e-mail; empty where Whop does not say.
    pub(crate) email: String,
    /// Who pays, by name.
    pub(crate) name: String,
    /// What is paid in all, before refunds.
    pub(crate) amount: Money,
    /// What went back so far.
    pub(crate) refunded: Money,
    /// When the money came.
    pub(crate) paid_at: Option<Timestamp>,
    /// By what it was paid.
    pub(crate) method: String,
    /// How it stands.
    pub(crate) status: Status,
    /// `mem_…`
    pub(crate) membership: String,
    /// `prod_…`
    pub(crate) product: String,
    /// `plan_…`
    pub(crate) plan: String,
    /// `ch_…` of the link that it came by.
    pub(crate) checkout: String,
    /// It is real money.
    pub(crate) live: bool,
    /// Whoever pays is forgotten, and nothing brings them back.
    pub(crate) erased: bool,
}

impl Members {
    /// What a user has paid or is asked to pay, as Whop had it last, the newest first. Whoever was forgotten has nothing here.
    pub(crate) async fn payments_of(&self, user: &str) -> Result<Vec<Payment>, store::Error> {
        let newest = Query::new(&BY_PAYER, [user.into()]).limit(MOST);
        let page = self.store().query(Query { order: Order::Descending, ..newest }).await?;
        page.documents.into_iter().map(|document| Ok(PAYMENTS.read(document)?.value)).collect()
    }
}

// === impl Payment ===

impl Payment {
    /// Whether it lacks something that a newer picture says.
    pub(super) fn is_behind(&self, next: &Self) -> bool {
        let differs = (next.status, next.refunded) != (self.status, self.refunded);
        self.touched_at < next.touched_at || (self.touched_at == next.touched_at && differs)
    }
}

// === impl Status ===

impl Status {
    /// The word of the books.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::PartiallyRefunded => "partially_refunded",
            Self::Refunded => "refunded",
            Self::Disputed => "disputed",
            Self::Lost => "lost",
        }
    }

    /// From Whop's words (`types/friendly_receipt_status.py` of `whop_sdk` 2.6.0) and from how much went back. What Whop's
    /// resolution centre decides is a dispute that no bank is part of.
    fn of(status: &str, substatus: &str, amount: Money, refunded: Money) -> Self {
        match substatus {
            "dispute_lost" => return Self::Lost,
            "dispute_won"
            | "dispute_warning_closed"
            | "dispute_closed"
            | "resolution_won"
            | "resolution_lost" => return Self::of_paid(amount, refunded),
            "open_dispute" | "open_resolution" => return Self::Disputed,
            _ if substatus.starts_with("dispute_") || substatus.starts_with("resolution_") => {
                return Self::Disputed;
            }
            _ => {}
        }
        match (status, substatus) {
            ("paid", _) => Self::of_paid(amount, refunded),
            ("void", _) | (_, "canceled") => Self::Canceled,
            ("uncollectible" | "unresolved", _)
            | (_, "failed" | "blocked" | "past_due" | "price_too_low" | "uncollectible" | "unresolved") => {
                Self::Failed
            }
            _ => Self::Pending,
        }
    }

    fn of_paid(amount: Money, refunded: Money) -> Self {
        match refunded.minor {
            ..=0 => Self::Paid,
            minor if minor < amount.minor => Self::PartiallyRefunded,
            _ => Self::Refunded,
        }
    }
}

/// The picture of what was fetched; `None` of a draft, which nobody was asked to pay yet.
pub(super) fn picture(fetched: &wire::Payment, live: bool) -> Result<Option<Payment>, Inexact> {
    let Some(total) = fetched.total.as_ref().filter(|_| fetched.status != "draft") else { return Ok(None) };
    let amount = total.exact()?;
    let refunded = match &fetched.refunded_amount {
        Some(refunded) => refunded.exact()?,
        None => Money { minor: 0, ..amount },
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let user = fetched.user.clone().unwrap_or_default();
    let email = fetched.customer_email.clone().or(user.email);
    let substatus = fetched.substatus.as_deref().unwrap_or_default();
    Ok(Some(Payment {
        id: fetched.id.clone(),
        version: 0,
        created_at: fetched.created_at,
        touched_at: fetched.touched_at(),
        user: user.id,
        email: email.unwrap_or_default(),
        name: user.name.unwrap_or_default(),
        amount,
        refunded,
        paid_at: fetched.paid_at,
        method: text(&fetched.payment_method_type),
        status: Status::of(&fetched.status, substatus, amount, refunded),
        membership: text(&fetched.membership_id),
        product: text(&fetched.product_id),
        plan: text(&fetched.plan_id),
        checkout: text(&fetched.checkout_configuration_id),
        live,
        erased: false,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_it_stands_is_said_in_the_words_of_the_books() {
        let money = |minor| Money { minor, currency: "EUR".parse().unwrap() };
        let of = |status: &str, substatus: &str, refunded: i64| {
            Status::of(status, substatus, money(10_000), money(refunded)).as_str()
        };
        for (status, substatus, refunded, expected) in [
            ("open", "pending", 0, "pending"),
            ("open", "failed", 0, "failed"),
            ("authorized", "requires_capture", 0, "pending"),
            ("pending", "pending", 0, "pending"),
            ("paid", "succeeded", 0, "paid"),
            ("paid", "partially_refunded", 4_000, "partially_refunded"),
            ("paid", "refunded", 10_000, "refunded"),
            ("paid", "auto_refunded", 10_000, "refunded"),
            ("paid", "dispute_needs_response", 0, "disputed"),
            ("paid", "dispute_under_review", 4_000, "disputed"),
            ("paid", "dispute_lost", 0, "lost"),
            ("paid", "dispute_won", 0, "paid"),
            ("paid", "dispute_won", 4_000, "partially_refunded"),
            ("paid", "dispute_warning", 0, "disputed"),
            ("paid", "open_resolution", 0, "disputed"),
            ("paid", "resolution_lost", 10_000, "refunded"),
            ("open", "blocked", 0, "failed"),
            ("void", "canceled", 0, "canceled"),
            ("uncollectible", "", 0, "failed"),
            ("a new word", "", 0, "pending"),
        ] {
            assert_eq!(of(status, substatus, refunded), expected, "{status}, {substatus}, {refunded}");
        }
    }
}
