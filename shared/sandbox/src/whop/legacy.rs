//! Records as the legacy version, 2025-01-01, shows them: what a key without a stored version gets, and what webhooks
//! carry that were made before versions had dates (`types/*_legacy.py` of Whop's Python SDK 2.6.0).
//!
//! The invariant: every field of the model is there; money is a number in major units, or a text for people.

use serde_json::{Value, json};

use super::{
    WHOP_ACCOUNT_ID,
    error::Taken,
    records::{Dispute, Membership, Payment, Person, Refund},
    shelf::Desk,
    view::{decimal, extend, manage_url, maybe, member_id, number, time},
    world::{ACCOUNT, CURRENCY, Plan, ROUTE},
};

/// A text of money for people.
fn written(minor: i64) -> String {
    format!("€{}", decimal(minor))
}

fn user(person: &Person) -> Value {
    json!({"id": person.id, "username": person.username, "name": person.name, "email": person.email})
}

/// A membership, with its user, plan, product and company inside.
pub(super) fn membership(desk: &Desk<'_>, membership: &Membership) -> Taken<Value> {
    let plan = Plan::of(&membership.plan)?;
    let product = plan.product();
    let person: Person = desk.get(&membership.user)?;
    let mut user = user(&person);
    user["profile_pic"] = format!("https://assets.whop.com/{}.png", person.username).into();
    let every = plan.days.map(|days| format!("{} / {days} days", written(plan.price)));
    Ok(json!({
        "id": membership.id, "status": membership.status, "company": {"id": WHOP_ACCOUNT_ID, "title": ACCOUNT},
        "user": user, "member": {"id": member_id(&person.id)}, "plan": {"id": plan.id, "metadata": {}},
        "product": {"id": product.id, "title": product.title, "metadata": {}},
        "renewal_period_start": time(membership.start), "renewal_period_end": maybe(membership.end),
        "cancel_at_period_end": membership.cancel_at_period_end, "canceled_at": maybe(membership.canceled_at),
        "cancellation_reason": membership.reason, "cancel_option": null, "feedback_option": null,
        "cancelation_status": match membership.status.as_str() {
            "canceled" => Some("left"),
            _ => membership.cancel_at_period_end.then_some("canceling"),
        },
        "checkout_configuration_id": membership.checkout, "currency": CURRENCY, "custom_field_responses": [],
        "formatted_renewal_price": every, "initial_price_paid": written(if plan.trial_days.is_some() { 0 } else { plan.price }),
        "joined_at": time(membership.created_at), "license_key": membership.license_key,
        "manage_url": manage_url(&person.id), "metadata": membership.metadata, "payment_collection_paused": false,
        "promo_code": null, "created_at": time(membership.created_at), "updated_at": time(membership.updated_at),
    }))
}

/// A payment, with what it belongs to inside.
pub(super) fn payment(desk: &Desk<'_>, payment: &Payment) -> Taken<Value> {
    let plan = Plan::of(&payment.plan)?;
    let product = plan.product();
    let person: Person = desk.get(&payment.user)?;
    let (is_paid, is_open) = (payment.status == "paid", payment.status == "open");
    let mut shown = core(desk, payment, &person)?;
    if !shown["membership"].is_null() {
        shown["membership"]["phone_number"] = Value::Null;
    }
    extend(
        &mut shown,
        json!({
            "company": {"id": WHOP_ACCOUNT_ID, "route": ROUTE, "title": ACCOUNT}, "status": payment.status,
            "substatus": payment.substatus(), "metadata": payment.metadata, "checkout_configuration_id": payment.checkout,
            "plan": {"id": plan.id, "internal_notes": null, "metadata": {}},
            "product": {"id": product.id, "route": product.route, "title": product.title, "metadata": {}},
            "amount_after_fees": number(payment.amount - payment.amount * 3 / 100),
            "refunded_amount": number(payment.refunded), "refunded_at": maybe(payment.refunded_at),
            "settlement_amount": number(payment.amount), "settlement_currency": CURRENCY, "settlement_exchange_rate": null,
            "payments_failed": payment.failed, "last_payment_attempt": time(payment.tried_at),
            "next_payment_attempt": maybe(payment.next_try_at), "updated_at": time(payment.updated_at),
            "failure_message": is_open.then_some("Your card has insufficient funds."),
            "decline_code": is_open.then_some("insufficient_funds"), "retryable": is_open, "voidable": is_open,
            "refundable": is_paid && payment.refunded < payment.amount,
        }),
    );
    extend(
        &mut shown,
        json!({
            "application_fee": null, "auto_refunded": false, "billing_address": null, "card_exp_month": 12,
            "card_exp_year": 2030, "customer_phone": null, "disputes": [], "fees": [], "financing_installments_count": null,
            "financing_transactions": [], "needs_tracking": null, "payment_instrument": null, "payment_method": null,
            "promo_code": null, "recovery_url": null, "refunds": [], "resolutions": [], "risk_score": null,
            "risk_signals": null, "settlement_time_at": null, "shipment": null, "shipping_address": null, "sku": null,
            "tax_amount": null, "tax_behavior": null, "tax_refunded_amount": null, "three_ds_verified": false,
            "verification_checks": null,
        }),
    );
    Ok(shown)
}

