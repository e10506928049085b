//! What somebody does with a link to pay: pays, fails, pays later, leaves it until it expires.
//!
//! The invariant: a session's payment intent is null until the first attempt, and every step makes Stripe's events for
//! it with the object as it is then.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{
    billing, checkout,
    error::Refusal,
    form::Taken,
    shelf::{Desk, new_id, set, shape, text},
};

/// What a charge comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Paid,
    Pending,
    Declined,
}

/// What is to be paid, and by whom.
pub(super) struct Due<'a> {
    pub(super) amount: &'a Value,
    pub(super) currency: &'a Value,
    pub(super) customer: Value,
    pub(super) metadata: Value,
    pub(super) description: Value,
}

/// The session, if it still can be paid, and what is not shown of it.
fn open(desk: &Desk<'_>, id: &str) -> Taken<(Value, Value)> {
    let found = desk.named("checkout.session", id, "session", StatusCode::NOT_FOUND)?;
    match text(&found.0, "status") {
        "open" => Ok(found),
        status => Err(Refusal::new(format!("This Checkout Session is {status}, not open.")).param("session")),
    }
}

/// Somebody pays; or tries, with a means that is heard of later or is declined.
pub(super) fn attempt(desk: &Desk<'_>, id: &str, email: Option<&str>, end: End) -> Taken<Value> {
    let (mut session, inner) = open(desk, id)?;
    let email = session["customer_email"].as_str().or(email).unwrap_or("payer@example.com").to_owned();
    if !checkout::is_email(&email) {
        return Err(Refusal::new("Your email is invalid.").code("email_invalid").param("email"));
    }
    if session["mode"] == "subscription" {
        return billing::subscribe(desk, session, &inner, &email, end);
    }
    if end != End::Declined && session["customer"].is_null() && session["customer_creation"] == "always" {
        session["customer"] = customer(desk, &email)?;
    }
    let mut intent = match session["payment_intent"].as_str() {
        Some(id) => desk.get("payment_intent", id)?,
        None => intent(
            desk,
            Due {
                amount: &session["amount_total"],
                currency: &session["currency"],
                customer: session["customer"].clone(),
                metadata: inner.get("metadata").cloned().unwrap_or_else(|| json!({})),
                description: inner["description"].clone(),
            },
        )?,
    };
    session["payment_intent"] = intent["id"].clone();
    if end == End::Declined {
        desk.put(&session)?;
    }
    charge(desk, &mut intent, &email, end)?;
    if end == End::Declined {
        return Ok(session);
    }
    complete(desk, session, &email, end == End::Paid)
}

/// The session is through: paid, or to be paid by what was begun.
pub(super) fn complete(desk: &Desk<'_>, mut session: Value, email: &str, paid: bool) -> Taken<Value> {
    let nobody = json!({"city": null, "country": null, "line1": null, "line2": null, "postal_code": null, "state": null});
    set(
        &mut session,
        json!({
            "status": "complete", "payment_status": if paid { "paid" } else { "unpaid" }, "url": null,
            "customer_details": {
                "address": nobody, "business_name": null, "email": email, "individual_name": null, "name": null,
                "phone": null, "tax_exempt": "none", "tax_ids": [],
            },
        }),
    );
    desk.put(&session)?;
    desk.event("checkout.session.completed", &session)?;
    Ok(session)
}

/// What was begun ends.
pub(super) fn settle(desk: &Desk<'_>, id: &str, fine: bool) -> Taken<Value> {
    let (mut session, _) = desk.named("checkout.session", id, "session", StatusCode::NOT_FOUND)?;
    if session["status"] != "complete" || session["payment_status"] != "unpaid" {
        return Err(Refusal::new("This Checkout Session waits for no payment.").param("session"));
    }
    let mut intent = desk.get("payment_intent", text(&session, "payment_intent"))?;
    let email = session["customer_details"]["email"].as_str().unwrap_or_default().to_owned();
    charge(desk, &mut intent, &email, if fine { End::Paid } else { End::Declined })?;
    if fine {
        session["payment_status"] = "paid".into();
        desk.put(&session)?;
        desk.event("checkout.session.async_payment_succeeded", &session)?;
    } else {
        desk.event("checkout.session.async_payment_failed", &session)?;
    }
    Ok(session)
}

/// The session's time is over, or somebody says so.
pub(super) fn expire(desk: &Desk<'_>, id: &str) -> Taken<Value> {
    let (mut session, _) = desk.named("checkout.session", id, "session", StatusCode::NOT_FOUND)?;
    if session["status"] != "open" {
        let message = format!(
            "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of {}.",
            text(&session, "status")
        );
        return Err(Refusal::new(message));
    }
    set(&mut session, json!({"status": "expired", "url": null}));
    desk.put(&session)?;
    desk.event("checkout.session.expired", &session)?;
    if let Some(intent) = session["payment_intent"].as_str() {
        let mut intent = desk.get("payment_intent", intent)?;
        set(
            &mut intent,
            json!({"status": "canceled", "canceled_at": desk.now, "cancellation_reason": "automatic"}),
        );
        desk.put(&intent)?;
        desk.event("payment_intent.canceled", &intent)?;
    }
    Ok(session)
}

