//! Subscriptions and their invoices.
//!
//! The invariant: what is paid for a subscription is an invoice, and only an invoice payment links it to its payment
//! intent, as since version 2025-03-31.

use jiff::{Span, Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    checkout::metadata,
    error::Refusal,
    form::{Form, Taken},
    payment::{self, Due, End},
    shelf::{Desk, new_id, set, shape, text},
};

/// Somebody pays for the first period.
pub(super) fn subscribe(
    desk: &Desk<'_>,
    mut session: Value,
    inner: &Value,
    email: &str,
    end: End,
) -> Taken<Value> {
    if end == End::Pending {
        return Err(Refusal::not_played("a subscription that is paid later"));
    }
    let item = &inner["line_items"][0];
    if end == End::Declined {
        let mut intent =
            payment::intent(desk, due(&session["amount_total"], &session["currency"], Value::Null))?;
        payment::charge(desk, &mut intent, email, end)?;
        return Ok(session);
    }
    if session["customer"].is_null() {
        session["customer"] = payment::customer(desk, email)?;
    }
    let mut subscription = subscription(desk, &session, inner, item)?;
    let invoice = invoice(desk, &mut subscription, email, "subscription_create", End::Paid)?;
    desk.add(&subscription, &Value::Null)?;
    desk.event("customer.subscription.created", &subscription)?;
    set(&mut session, json!({"subscription": subscription["id"], "invoice": invoice["id"]}));
    payment::complete(desk, session, email, true)
}

fn due<'a>(amount: &'a Value, currency: &'a Value, customer: Value) -> Due<'a> {
    Due { amount, currency, customer, metadata: json!({}), description: "Subscription creation".into() }
}

fn subscription(desk: &Desk<'_>, session: &Value, inner: &Value, item: &Value) -> Taken<Value> {
    let id = new_id("sub");
    let until = after(desk.now, &item["price"]["recurring"])?;
    let part = shape(
        "subscription_item",
        new_id("si"),
        json!({
            "created": desk.now, "price": item["price"], "plan": plan(&item["price"]), "quantity": item["quantity"], "subscription": id,
            "current_period_start": desk.now, "current_period_end": until,
        }),
    );
    let list = json!({"object": "list", "data": [part], "has_more": false, "total_count": 1,
        "url": format!("/v1/subscription_items?subscription={id}")});
    Ok(shape(
        "subscription",
        id,
        json!({
            "created": desk.now, "start_date": desk.now, "billing_cycle_anchor": desk.now, "status": "active",
            "currency": session["currency"], "customer": session["customer"], "items": list,
            "metadata": inner.get("metadata").cloned().unwrap_or_else(|| json!({})),
            "description": inner["description"],
        }),
    ))
}

/// A recurring price as the plan that it once was called.
fn plan(price: &Value) -> Value {
    let recurring = &price["recurring"];
    shape(
        "plan",
        text(price, "id").to_owned(),
        json!({
            "active": price["active"], "amount": price["unit_amount"], "amount_decimal": price["unit_amount_decimal"],
            "created": price["created"], "currency": price["currency"], "interval": recurring["interval"],
            "interval_count": recurring["interval_count"], "product": price["product"],
        }),
    )
}

/// When a period ends that begins then.
fn after(start: i64, recurring: &Value) -> Taken<i64> {
    let count = recurring["interval_count"].as_i64().unwrap_or(1);
    let span = match text(recurring, "interval") {
        "day" => Span::new().try_days(count),
        "week" => Span::new().try_weeks(count),
        "year" => Span::new().try_years(count),
        _ => Span::new().try_months(count),
    };
    let end = span.and_then(|span| Timestamp::from_second(start)?.to_zoned(TimeZone::UTC).checked_add(span));
    end.map(|end| end.timestamp().as_second()).map_err(|_| Refusal::new("The period is too long."))
}

