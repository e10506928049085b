//! Payments.
//!
//! The row shows what was charged; what was paid back is told beside it, in `metadata`.

use domain::{Money, payment, tab};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::Collection;

use super::account::{Account, Item};
use crate::rows::veil::Veil;

/// A payment, and what of it was paid back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Payment {
    pub(crate) row: tab::Payment,
    pub(crate) refunded: Option<Money>,
}

// === impl Payment ===

impl Payment {
    /// A payment of `row`; its currency, and in `metadata` what was paid back, follow from the amounts alone.
    pub(crate) fn new(row: tab::Payment, refunded: Option<Money>, mut metadata: Map<String, Value>) -> Self {
        metadata.remove("refunded");
        if let Some(refunded) = refunded {
            metadata.insert("refunded".to_owned(), json!(refunded));
        }
        let metadata = if metadata.is_empty() { String::new() } else { Value::Object(metadata).to_string() };
        let currency = row.amount.map(|amount| amount.currency.as_str().to_owned()).unwrap_or_default();
        Self { row: tab::Payment { metadata, currency, ..row }, refunded }
    }

    /// What else is told of it, as it is told.
    pub(crate) fn metadata(&self) -> Value {
        serde_json::from_str(&self.row.metadata).unwrap_or_else(|_| json!({}))
    }

    /// The money came, whatever became of it since.
    pub(crate) fn is_paid(&self) -> bool {
        payment::came(&self.row.status)
    }

    /// The payer's bank wants it back, or got it.
    pub(crate) fn is_disputed(&self) -> bool {
        matches!(&*self.row.status, "disputed" | "lost")
    }

    /// Minor units that were paid back.
    pub(crate) fn paid_back(&self) -> i64 {
        self.refunded.map_or(0, |refunded| refunded.minor)
    }
}

impl Item for Payment {
    type Row = tab::Payment;
    const ACCOUNTS: Collection<Account<Self>> = Collection::new("payments");

    fn row(&self) -> &tab::Payment {
        &self.row
    }

    fn owner(&mut self) -> &mut String {
        &mut self.row.contact_id
    }

    fn veil(&mut self, veil: &Veil) {
        let row = &mut self.row;
        row.metadata.clear();
        for text in [&mut row.provider, &mut row.method, &mut row.invoice_id] {
            *text = veil.category(text);
        }
    }

    fn hush(&mut self) {
        self.row.method.clear();
    }

    fn follow(&mut self, later: Self) {
        let tab::Payment { amount, currency, paid_at, status, .. } = later.row;
        self.row = tab::Payment { amount, currency, paid_at, status, ..std::mem::take(&mut self.row) };
        self.refunded = later.refunded;
    }
}
