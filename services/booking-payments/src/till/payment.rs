//! A payment as it is kept, and how its status follows from what Stripe says.
//!
//! The invariant: a payment is a function of what was fetched and of the link that it came from, so that every way of
//! looking at it ends in the same document.

use domain::Money;
use jiff::Timestamp;
use providers::owner::Owner;
use serde::{Deserialize, Serialize};
use store::Collection;

use super::checkout::Attendee;
use crate::stripe::{Contact, Intent, Invoice};

/// All payments.
pub(crate) const PAYMENTS: Collection<Payment> = Collection::new("payments");

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Payment {
    /// `pi_…`, or `in_…` of anything with an invoice.
    pub(crate) id: String,
    /// Grows with every change.
    pub(crate) version: u64,
    /// When it was begun.
    pub(crate) created_at: Timestamp,
    /// What was charged, before refunds.
    pub(crate) amount: Money,
    /// What was paid back so far, or taken back by the payer's bank as a part of it.
    pub(crate) refunded: Money,
    /// What of that the payer's bank took back.
    #[serde(default)]
    pub(crate) lost: Option<Money>,
    /// When the money came.
    pub(crate) paid_at: Option<Timestamp>,
    /// By what it was paid.
    pub(crate) method: String,
    /// How it stands.
    pub(crate) status: Status,
    /// `in_…` of which it is, or is a part.
    pub(crate) invoice: String,
    /// `sub_…`
    pub(crate) subscription: String,
    /// `chk_…` of the link that it came from.
    pub(crate) checkout: String,
    /// What was paid for.
    pub(crate) item: String,
    /// `bkg_…` of the meeting that it paid.
    pub(crate) booking: String,
    /// Who asked for the link.
    pub(crate) owner: Owner,
    /// Who paid, as Stripe has it.
    pub(crate) payer: Payer,
    /// It is real money.
    pub(crate) live: bool,
    /// Whoever paid is forgotten, and nothing brings them back.
    pub(crate) erased: bool,
}

/// Who paid, as Stripe has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Payer {
    /// E-mail.
    pub(crate) email: String,
    /// Phone.
    pub(crate) phone: String,
    /// Full name.
    pub(crate) name: String,
}

/// How a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// The money is on its way.
    Pending,
    /// It came.
    Paid,
    /// It did not come.
    Failed,
    /// It was called off.
    Canceled,
    /// Some of it was paid back.
    PartiallyRefunded,
    /// All of it was paid back.
    Refunded,
    /// The payer's bank wants it back.
    Disputed,
    /// The payer's bank took it back.
    Lost,
}

/// What the charges of a payment say together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Charges {
    /// What was paid back, in Stripe's units.
    pub(crate) refunded: i64,
    /// A dispute is open.
    pub(crate) is_disputed: bool,
    /// Some of it is on its way.
    pub(crate) is_processing: bool,
    /// What the payers' banks took back in disputes that are lost, in Stripe's units.
    pub(crate) lost: i64,
    /// By what it was paid.
    pub(crate) method: String,
    /// When the last one was made.
    pub(crate) at: Option<i64>,
    /// Who pays, as the means of payment says.
    pub(crate) billing: Contact,
}

// === impl Payment ===

impl Payment {
    /// It turned out to be the payment of an invoice, whose row counts in its place.
    pub(crate) fn is_superseded(&self) -> bool {
        !self.invoice.is_empty() && self.invoice != self.id
    }
}

// === impl Charges ===

impl Charges {
    /// What went back, by us or by the payers' banks.
    pub(crate) fn back(&self) -> i64 {
        self.refunded + self.lost
    }
}

// === impl Payer ===

impl Payer {
    /// Whom a visitor named: a claim, by which they are found when they are to be forgotten.
    pub(crate) fn of_attendee(attendee: &Attendee) -> Self {
        let Attendee { name, email, phone, .. } = attendee.clone();
        Self { email, phone, name }
    }

    /// What these say, the first that says something.
    pub(crate) fn of(contacts: &[&Contact]) -> Self {
        let first = |field: fn(&Contact) -> &Option<String>| {
            let said = contacts.iter().filter_map(|contact| field(contact).as_deref().map(str::trim));
            said.into_iter().find(|text| !text.is_empty()).unwrap_or_default().to_owned()
        };
        Self { email: first(|one| &one.email), phone: first(|one| &one.phone), name: first(|one| &one.name) }
    }
}

// === impl Status ===

impl Status {
    /// The word for it in the books.
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

    /// The money came at some time.
    pub(crate) fn has_come(self) -> bool {
        !matches!(self, Self::Pending | Self::Failed | Self::Canceled)
    }

    /// Of a payment intent; `None` while nobody has tried to pay.
    pub(crate) fn of_intent(intent: &Intent, charges: &Charges) -> Option<Self> {
        match intent.status.as_str() {
            "succeeded" => Some(Self::settled(charges, intent.amount_received)),
            "canceled" => Some(Self::Canceled),
            "requires_payment_method" if is_failed(intent) => Some(Self::Failed),
            "requires_payment_method" => None,
            _ => Some(Self::Pending),
        }
    }

    /// Of an invoice; `None` while it is a draft.
    pub(crate) fn of_invoice(invoice: &Invoice, charges: &Charges) -> Option<Self> {
        match invoice.status.as_deref()? {
            "paid" => Some(Self::settled(charges, invoice.amount_paid)),
            "open" if invoice.attempted && !charges.is_processing => Some(Self::Failed),
            "open" => Some(Self::Pending),
            "uncollectible" => Some(Self::Failed),
            "void" => Some(Self::Canceled),
            _ => None,
        }
    }

    /// Of money that came. A dispute that was won leaves no trace but what was paid back; one about a part of the money
    /// that is lost has cost that part, as a refund would.
    fn settled(charges: &Charges, amount: i64) -> Self {
        match charges {
            Charges { lost, .. } if *lost > 0 && charges.back() >= amount => Self::Lost,
            Charges { is_disputed: true, .. } => Self::Disputed,
            charges if charges.back() == 0 => Self::Paid,
            charges if charges.back() < amount => Self::PartiallyRefunded,
            _ => Self::Refunded,
        }
    }
}

/// An attempt to pay was made and failed.
pub(crate) fn is_failed(intent: &Intent) -> bool {
    let is_tried = intent.last_payment_error.is_some() || intent.latest_charge.is_some();
    intent.status == "canceled" || (intent.status == "requires_payment_method" && is_tried)
}