/// The invoice of the subscription's current period, and the attempt to have it paid.
fn invoice(desk: &Desk<'_>, subscription: &mut Value, email: &str, reason: &str, end: End) -> Taken<Value> {
    let mut invoice = draft(desk, subscription, email, reason);
    subscription["latest_invoice"] = invoice["id"].clone();
    desk.add(&invoice, &Value::Null)?;
    desk.event("invoice.created", &invoice)?;
    invoice["status"] = "open".into();
    invoice["status_transitions"]["finalized_at"] = desk.now.into();
    invoice["effective_at"] = desk.now.into();
    invoice["number"] = format!("SANDBOX-{:04}", desk.all("invoice")?.len()).into();
    desk.event("invoice.finalized", &invoice)?;
    pay(desk, &mut invoice, email, end)?;
    Ok(invoice)
}

fn draft(desk: &Desk<'_>, subscription: &Value, email: &str, reason: &str) -> Value {
    let (id, item) = (new_id("in"), &subscription["items"]["data"][0]);
    let price = &item["price"];
    let quantity = item["quantity"].as_i64().unwrap_or(1);
    let amount = price["unit_amount"].as_i64().unwrap_or_default() * quantity;
    let line = shape(
        "line_item",
        new_id("il"),
        json!({
            "amount": amount, "subtotal": amount, "currency": subscription["currency"], "invoice": id,
            "quantity": quantity, "quantity_decimal": quantity.to_string(), "description": "Subscription",
            "subscription": subscription["id"],
            "period": {"start": item["current_period_start"], "end": item["current_period_end"]},
            "pricing": {"type": "price_details", "unit_amount_decimal": price["unit_amount_decimal"],
                "price_details": {"price": price["id"], "product": price["product"]}},
            "parent": {"type": "subscription_item_details", "invoice_item_details": null,
                "subscription_item_details": {"invoice_item": null, "proration": false, "proration_details":
                    {"credited_items": null}, "subscription": subscription["id"], "subscription_item": item["id"]}},
        }),
    );
    let lines = json!({"object": "list", "data": [line], "has_more": false, "url": format!("/v1/invoices/{id}/lines")});
    shape(
        "invoice",
        id,
        json!({
            "amount_due": amount, "amount_paid": 0, "amount_remaining": amount, "subtotal": amount,
            "subtotal_excluding_tax": amount, "total": amount, "total_excluding_tax": amount,
            "auto_advance": true, "billing_reason": reason, "created": desk.now, "currency": subscription["currency"],
            "customer": subscription["customer"], "customer_email": email, "lines": lines,
            "period_start": desk.now, "period_end": desk.now,
            "parent": {"type": "subscription_details", "quote_details": null, "subscription_details":
                {"metadata": subscription["metadata"], "subscription": subscription["id"]}},
        }),
    )
}

/// Tries to have an invoice paid.
fn pay(desk: &Desk<'_>, invoice: &mut Value, email: &str, end: End) -> Taken<()> {
    let due = due(&invoice["amount_due"], &invoice["currency"], invoice["customer"].clone());
    let mut intent = payment::intent(desk, due)?;
    let attempts = invoice["attempt_count"].as_i64().unwrap_or_default() + 1;
    payment::charge(desk, &mut intent, email, end)?;
    set(invoice, json!({"attempted": true, "attempt_count": attempts}));
    let paid = end == End::Paid;
    let link = shape(
        "invoice_payment",
        new_id("inpay"),
        json!({
            "amount_requested": invoice["amount_due"], "currency": invoice["currency"], "created": desk.now,
            "amount_paid": if paid { invoice["amount_due"].clone() } else { Value::Null },
            "invoice": invoice["id"], "payment": {"type": "payment_intent", "payment_intent": intent["id"]},
            "status": if paid { "paid" } else { "open" },
            "status_transitions": {"canceled_at": null, "paid_at": paid.then_some(desk.now)},
        }),
    );
    desk.add(&link, &Value::Null)?;
    if !paid {
        invoice["next_payment_attempt"] = (desk.now + 3 * 86_400).into();
        desk.put(invoice)?;
        return desk.event("invoice.payment_failed", invoice);
    }
    set(
        invoice,
        json!({"status": "paid", "auto_advance": false, "amount_paid": invoice["amount_due"], "amount_remaining": 0}),
    );
    invoice["status_transitions"]["paid_at"] = desk.now.into();
    desk.put(invoice)?;
    desk.event("invoice.paid", invoice)?;
    desk.event("invoice.payment_succeeded", invoice)?;
    desk.event("invoice_payment.paid", &link)
}