/// What is told of a payment inside other objects, too.
fn core(desk: &Desk<'_>, payment: &Payment, person: &Person) -> Taken<Value> {
    let membership = match &payment.membership {
        Some(id) => desk.find::<Membership>(id)?,
        None => None,
    };
    Ok(json!({
        "id": payment.id, "billing_reason": payment.reason, "card_brand": "visa", "card_last4": "4242",
        "currency": CURRENCY, "dispute_alerted_at": null, "paid_at": maybe(payment.paid_at),
        "payment_method_type": "card", "total": number(payment.amount), "subtotal": number(payment.amount),
        "usd_total": number(payment.amount * 110 / 100), "user": user(person),
        "member": membership.as_ref().map(|_| json!({"id": member_id(&person.id), "phone": null})),
        "membership": membership.map(|one| json!({"id": one.id, "status": one.status})),
        "created_at": time(payment.created_at),
    }))
}

/// A payment inside a refund or a dispute, with what else is told of it there.
fn inner(desk: &Desk<'_>, payment: &Payment, more: Value) -> Taken<Value> {
    let mut shown = core(desk, payment, &desk.get::<Person>(&payment.user)?)?;
    extend(&mut shown, more);
    Ok(shown)
}

/// A refund, with its payment inside, and the user inside that.
pub(super) fn refund(desk: &Desk<'_>, refund: &Refund) -> Taken<Value> {
    let payment: Payment = desk.get(&refund.payment)?;
    let plan = Plan::of(&payment.plan)?;
    let more = json!({
        "plan": {"id": plan.id, "metadata": {}}, "product": {"id": plan.product, "metadata": {}},
        "metadata": payment.metadata, "tax_amount": null, "tax_behavior": null, "tax_refunded_amount": null,
    });
    Ok(json!({
        "id": refund.id, "amount": number(refund.amount), "currency": CURRENCY, "metadata": {},
        "payment": inner(desk, &payment, more)?, "provider": "stripe", "provider_created_at": time(refund.created_at),
        "reference_status": "pending", "reference_type": null, "reference_value": null, "status": refund.status,
        "created_at": time(refund.created_at),
    }))
}

/// A dispute, with its payment inside.
pub(super) fn dispute(desk: &Desk<'_>, dispute: &Dispute) -> Taken<Value> {
    let payment: Payment = desk.get(&dispute.payment)?;
    let person: Person = desk.get(&payment.user)?;
    let plan = Plan::of(&payment.plan)?;
    let mut shown: Value = [
        "access_activity_log",
        "billing_address",
        "cancellation_policy_attachment",
        "cancellation_policy_disclosure",
        "customer_communication_attachment",
        "needs_response_by",
        "notes",
        "product_description",
        "refund_policy_attachment",
        "refund_policy_disclosure",
        "refund_refusal_explanation",
        "service_date",
        "uncategorized_attachment",
    ]
    .iter()
    .map(|name| ((*name).to_owned(), Value::Null))
    .collect();
    extend(
        &mut shown,
        json!({
            "id": dispute.id, "status": dispute.status, "amount": number(payment.amount), "currency": CURRENCY,
            "company": {"id": WHOP_ACCOUNT_ID, "title": ACCOUNT}, "customer_email_address": person.email,
            "customer_name": person.name, "editable": dispute.status == "needs_response",
            "payment": inner(desk, &payment, json!({"payment_instrument": null}))?, "plan": {"id": plan.id},
            "product": {"id": plan.product, "title": plan.product().title}, "reason": "fraudulent", "reason_code": "10.4",
            "visa_rdr": false, "created_at": time(dispute.created_at),
        }),
    );
    Ok(shown)
}
