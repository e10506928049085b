//! What the doors show of documents.

use domain::Money;
use proto::{
    common::v1::Money as WireMoney,
    time::wire as wire_time,
    whop::v1::{Freshness, License, Membership as Shown, MembershipStatus, Payment as ShownPayment},
};

use crate::{
    members::{Fresh, Membership, Payment},
    whop::wire::{self, Status},
};

/// A membership as its member sees it.
pub(super) fn membership(membership: &Membership) -> Shown {
    Shown {
        membership_id: membership.id.clone(),
        product_id: membership.product_id.clone(),
        product: membership.product.clone(),
        plan_id: membership.plan_id.clone(),
        plan: membership.plan.clone(),
        status: status(membership.status).into(),
        has_access: membership.gives_access(),
        create_time: Some(wire_time(membership.created_at)),
        renew_time: membership.renews_at().map(wire_time),
        expire_time: membership.ends_at().map(wire_time),
        cancel_at_period_end: membership.cancel_at_period_end,
        cancel_time: membership.canceled_at.map(wire_time),
        manage_url: membership.manage_url.clone().unwrap_or_default(),
    }
}

/// A payment as its payer sees it.
pub(super) fn payment(payment: &Payment) -> ShownPayment {
    ShownPayment {
        payment_id: payment.id.clone(),
        status: payment.status.as_str().to_owned(),
        amount: Some(money(payment.amount)),
        refunded: (payment.refunded.minor != 0).then(|| money(payment.refunded)),
        pay_time: payment.paid_at.map(wire_time),
        create_time: Some(wire_time(payment.created_at)),
        membership_id: payment.membership.clone(),
    }
}

fn money(money: Money) -> WireMoney {
    WireMoney { minor_units: money.minor, currency_code: money.currency.as_str().to_owned() }
}

/// How old an answer is.
pub(super) fn freshness<T>(fresh: &Fresh<T>) -> Freshness {
    Freshness { as_of: Some(wire_time(fresh.as_of)), stale: fresh.stale }
}

/// What a licence is worth. Whose it is stands elsewhere.
pub(super) fn license(found: Option<&wire::Membership>) -> License {
    let Some(found) = found else { return License::default() };
    let ends_with_period = found.current_period_end.filter(|_| found.cancel_at_period_end);
    License {
        valid: found.status.gives_access(),
        status: status(found.status).into(),
        product_id: found.product.id.clone(),
        product: found.product.title.clone(),
        expire_time: found.expires_at.or(ends_with_period).map(wire_time),
    }
}

fn status(status: Status) -> MembershipStatus {
    match status {
        Status::Trialing => MembershipStatus::Trialing,
        Status::Active => MembershipStatus::Active,
        Status::PastDue => MembershipStatus::PastDue,
        Status::Completed => MembershipStatus::Completed,
        Status::Canceled => MembershipStatus::Canceled,
        Status::Expired => MembershipStatus::Expired,
        Status::Unresolved => MembershipStatus::Unresolved,
        Status::Drafted => MembershipStatus::Drafted,
        Status::Unknown => MembershipStatus::Unspecified,
    }
}
