//! Money that goes back: refunds and disputes.
//!
//! The invariant: a charge never gives back more than it took.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{
    checkout::metadata,
    error::Refusal,
    form::{Form, Taken},
    shelf::{Desk, new_id, set, shape, text},
};

/// `POST /v1/refunds`.
pub(super) fn create(desk: &Desk<'_>, mut form: Form) -> Taken<Value> {
    let (intent, charge) = (form.text("payment_intent", 5000)?, form.text("charge", 5000)?);
    let charge = match (intent, charge) {
        (None, None) => {
            let message =
                "One of the following params should be provided for this request: payment_intent or charge.";
            return Err(Refusal::new(message).code("parameter_missing"));
        }
        (Some(intent), charge) => {
            let latest = charge_of(desk, &intent, StatusCode::BAD_REQUEST)?;
            if charge.is_some_and(|charge| latest["id"] != charge) {
                let message = "The charge does not belong to the payment intent.";
                return Err(Refusal::new(message).param("charge"));
            }
            latest
        }
        (None, Some(id)) => desk.named("charge", &id, "charge", StatusCode::BAD_REQUEST)?.0,
    };
    let amount = form.integer("amount")?;
    let reason = form.one_of("reason", &["duplicate", "fraudulent", "requested_by_customer"])?;
    let metadata = metadata(&mut form)?;
    form.end(&[
        "instructions_email",
        "origin",
        "refund_application_fee",
        "reverse_transfer",
        "currency",
        "customer",
    ])?;
    refund(desk, charge, amount, reason, metadata)
}

/// The charge that an intent came to.
pub(super) fn charge_of(desk: &Desk<'_>, intent: &str, status: StatusCode) -> Taken<Value> {
    let (intent, _) = desk.named("payment_intent", intent, "payment_intent", status)?;
    let Some(charge) = intent["latest_charge"].as_str() else {
        let message = "This PaymentIntent does not have a successful charge to refund.";
        return Err(Refusal::new(message).code("payment_intent_unexpected_state").param("payment_intent"));
    };
    desk.get("charge", charge)
}

/// Gives back a part of a charge, or what is left of it.
pub(super) fn refund(
    desk: &Desk<'_>,
    mut charge: Value,
    amount: Option<i64>,
    reason: Option<&str>,
    metadata: Value,
) -> Taken<Value> {
    let taken = charge["amount_captured"].as_i64().unwrap_or_default();
    let given = charge["amount_refunded"].as_i64().unwrap_or_default();
    let amount = check(&charge, taken, given, amount)?;
    let refund = shape(
        "refund",
        new_id("re"),
        json!({
            "amount": amount, "charge": charge["id"], "payment_intent": charge["payment_intent"], "reason": reason,
            "currency": charge["currency"], "created": desk.now, "metadata": metadata, "status": "succeeded",
        }),
    );
    desk.add(&refund, &Value::Null)?;
    desk.event("refund.created", &refund)?;
    let full = given + amount == taken;
    let mut before = json!({ "amount_refunded": given });
    if full {
        before["refunded"] = false.into();
    }
    set(&mut charge, json!({"amount_refunded": given + amount, "refunded": full}));
    desk.put(&charge)?;
    desk.event_after("charge.refunded", &charge, Some(before))?;
    Ok(refund)
}

fn check(charge: &Value, taken: i64, given: i64, amount: Option<i64>) -> Taken<i64> {
    if charge["status"] != "succeeded" {
        return Err(Refusal::new("This charge did not succeed, and cannot be refunded.").param("charge"));
    }
    if charge["disputed"] == true {
        let message = "The charge has been charged back; cannot issue a refund.";
        return Err(Refusal::new(message).code("charge_disputed"));
    }
    if given >= taken {
        let message = format!("Charge {} has already been refunded.", text(charge, "id"));
        return Err(Refusal::new(message).code("charge_already_refunded"));
    }
    let amount = amount.unwrap_or(taken - given);
    if amount < 1 {
        let message = "This value must be greater than or equal to 1.";
        return Err(Refusal::new(message).code("parameter_invalid_integer").param("amount"));
    }
    if amount > taken - given {
        let message = format!(
            "Refund amount ({amount}) is greater than unrefunded amount on charge ({})",
            taken - given
        );
        return Err(Refusal::new(message).param("amount"));
    }
    Ok(amount)
}

/// The payer asks the bank for the money back.
pub(super) fn dispute(desk: &Desk<'_>, mut charge: Value) -> Taken<Value> {
    if charge["status"] != "succeeded" || charge["disputed"] == true {
        return Err(Refusal::new("This charge cannot be disputed.").param("charge"));
    }
    let mut dispute = shape(
        "dispute",
        new_id("dp"),
        json!({
            "amount": charge["amount"], "charge": charge["id"], "payment_intent": charge["payment_intent"],
            "currency": charge["currency"], "created": desk.now,
        }),
    );
    dispute["evidence_details"]["due_by"] = (desk.now + 9 * 86_400).into();
    charge["disputed"] = true.into();
    desk.put(&charge)?;
    desk.add(&dispute, &Value::Null)?;
    desk.event("charge.dispute.created", &dispute)?;
    desk.event("charge.dispute.funds_withdrawn", &dispute)?;
    Ok(dispute)
}

/// The bank has decided.
pub(super) fn close(desk: &Desk<'_>, id: &str, won: bool) -> Taken<Value> {
    let (mut dispute, _) = desk.named("dispute", id, "dispute", StatusCode::NOT_FOUND)?;
    let before = dispute["status"].clone();
    if before == "won" || before == "lost" {
        return Err(Refusal::new("This dispute is already closed."));
    }
    dispute["status"] = if won { "won" } else { "lost" }.into();
    desk.put(&dispute)?;
    desk.event_after("charge.dispute.closed", &dispute, Some(json!({ "status": before })))?;
    if won {
        desk.event("charge.dispute.funds_reinstated", &dispute)?;
    }
    Ok(dispute)
}
