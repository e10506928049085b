//! Memberships: read by many filters, found by id or licence key, changed and cancelled.
//!
//! The invariant: a filter that Whop has not is refused, and a value outside the caller's reach finds nothing.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    WHOP_ACCOUNT_ID,
    ask::{Body, Query},
    error::{Refusal, Taken},
    life,
    list::{Page, direct},
    records::Membership,
    shelf::Desk,
    version::Version,
    view::{Shown, member_id},
    world::Plan,
};

/// What `status` and `statuses` may be: some are derived, and never the status of a membership.
const BUCKETS: [&str; 12] = [
    "active",
    "trialing",
    "past_due",
    "completed",
    "canceled",
    "expired",
    "canceling",
    "paused",
    "expiring",
    "one_time",
    "unclaimed",
    "banned",
];

/// Whether a membership is in this bucket: the living ones leave out what is set to cancel.
fn is_in(bucket: &str, membership: &Membership) -> bool {
    let status = membership.status.as_str();
    match bucket {
        "active" | "trialing" | "past_due" => status == bucket && !membership.cancel_at_period_end,
        "canceling" => membership.cancel_at_period_end && membership.has_access(),
        "one_time" => status == "completed" && membership.end.is_none(),
        "paused" | "expiring" | "unclaimed" | "banned" => false,
        bucket => status == bucket,
    }
}

/// Keeps what the filters that both versions have leave.
fn narrow(query: &mut Query, all: &mut Vec<Membership>) -> Taken<()> {
    keep_any(query.texts("product_ids"), all, |one| {
        Plan::of(&one.plan).map_or("", |plan| plan.product).to_owned()
    });
    keep_any(query.texts("plan_ids"), all, |one| one.plan.clone());
    keep_created(query, all, |one| one.created_at)
}

/// Keeps what has one of these values; no value keeps all.
pub(super) fn keep_any<T>(wanted: Vec<String>, all: &mut Vec<T>, of: impl Fn(&T) -> String) {
    if !wanted.is_empty() {
        all.retain(|one| wanted.contains(&of(one)));
    }
}

/// Keeps what was created in between.
pub(super) fn keep_created<T>(
    query: &mut Query,
    all: &mut Vec<T>,
    at: impl Fn(&T) -> Timestamp,
) -> Taken<()> {
    let (after, before) = (query.time("created_after")?, query.time("created_before")?);
    all.retain(|one| {
        after.is_none_or(|after| at(one) > after) && before.is_none_or(|before| at(one) < before)
    });
    Ok(())
}

/// `GET /memberships`.
pub(super) fn list(desk: &Desk<'_>, mut query: Query, version: Version) -> Taken<Value> {
    let mut all = desk.all::<Membership>()?;
    narrow(&mut query, &mut all)?;
    match version {
        Version::Dated => narrow_dated(&mut query, &mut all)?,
        Version::Legacy => narrow_legacy(&mut query, &mut all)?,
    }
    let page = Page::of(&mut query)?;
    query.end(&["cancel_options", "promo_code_ids"])?;
    page.cut(&all, |one| &one.id, |one| one.shown(desk, version))
}

fn narrow_dated(query: &mut Query, all: &mut Vec<Membership>) -> Taken<()> {
    direct(query, all)?;
    let mut one = |name: &str| query.text(name).map(|found| found.into_iter().collect::<Vec<_>>());
    let (account, user, member) = (one("account_id")?, one("user_id")?, one("member_id")?);
    let (product, plan) = (one("product_id")?, one("plan_id")?);
    keep_any(account, all, |_| WHOP_ACCOUNT_ID.to_owned());
    // `me` is the caller, and an account has no memberships.
    keep_any(user, all, |one| one.user.clone());
    keep_any(member, all, |one| member_id(&one.user));
    keep_any(product, all, |one| Plan::of(&one.plan).map_or("", |plan| plan.product).to_owned());
    keep_any(plan, all, |one| one.plan.clone());
    let mut buckets = query.all_of("statuses", &BUCKETS)?;
    buckets.extend(query.one_of("status", &BUCKETS)?);
    if !buckets.is_empty() {
        all.retain(|one| buckets.iter().any(|bucket| is_in(bucket, one)));
    }
    Ok(())
}

fn narrow_legacy(query: &mut Query, all: &mut Vec<Membership>) -> Taken<()> {
    direct(query, all)?;
    let company = query.text("company_id")?.into_iter().collect();
    keep_any(company, all, |_| WHOP_ACCOUNT_ID.to_owned());
    keep_any(query.texts("user_ids"), all, |one| one.user.clone());
    let known = [
        "trialing",
        "active",
        "past_due",
        "completed",
        "canceled",
        "expired",
        "unresolved",
        "drafted",
        "canceling",
    ];
    keep_any(query.all_of("statuses", &known)?, all, |one| one.status.clone());
    Ok(())
}

/// `GET /memberships/{id}`, by id or licence key.
pub(super) fn get(desk: &Desk<'_>, id: &str, query: Query, version: Version) -> Taken<Value> {
    query.end(&[])?;
    desk.membership(id)?.shown(desk, version)
}

/// `PATCH /memberships/{id}`: metadata is merged, and `{}` clears it.
pub(super) fn update(desk: &Desk<'_>, id: &str, mut body: Body, version: Version) -> Taken<Value> {
    let (metadata, cancel) = (body.object("metadata")?, body.flag("cancel_at_period_end")?);
    body.end(&["billing_period_days", "payment_method_id"])?;
    let mut membership = desk.membership(id)?;
    if let Some(metadata) = metadata {
        let old = membership.clone();
        if metadata.is_empty() {
            membership.metadata.clear();
        }
        membership.metadata.extend(metadata);
        life::keep(desk, &old, &mut membership)?;
    }
    if let Some(cancel) = cancel {
        membership = life::set_cancel(desk, &membership.id, cancel, None)?;
    }
    membership.shown(desk, version)
}

/// `POST /memberships/{id}/cancel`: without `cancel_at_period_end` access ends at once.
pub(super) fn cancel(desk: &Desk<'_>, id: &str, mut body: Body, version: Version) -> Taken<Value> {
    let at_end = match version {
        Version::Dated => body.flag("cancel_at_period_end")?,
        Version::Legacy => match body.text("cancellation_mode")?.as_deref() {
            None | Some("immediate") => None,
            Some("at_period_end") => Some(true),
            Some(_) => return Err(Refusal::bad("cancellation_mode must be one of at_period_end, immediate")),
        },
    };
    let reason = body.text("reason")?;
    body.end(&["feedback_option_id"])?;
    let membership = match at_end {
        Some(true) => life::set_cancel(desk, id, true, reason)?,
        _ => life::revoke(desk, id, reason)?,
    };
    membership.shown(desk, version)
}