/// A new period begins, paid for or not.
pub(super) fn renew(desk: &Desk<'_>, id: &str, fine: bool) -> Taken<Value> {
    let mut subscription = living(desk, id)?;
    let customer = desk.get("customer", text(&subscription, "customer"))?;
    let before = json!({
        "items": {"data": subscription["items"]["data"]}, "latest_invoice": subscription["latest_invoice"],
        "status": subscription["status"],
    });
    let item = &mut subscription["items"]["data"][0];
    let start = item["current_period_end"].as_i64().unwrap_or(desk.now);
    let until = after(start, &item["price"]["recurring"])?;
    set(item, json!({"current_period_start": start, "current_period_end": until}));
    let end = if fine { End::Paid } else { End::Declined };
    invoice(desk, &mut subscription, text(&customer, "email"), "subscription_cycle", end)?;
    subscription["status"] = if fine { "active" } else { "past_due" }.into();
    changed(desk, &subscription, before)?;
    Ok(subscription)
}

/// Keeps a changed subscription, and tells of what was otherwise before.
fn changed(desk: &Desk<'_>, subscription: &Value, mut before: Value) -> Taken<()> {
    if let Some(before) = before.as_object_mut() {
        before.retain(|name, value| *value != subscription[name.as_str()]);
    }
    desk.put(subscription)?;
    desk.event_after("customer.subscription.updated", subscription, Some(before))
}

fn living(desk: &Desk<'_>, id: &str) -> Taken<Value> {
    let subscription = desk.get("subscription", id)?;
    if subscription["status"] == "canceled" {
        return Err(Refusal::no_such("subscription", id, "id", axum::http::StatusCode::NOT_FOUND));
    }
    Ok(subscription)
}

/// `POST /v1/subscriptions/{id}`: the end at the period's end, metadata.
pub(super) fn update(desk: &Desk<'_>, id: &str, mut form: Form) -> Taken<Value> {
    let mut subscription = living(desk, id)?;
    let before = subscription.clone();
    if let Some(ends) = form.boolean("cancel_at_period_end")? {
        let end = subscription["items"]["data"][0]["current_period_end"].clone();
        let (at, now) = if ends { (end, json!(desk.now)) } else { (Value::Null, Value::Null) };
        set(&mut subscription, json!({"cancel_at_period_end": ends, "cancel_at": at, "canceled_at": now}));
    }
    if form.has("metadata") {
        subscription["metadata"] = metadata(&mut form)?;
    }
    form.end(&[
        "items",
        "cancel_at",
        "default_payment_method",
        "description",
        "pause_collection",
        "trial_end",
    ])?;
    changed(desk, &subscription, before)?;
    Ok(subscription)
}

/// `DELETE /v1/subscriptions/{id}`: the end, at once.
pub(super) fn cancel(desk: &Desk<'_>, id: &str) -> Taken<Value> {
    let mut subscription = living(desk, id)?;
    set(&mut subscription, json!({"status": "canceled", "canceled_at": desk.now, "ended_at": desk.now}));
    subscription["cancellation_details"]["reason"] = "cancellation_requested".into();
    desk.put(&subscription)?;
    desk.event("customer.subscription.deleted", &subscription)?;
    Ok(subscription)
}
