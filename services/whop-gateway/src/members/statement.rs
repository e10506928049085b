//! What the documents state to the books.
//!
//! The invariant: a statement follows from one document alone, and holds of a person nothing but what joins rows.

use std::sync::Arc;

use domain::Money;
use proto::{
    common::v1::Money as WireMoney,
    sheets::v1::{
        Party, PaymentStatement, RecordPaymentRequest, RecordSubscriptionRequest, SubscriptionStatement,
    },
    time::wire as wire_time,
};
use providers::books::{self, Stated, Statement, Telling};
use serde_json::{Map, Value};
use store::Store;

use super::{
    membership::{MEMBERSHIPS, Membership},
    payment::{PAYMENTS, Payment},
};
use crate::whop::NAME;

/// The documents, as the books are told of them.
pub(crate) struct Documents(pub(crate) Arc<dyn Store>);

#[async_trait::async_trait]
impl books::Documents for Documents {
    async fn state(&self, telling: &Telling) -> Result<Option<Stated>, store::Error> {
        match telling {
            Telling::Subscription(id) => {
                let found = MEMBERSHIPS.get(&*self.0, id).await?;
                Ok(found.map(|found| {
                    let live = found.value.live;
                    Stated { statement: Statement::Subscription(of_membership(found.value)), live }
                }))
            }
            Telling::Payment(id) => {
                let found = PAYMENTS.get(&*self.0, id).await?;
                Ok(found.map(|found| {
                    let live = found.value.live;
                    Stated { statement: Statement::Payment(of_payment(found.value)), live }
                }))
            }
            // The others say all themselves, or are none of this service.
            _ => Ok(None),
        }
    }
}

fn of_membership(membership: Membership) -> RecordSubscriptionRequest {
    let statement = SubscriptionStatement {
        subscription_id: membership.id.clone(),
        provider: NAME.to_owned(),
        version: membership.version,
        create_time: Some(wire_time(membership.created_at)),
        product: membership.product.clone(),
        plan: membership.plan.clone(),
        status: membership.status.as_str().to_owned(),
        start_time: Some(wire_time(membership.created_at)),
        renew_time: membership.renews_at().map(wire_time),
        cancel_time: membership.canceled_at.map(wire_time),
        mrr: membership.mrr.map(wire),
        end_time: membership.ended_at().map(wire_time),
    };
    let party = party(membership.user, membership.email, String::new());
    RecordSubscriptionRequest { party: Some(party), subscription: Some(statement), ..Default::default() }
}

fn of_payment(payment: Payment) -> RecordPaymentRequest {
    let statement = PaymentStatement {
        payment_id: payment.id.clone(),
        provider: NAME.to_owned(),
        version: payment.version,
        create_time: Some(wire_time(payment.created_at)),
        amount: Some(wire(payment.amount)),
        pay_time: payment.paid_at.map(wire_time),
        method: payment.method.clone(),
        status: payment.status.as_str().to_owned(),
        invoice_id: String::new(),
        metadata: metadata(&payment),
        refunded: (payment.refunded.minor != 0).then(|| wire(payment.refunded)),
    };
    let party = party(payment.user, payment.email, payment.name);
    RecordPaymentRequest { party: Some(party), payment: Some(statement), ..Default::default() }
}

/// Whop itself says whose it is, to whoever has the account's key: that is proof.
fn party(verified_whop_user_id: String, email: String, name: String) -> Party {
    Party { verified_whop_user_id, email, name, ..Default::default() }
}

/// Ids and words, no more.
fn metadata(payment: &Payment) -> String {
    let named = [
        ("membership", &payment.membership),
        ("product", &payment.product),
        ("plan", &payment.plan),
        ("checkout", &payment.checkout),
    ];
    let told = named.into_iter().filter(|(_, id)| !id.is_empty());
    let map: Map<String, Value> =
        told.map(|(name, id)| (name.to_owned(), Value::from(id.as_str()))).collect();
    Value::Object(map).to_string()
}

fn wire(money: Money) -> WireMoney {
    WireMoney { minor_units: money.minor, currency_code: money.currency.as_str().to_owned() }
}