/// A new payment intent.
pub(super) fn intent(desk: &Desk<'_>, due: Due<'_>) -> Taken<Value> {
    let id = new_id("pi");
    let intent = shape(
        "payment_intent",
        id.clone(),
        json!({
            "amount": due.amount, "currency": due.currency, "customer": due.customer, "metadata": due.metadata,
            "description": due.description, "created": desk.now, "client_secret": new_id(&format!("{id}_secret")),
        }),
    );
    desk.add(&intent, &Value::Null)?;
    desk.event("payment_intent.created", &intent)?;
    Ok(intent)
}

/// A new customer with this address; its id.
pub(super) fn customer(desk: &Desk<'_>, email: &str) -> Taken<Value> {
    let customer = shape("customer", new_id("cus"), json!({"email": email, "created": desk.now}));
    desk.add(&customer, &Value::Null)?;
    desk.event("customer.created", &customer)?;
    Ok(customer["id"].clone())
}

/// Charges what an intent is about: anew, or the charge that is pending.
pub(super) fn charge(desk: &Desk<'_>, intent: &mut Value, email: &str, end: End) -> Taken<()> {
    let pending = match intent["latest_charge"].as_str() {
        Some(id) => Some(desk.get("charge", id)?).filter(|charge| charge["status"] == "pending"),
        None => None,
    };
    let fresh = pending.is_none();
    let mut charge = match pending {
        Some(charge) => charge,
        None => new_charge(desk, intent, email)?,
    };
    let (fields, kind) = charged(desk, &charge, end)?;
    set(&mut charge, fields);
    if fresh {
        desk.add(&charge, &Value::Null)?
    } else {
        desk.put(&charge)?
    }
    desk.event(kind, &charge)?;
    intent["latest_charge"] = charge["id"].clone();
    let (status, kind) = match end {
        End::Paid => ("succeeded", "payment_intent.succeeded"),
        End::Pending => ("processing", "payment_intent.processing"),
        End::Declined => ("requires_payment_method", "payment_intent.payment_failed"),
    };
    let received = if end == End::Paid { intent["amount"].clone() } else { 0.into() };
    let method = if end == End::Declined { Value::Null } else { charge["payment_method"].clone() };
    let error = if end == End::Declined { declined(desk, &charge)? } else { Value::Null };
    set(
        intent,
        json!({"status": status, "amount_received": received, "payment_method": method, "last_payment_error": error}),
    );
    desk.put(intent)?;
    desk.event(kind, intent)
}

fn new_charge(desk: &Desk<'_>, intent: &Value, email: &str) -> Taken<Value> {
    let mut method = shape("payment_method", new_id("pm"), json!({"created": desk.now}));
    method["billing_details"]["email"] = email.into();
    method["customer"] = intent["customer"].clone();
    desk.add(&method, &Value::Null)?;
    let mut charge = shape(
        "charge",
        new_id("ch"),
        json!({
            "amount": intent["amount"], "currency": intent["currency"], "customer": intent["customer"],
            "metadata": intent["metadata"], "description": intent["description"], "payment_intent": intent["id"],
            "payment_method": method["id"], "created": desk.now, "calculated_statement_descriptor": "FRONTDESK",
        }),
    );
    charge["billing_details"]["email"] = email.into();
    Ok(charge)
}

/// How the charge's fields change, and the event for it.
fn charged(desk: &Desk<'_>, charge: &Value, end: End) -> Taken<(Value, &'static str)> {
    Ok(match end {
        End::Pending => (
            json!({"status": "pending", "paid": false, "captured": true, "balance_transaction": null}),
            "charge.pending",
        ),
        End::Declined => (
            json!({
                "status": "failed", "paid": false, "captured": false, "balance_transaction": null,
                "failure_code": "card_declined", "failure_message": "Your card was declined.",
                "outcome": {
                    "advice_code": "try_again_later", "network_advice_code": null, "network_decline_code": null,
                    "network_status": "declined_by_network", "reason": "generic_decline", "risk_level": "normal",
                    "risk_score": 12, "seller_message": "The bank did not return any further details with this decline.",
                    "type": "issuer_declined",
                },
            }),
            "charge.failed",
        ),
        End::Paid => {
            let amount = charge["amount"].as_i64().unwrap_or_default();
            // 2.9 % and 30, as in Stripe's price list.
            let fee = amount * 29 / 1000 + 30;
            let entry = shape(
                "balance_transaction",
                new_id("txn"),
                json!({
                    "amount": amount, "currency": charge["currency"], "created": desk.now, "available_on": desk.now,
                    "fee": fee, "net": amount - fee, "source": charge["id"], "description": charge["description"],
                }),
            );
            desk.add(&entry, &Value::Null)?;
            (
                json!({
                    "status": "succeeded", "paid": true, "captured": true, "amount_captured": amount,
                    "balance_transaction": entry["id"],
                }),
                "charge.succeeded",
            )
        }
    })
}

fn declined(desk: &Desk<'_>, charge: &Value) -> Taken<Value> {
    Ok(json!({
        "advice_code": "try_again_later", "charge": charge["id"], "code": "card_declined",
        "decline_code": "generic_decline", "doc_url": "https://stripe.com/docs/error-codes/card-declined",
        "message": "Your card was declined.", "payment_method": desk.get("payment_method", text(charge, "payment_method"))?,
        "type": "card_error",
    }))
}
