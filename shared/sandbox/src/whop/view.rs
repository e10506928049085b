//! Records as the dated version shows them (the models of Whop's Python SDK 2.6.0, `types/*.py`).
//!
//! The invariant: every field of the model is there, and an amount of money is a decimal text in major units.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    WHOP_ACCOUNT_ID,
    error::Taken,
    legacy,
    records::{Dispute, Membership, Payment, Person, Record, Refund},
    shelf::Desk,
    version::Version,
    world::{ACCOUNT, CURRENCY, Plan, ROUTE},
};

/// So many US cents are 100 of ours; invented.
const RATE: i64 = 110;

/// A time as Whop writes it.
pub(super) fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// A time that may not be.
pub(super) fn maybe(at: Option<Timestamp>) -> Value {
    at.map(time).into()
}

/// Minor units as a decimal text.
pub(super) fn decimal(minor: i64) -> String {
    format!("{}{}.{:02}", if minor < 0 { "-" } else { "" }, minor.abs() / 100, minor.abs() % 100)
}

/// Minor units as the number that plans and legacy objects have.
pub(super) fn number(minor: i64) -> Value {
    serde_json::from_str(&decimal(minor)).expect("a decimal is a number of JSON")
}

/// `Money` of the account's currency.
pub(super) fn money(minor: i64) -> Value {
    money_in(minor, CURRENCY)
}

fn money_in(minor: i64, currency: &str) -> Value {
    json!({"amount": decimal(minor), "currency": currency, "decimals": 2, "display_decimals": 2})
}

/// The account, as summaries have it.
pub(super) fn account() -> Value {
    json!({"id": WHOP_ACCOUNT_ID, "route": ROUTE, "title": ACCOUNT, "logo_url": null})
}

/// A person, as summaries have them.
pub(super) fn summary(person: &Person) -> Value {
    let url = format!("https://assets.whop.com/{}.png", person.username);
    json!({"id": person.id, "username": person.username, "name": person.name, "profile_picture": {"url": url}})
}

/// The id of a person's member record.
pub(super) fn member_id(user: &str) -> String {
    format!("mber_{}", user.trim_start_matches("user_"))
}

/// Where a buyer manages what they have.
pub(super) fn manage_url(user: &str) -> String {
    format!("https://whop.com/billing/manage/{}", member_id(user))
}

