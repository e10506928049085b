//! Payments, refunds and disputes, read.
//!
//! The invariant: a page holds nothing that its filters do not name.

use serde_json::Value;

use super::{
    WHOP_ACCOUNT_ID,
    ask::Query,
    error::Taken,
    list::{Page, direct},
    memberships::{keep_any, keep_created},
    records::{Payment, Refund},
    shelf::Desk,
    version::Version,
    view::{Shown, member_id},
    world::{CURRENCY, Plan},
};

const STATUSES: [&str; 8] =
    ["draft", "open", "authorized", "paid", "pending", "uncollectible", "unresolved", "void"];

fn one(query: &mut Query, name: &str) -> Taken<Vec<String>> {
    Ok(query.text(name)?.into_iter().collect())
}

/// `GET /payments`.
pub(super) fn payments(desk: &Desk<'_>, mut query: Query, version: Version) -> Taken<Value> {
    let mut all = desk.all::<Payment>()?;
    direct(&mut query, &mut all)?;
    keep_created(&mut query, &mut all, |one| one.created_at)?;
    let owner = if version == Version::Dated { "account_id" } else { "company_id" };
    keep_any(one(&mut query, owner)?, &mut all, |_| WHOP_ACCOUNT_ID.to_owned());
    if version == Version::Dated {
        keep_any(query.one_of("status", &STATUSES)?.into_iter().collect(), &mut all, |one| {
            one.status.clone()
        });
        keep_any(one(&mut query, "user_id")?, &mut all, |one| one.user.clone());
        keep_any(one(&mut query, "member_id")?, &mut all, |one| member_id(&one.user));
        let of = |one: &Payment| one.membership.clone().unwrap_or_default();
        keep_any(one(&mut query, "membership_id")?, &mut all, of);
        keep_any(one(&mut query, "billing_reason")?, &mut all, |one| one.reason.clone());
        keep_any(one(&mut query, "currency")?, &mut all, |_| CURRENCY.to_owned());
        let product = |one: &Payment| Plan::of(&one.plan).map_or("", |plan| plan.product).to_owned();
        keep_any(one(&mut query, "product_id")?, &mut all, product);
        keep_any(one(&mut query, "plan_id")?, &mut all, |one| one.plan.clone());
    }
    let page = Page::of(&mut query)?;
    query.end(&[
        "mode",
        "query",
        "billing_reasons",
        "currencies",
        "include_free",
        "product_ids",
        "statuses",
        "substatuses",
    ])?;
    page.cut(&all, |one| &one.id, |one| one.shown(desk, version))
}

/// `GET /refunds`.
pub(super) fn refunds(desk: &Desk<'_>, mut query: Query, version: Version) -> Taken<Value> {
    let mut all = desk.all::<Refund>()?;
    direct(&mut query, &mut all)?;
    keep_created(&mut query, &mut all, |one| one.created_at)?;
    keep_any(one(&mut query, "payment_id")?, &mut all, |one| one.payment.clone());
    if version == Version::Dated {
        keep_any(one(&mut query, "account_id")?, &mut all, |_| WHOP_ACCOUNT_ID.to_owned());
        let user =
            |one: &Refund| desk.get::<Payment>(&one.payment).map(|payment| payment.user).unwrap_or_default();
        keep_any(one(&mut query, "user_id")?, &mut all, user);
    }
    let page = Page::of(&mut query)?;
    query.end(&[])?;
    page.cut(&all, |one| &one.id, |one| one.shown(desk, version))
}

/// One of them.
pub(super) fn get<T: Shown>(desk: &Desk<'_>, id: &str, query: Query, version: Version) -> Taken<Value> {
    query.end(&[])?;
    desk.get::<T>(id)?.shown(desk, version)
}
