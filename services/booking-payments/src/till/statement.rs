//! What the till's documents state to the books.
//!
//! The invariant: a statement follows from one document alone, and holds of a person nothing but what joins rows.

use domain::Money;
use proto::{
    common::v1::Money as WireMoney,
    sheets::v1::{
        Party, PaymentStatement, RecordPaymentRequest, RecordSubscriptionRequest, SubscriptionStatement,
    },
};
use providers::{
    books::{Stated, Statement},
    owner::Owner,
};
use serde_json::{Map, Value};
use store::Store;

use super::{
    payment::{PAYMENTS, Payer, Payment},
    subscription::{SUBSCRIPTIONS, Subscription},
};
use crate::{grpc::wire_time, stripe::NAME};

/// What is told of a payment; `None` if there is none.
pub(crate) async fn payment_statement(store: &dyn Store, id: &str) -> Result<Option<Stated>, store::Error> {
    let found = PAYMENTS.get(store, id).await?;
    Ok(found.map(|found| {
        let live = found.value.live;
        Stated { statement: Statement::Payment(of_payment(found.value)), live }
    }))
}

/// What is told of a subscription; `None` if there is none.
pub(crate) async fn subscription_statement(
    store: &dyn Store,
    id: &str,
) -> Result<Option<Stated>, store::Error> {
    let found = SUBSCRIPTIONS.get(store, id).await?;
    Ok(found.map(|found| {
        let live = found.value.live;
        Stated { statement: Statement::Subscription(of_subscription(found.value)), live }
    }))
}

fn of_payment(payment: Payment) -> RecordPaymentRequest {
    let metadata = metadata(&payment);
    let party = party(&payment.owner, &payment.payer);
    let Payment { id, version, created_at, amount, refunded, paid_at, method, status, invoice, .. } = payment;
    let statement = PaymentStatement {
        payment_id: id,
        provider: NAME.to_owned(),
        version,
        create_time: Some(wire_time(created_at)),
        amount: Some(wire(amount)),
        pay_time: paid_at.map(wire_time),
        method,
        status: status.as_str().to_owned(),
        invoice_id: invoice,
        metadata,
        refunded: (refunded.minor != 0).then(|| wire(refunded)),
    };
    RecordPaymentRequest { party: Some(party), payment: Some(statement), ..Default::default() }
}

fn of_subscription(subscription: Subscription) -> RecordSubscriptionRequest {
    let party = party(&subscription.owner, &subscription.payer);
    let Subscription {
        id,
        version,
        created_at,
        product,
        plan,
        status,
        started_at,
        renews_at,
        canceled_at,
        ended_at,
        mrr,
        ..
    } = subscription;
    let statement = SubscriptionStatement {
        subscription_id: id,
        provider: NAME.to_owned(),
        version,
        create_time: Some(wire_time(created_at)),
        product,
        plan,
        status,
        start_time: started_at.map(wire_time),
        renew_time: renews_at.map(wire_time),
        cancel_time: canceled_at.map(wire_time),
        mrr: Some(wire(mrr)),
        end_time: ended_at.map(wire_time),
    };
    RecordSubscriptionRequest { party: Some(party), subscription: Some(statement), ..Default::default() }
}

/// Ids and words, no more.
fn metadata(payment: &Payment) -> String {
    let mut map = Map::new();
    let nothing = String::new();
    let lost = payment.lost.map(|lost| lost.to_string()).unwrap_or_default();
    let superseded_by = if payment.is_superseded() { &payment.invoice } else { &nothing };
    for (name, value) in [
        ("item", &payment.item),
        ("checkout", &payment.checkout),
        ("booking", &payment.booking),
        ("subscription", &payment.subscription),
        ("superseded_by", superseded_by),
        ("lost", &lost),
    ] {
        if !value.is_empty() {
            map.insert(name.to_owned(), Value::from(value.as_str()));
        }
    }
    Value::Object(map).to_string()
}

/// Who asked, with what Stripe says of who paid.
fn party(owner: &Owner, payer: &Payer) -> Party {
    let Payer { email, phone, name } = payer.clone();
    Party { email, phone, name, ..owner.party() }
}

/// An amount on the wire.
pub(crate) fn wire(money: Money) -> WireMoney {
    WireMoney { minor_units: money.minor, currency_code: money.currency.as_str().to_owned() }
}