/// Something that both versions of the API show.
pub(super) trait Shown: Record {
    /// As the dated version does.
    fn dated(&self, desk: &Desk<'_>) -> Taken<Value>;

    /// As the legacy version does.
    fn legacy(&self, desk: &Desk<'_>) -> Taken<Value>;

    /// As this version does.
    fn shown(&self, desk: &Desk<'_>, version: Version) -> Taken<Value> {
        match version {
            Version::Dated => self.dated(desk),
            Version::Legacy => self.legacy(desk),
        }
    }
}

impl Shown for Membership {
    fn dated(&self, _: &Desk<'_>) -> Taken<Value> {
        let plan = Plan::of(&self.plan)?;
        let product = plan.product();
        let (action, at) = self.most_recent_action();
        Ok(json!({
            "id": self.id, "status": self.status, "user_id": self.user, "member_id": member_id(&self.user),
            "account": account(), "product_id": product.id, "plan_id": plan.id,
            "product": {"id": product.id, "title": product.title, "logo_url": null},
            "initial_price": money(if plan.trial_days.is_some() { 0 } else { plan.price }),
            "renewal_price": plan.days.map(|_| money(plan.price)), "billing_period_days": plan.days,
            "cancel_at_period_end": self.cancel_at_period_end, "canceled_at": maybe(self.canceled_at),
            "cancellation_reason": self.reason, "cancel_option": null, "feedback_option": null,
            "current_period_start": time(self.start), "current_period_end": maybe(self.end), "expires_at": null,
            "license_key": self.license_key, "manage_url": manage_url(&self.user), "metadata": self.metadata,
            "member": null, "phone_number": null, "promo_code_id": null, "affiliate": null,
            "collection_method": plan.days.map(|_| "charge_automatically"),
            "most_recent_action": action, "most_recent_action_at": maybe(at),
            "split_pay_current_payments": null, "split_pay_required_payments": null,
            "created_at": time(self.created_at), "updated_at": time(self.updated_at),
        }))
    }

    fn legacy(&self, desk: &Desk<'_>) -> Taken<Value> {
        legacy::membership(desk, self)
    }
}

impl Membership {
    fn most_recent_action(&self) -> (Option<&'static str>, Option<Timestamp>) {
        match self.status.as_str() {
            "canceled" => (Some("canceled_on"), self.canceled_at),
            "past_due" => (Some("past_due"), Some(self.updated_at)),
            "trialing" if self.cancel_at_period_end => (Some("trial_canceling_on"), self.end),
            "trialing" => (Some("trial_ends_at"), self.end),
            "active" if self.cancel_at_period_end => (Some("canceling_on"), self.end),
            "active" => (Some("renewing_on"), self.end),
            _ => (None, None),
        }
    }
}

impl Shown for Payment {
    fn dated(&self, desk: &Desk<'_>) -> Taken<Value> {
        let plan = Plan::of(&self.plan)?;
        let person: Person = desk.get(&self.user)?;
        let (is_paid, is_open) = (self.status == "paid", self.status == "open");
        let line = json!({
            "id": null, "label": null, "plan_id": plan.id, "plan_title": plan.title, "product_id": plan.product,
            "product_title": plan.product().title, "quantity": 1, "sku": null, "subtotal": money(self.amount),
        });
        let mut payment = json!({
            "id": self.id, "account_id": WHOP_ACCOUNT_ID, "status": self.status, "substatus": self.substatus(),
            "billing_reason": self.reason, "currency": CURRENCY, "subtotal": money(self.amount),
            "total": money(self.amount), "usd_total": money_in(self.amount * RATE / 100, "usd"),
            "amount_after_fees": money(self.amount - self.amount * 3 / 100), "presentment_total": money(self.amount),
            "refunded_amount": money(self.refunded), "refunded_at": maybe(self.refunded_at),
            "customer_email": person.email, "customer_phone": null, "user": summary(&person),
            "member_id": self.membership.as_ref().map(|_| member_id(&self.user)), "membership_id": self.membership,
            "plan_id": plan.id, "product_id": plan.product, "checkout_configuration_id": self.checkout,
            "metadata": self.metadata, "line_items": [line], "paid_at": maybe(self.paid_at),
            "payments_failed": self.failed, "last_payment_attempt_at": time(self.tried_at),
            "next_payment_attempt_at": maybe(self.next_try_at),
            "created_at": time(self.created_at), "updated_at": time(self.updated_at),
        });
        let rest = json!({
            "decline_code": is_open.then_some("insufficient_funds"),
            "failure_message": is_open.then_some("Your card has insufficient funds."),
            "auto_refunded": false, "billing_address": null, "client_secret": null, "dispute_alerted_at": null,
            "financing_installments_count": null, "holds": [], "ip_address": null, "needs_tracking": null,
            "payment_instrument": null, "payment_method_id": "payt_sandbox0000001", "payment_method_type": "card",
            "payment_rule_matches": [], "promo_code_id": null, "quote_id": null, "recovery_url": null,
            "refundable": is_paid && self.refunded < self.amount, "retryable": is_open, "risk_score": null,
            "risk_signals": null, "settlement_time_at": null, "shipment_id": null, "shipping_address": null,
            "tax_amount": null, "tax_behavior": null, "tax_refunded_amount": money(0), "three_ds_verified": false,
            "verification_checks": null, "voidable": is_open,
        });
        extend(&mut payment, rest);
        Ok(payment)
    }

    fn legacy(&self, desk: &Desk<'_>) -> Taken<Value> {
        legacy::payment(desk, self)
    }
}

impl Shown for Refund {
    fn dated(&self, _: &Desk<'_>) -> Taken<Value> {
        Ok(json!({
            "id": self.id, "account_id": WHOP_ACCOUNT_ID, "payment_id": self.payment, "amount": money(self.amount),
            "original_amount": money(self.amount), "status": self.status, "reason": "requested_by_customer",
            "failure_message": null, "failure_reason": null, "metadata": {}, "provider": "stripe",
            "provider_created_at": time(self.created_at), "reference_status": "pending",
            "reference_type": null, "reference_value": null, "visa_rdr": false,
            "created_at": time(self.created_at), "updated_at": time(self.updated_at),
        }))
    }

    fn legacy(&self, desk: &Desk<'_>) -> Taken<Value> {
        legacy::refund(desk, self)
    }
}

impl Shown for Dispute {
    fn dated(&self, desk: &Desk<'_>) -> Taken<Value> {
        let payment: Payment = desk.get(&self.payment)?;
        let (shown, person) = (payment.dated(desk)?, desk.get::<Person>(&payment.user)?);
        let due = self.created_at + SignedDuration::from_hours(7 * 24);
        let evidence = [
            "access_activity_log",
            "billing_address",
            "cancellation_policy_attachment",
            "cancellation_policy_disclosure",
            "customer_communication_attachment",
            "customer_email_address",
            "customer_name",
            "notes",
            "product_description",
            "refund_policy_attachment",
            "refund_policy_disclosure",
            "refund_refusal_explanation",
            "service_date",
            "uncategorized_attachment",
        ];
        let mut written: Value = evidence.iter().map(|name| ((*name).to_owned(), Value::Null)).collect();
        written["documents"] = json!([]);
        Ok(json!({
            "id": self.id, "account_id": WHOP_ACCOUNT_ID, "status": self.status, "reason": "fraudulent",
            "reason_code": "10.4", "amount": number(payment.amount), "currency": CURRENCY, "fee": money(1500),
            "acceptable": self.status == "needs_response", "inquiry": false, "issuer_comments": [],
            "buyer": {"email": person.email, "member_id": member_id(&person.id), "name": person.name,
                "user_id": person.id, "username": person.username},
            "evidence": written, "evidence_due_at": time(due), "evidence_submitted_at": null,
            "evidence_editable": self.status == "needs_response", "evidence_locked_reason": null,
            "line_items": shown["line_items"], "plan_id": payment.plan, "product_id": shown["product_id"],
            "payment": {"id": payment.id, "amount": number(payment.amount), "currency": CURRENCY,
                "card_brand": "visa", "card_last4": "4242", "created_at": time(payment.created_at),
                "payment_instrument": shown["payment_instrument"], "payment_method_type": "card",
                "payment_processor": null},
            "created_at": time(self.created_at), "updated_at": time(self.updated_at),
        }))
    }

    fn legacy(&self, desk: &Desk<'_>) -> Taken<Value> {
        legacy::dispute(desk, self)
    }
}

/// Adds the fields of another object.
pub(super) fn extend(object: &mut Value, more: Value) {
    let Value::Object(more) = more else { return };
    for (name, value) in more {
        object[name] = value;
    }
}
