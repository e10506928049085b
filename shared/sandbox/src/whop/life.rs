//! The life of a membership: how it begins, renews, fails, changes and ends.
//!
//! The invariant: every change is kept with its `updated_at` and told, first the payment, then the membership; what
//! cannot happen to a membership as it is, is refused and changes nothing.
//!
//! Whop's documents say what each status means, not every step between them. Ours: a renewal that fails leaves the
//! period as it was, and the same payment is tried again; what is not paid in the end has `expired`.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::{
    error::{Refusal, Taken},
    notice::Notice,
    records::{Checkout, Membership, Payment, Person},
    shelf::{Desk, new_id},
    world::Plan,
};

/// How long until a failed charge is tried again.
const AGAIN: SignedDuration = SignedDuration::from_hours(3 * 24);

fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * count)
}

/// A key as Whop's look.
fn license_key() -> String {
    let id = new_id("").to_uppercase();
    format!("WHOP-{}-{}-{}", &id[1..5], &id[5..9], &id[9..13])
}

/// Keeps a membership that changed, and tells so.
pub(super) fn keep(desk: &Desk<'_>, old: &Membership, new: &mut Membership) -> Taken<()> {
    new.updated_at = desk.now;
    desk.put(new)?;
    if let Some(notice) = Notice::of_change(desk, "membership.updated", old, new)? {
        desk.tell(notice);
    }
    Ok(())
}

/// Where a person comes from who buys.
#[derive(Default)]
pub(super) struct Origin {
    pub(super) checkout: Option<String>,
    pub(super) metadata: Map<String, Value>,
}

impl From<&Checkout> for Origin {
    fn from(checkout: &Checkout) -> Self {
        Self { checkout: Some(checkout.id.clone()), metadata: checkout.metadata.clone() }
    }
}

/// Somebody buys a plan, or begins its trial.
pub(super) fn join(desk: &Desk<'_>, user: &str, plan: &str, origin: Origin) -> Taken<Membership> {
    let (person, plan): (Person, _) = (desk.get(user)?, Plan::of(plan)?);
    let period = plan.trial_days.or(plan.days).map(|count| desk.now + days(count));
    let status = match (plan.trial_days, plan.days) {
        (Some(_), _) => "trialing",
        (None, Some(_)) => "active",
        (None, None) => "completed",
    };
    let membership = Membership {
        id: new_id("mem"),
        user: person.id,
        plan: plan.id.to_owned(),
        status: status.to_owned(),
        cancel_at_period_end: false,
        start: desk.now,
        end: period,
        canceled_at: None,
        reason: None,
        license_key: plan.product().is_licensed.then(license_key),
        checkout: origin.checkout.clone(),
        metadata: origin.metadata.clone(),
        created_at: desk.now,
        updated_at: desk.now,
    };
    desk.add(&membership)?;
    if plan.trial_days.is_none() && plan.price > 0 {
        let reason = if plan.days.is_some() { "subscription_create" } else { "one_time" };
        charge(desk, &membership.user, plan, Some(&membership), reason, origin, true)?;
    }
    desk.tell(Notice::of(desk, "membership.activated", &membership)?);
    Ok(membership)
}

/// Somebody wants to buy a plan, and the card is declined: there is a payment and no membership.
pub(super) fn fail_to_join(desk: &Desk<'_>, user: &str, plan: &str, origin: Origin) -> Taken<Payment> {
    let (person, plan): (Person, _) = (desk.get(user)?, Plan::of(plan)?);
    let reason = if plan.days.is_some() { "subscription_create" } else { "one_time" };
    charge(desk, &person.id, plan, None, reason, origin, false)
}

/// A new payment, and the first attempt at it.
fn charge(
    desk: &Desk<'_>,
    user: &str,
    plan: &Plan,
    membership: Option<&Membership>,
    reason: &str,
    origin: Origin,
    fine: bool,
) -> Taken<Payment> {
    let payment = Payment {
        id: new_id("pay"),
        membership: membership.map(|membership| membership.id.clone()),
        user: user.to_owned(),
        plan: plan.id.to_owned(),
        reason: reason.to_owned(),
        amount: plan.price,
        refunded: 0,
        status: "open".to_owned(),
        disputed: None,
        failed: 0,
        checkout: origin.checkout,
        metadata: origin.metadata,
        paid_at: None,
        refunded_at: None,
        tried_at: desk.now,
        next_try_at: None,
        created_at: desk.now,
        updated_at: desk.now,
    };
    desk.add(&payment)?;
    desk.tell(Notice::of(desk, "payment.created", &payment)?);
    attempt(desk, payment, fine)
}

/// An attempt at an open payment.
fn attempt(desk: &Desk<'_>, mut payment: Payment, fine: bool) -> Taken<Payment> {
    payment.tried_at = desk.now;
    payment.updated_at = desk.now;
    if fine {
        payment.status = "paid".to_owned();
        payment.paid_at = Some(desk.now);
        payment.next_try_at = None;
    } else {
        payment.failed += 1;
        payment.next_try_at = payment.membership.as_ref().map(|_| desk.now + AGAIN);
    }
    desk.put(&payment)?;
    let kind = if fine { "payment.succeeded" } else { "payment.failed" };
    desk.tell(Notice::of(desk, kind, &payment)?);
    Ok(payment)
}

/// A living membership that renews.
fn renewing(desk: &Desk<'_>, id: &str) -> Taken<(Membership, Timestamp, &'static Plan)> {
    let membership = desk.membership(id)?;
    let plan = Plan::of(&membership.plan)?;
    match membership.end {
        Some(end) if membership.has_access() => Ok((membership, end, plan)),
        _ => Err(Refusal::unprocessable("This membership does not renew")),
    }
}

/// The trial ends in a few days.
pub(super) fn trial_ends_soon(desk: &Desk<'_>, id: &str) -> Taken<Membership> {
    let membership = desk.membership(id)?;
    if membership.status != "trialing" {
        return Err(Refusal::unprocessable("This membership has no trial"));
    }
    desk.tell(Notice::of(desk, "membership.trial_ending_soon", &membership)?);
    Ok(membership)
}

/// A period, or a trial, is over and the next one is paid for, or not.
pub(super) fn renew(desk: &Desk<'_>, id: &str, fine: bool) -> Taken<Membership> {
    let (old, end, plan) = renewing(desk, id)?;
    if old.cancel_at_period_end {
        return Err(Refusal::unprocessable("This membership is set to cancel at the end of its period"));
    }
    let mut payments = desk.all::<Payment>()?.into_iter();
    let owed = payments.find(|one| one.membership.as_deref() == Some(&old.id) && one.status == "open");
    match owed {
        Some(payment) => attempt(desk, payment, fine)?,
        None => charge(desk, &old.user, plan, Some(&old), "subscription_cycle", Origin::default(), fine)?,
    };
    let mut new = old.clone();
    if fine {
        new.status = "active".to_owned();
        (new.start, new.end) = (end, Some(end + days(plan.days.unwrap_or_default())));
    } else {
        new.status = "past_due".to_owned();
    }
    keep(desk, &old, &mut new)?;
    Ok(new)
}

/// It is to end with its period, or not after all.
pub(super) fn set_cancel(
    desk: &Desk<'_>,
    id: &str,
    cancel: bool,
    reason: Option<String>,
) -> Taken<Membership> {
    let (old, ..) = renewing(desk, id)?;
    let mut new = old.clone();
    new.cancel_at_period_end = cancel;
    new.canceled_at = cancel.then(|| old.canceled_at.unwrap_or(desk.now));
    new.reason = if cancel { reason.or_else(|| old.reason.clone()) } else { None };
    if old.cancel_at_period_end != cancel {
        new.updated_at = desk.now;
        desk.put(&new)?;
        desk.tell(Notice::of(desk, "membership.cancel_at_period_end_changed", &new)?);
    }
    keep(desk, &old, &mut new)?;
    Ok(new)
}

/// The last period is over: what was to be cancelled is, and what was not paid in the end has expired.
pub(super) fn period_ends(desk: &Desk<'_>, id: &str) -> Taken<Membership> {
    let (membership, ..) = renewing(desk, id)?;
    let status = match membership.status.as_str() {
        _ if membership.cancel_at_period_end => "canceled",
        "past_due" => "expired",
        _ => return Err(Refusal::unprocessable("This membership goes on")),
    };
    end(desk, membership, status, None)
}

/// Access ends at once.
pub(super) fn revoke(desk: &Desk<'_>, id: &str, reason: Option<String>) -> Taken<Membership> {
    let membership = desk.membership(id)?;
    if !membership.has_access() {
        return Err(Refusal::unprocessable("This membership has ended"));
    }
    end(desk, membership, "canceled", reason)
}

fn end(desk: &Desk<'_>, old: Membership, status: &str, reason: Option<String>) -> Taken<Membership> {
    let mut new = old.clone();
    new.status = status.to_owned();
    new.canceled_at = (status == "canceled").then(|| old.canceled_at.unwrap_or(desk.now));
    new.reason = reason.or_else(|| old.reason.clone());
    for mut owed in desk.all::<Payment>()? {
        if owed.membership.as_deref() == Some(&old.id) && owed.status == "open" {
            owed.status = "void".to_owned();
            (owed.next_try_at, owed.updated_at) = (None, desk.now);
            desk.put(&owed)?;
        }
    }
    keep(desk, &old, &mut new)?;
    desk.tell(Notice::of(desk, "membership.deactivated", &new)?);
    Ok(new)
}

/// Somebody goes over to another plan: of the same product the membership changes; of another product it is bought,
/// and the old membership ends.
pub(super) fn upgrade(desk: &Desk<'_>, id: &str, plan: &str, origin: Origin) -> Taken<Membership> {
    let (old, plan) = (desk.membership(id)?, Plan::of(plan)?);
    if !old.has_access() || old.plan == plan.id {
        return Err(Refusal::unprocessable("This membership cannot go over to that plan"));
    }
    if Plan::of(&old.plan)?.product != plan.product || plan.days.is_none() {
        let new = join(desk, &old.user, plan.id, origin)?;
        end(desk, old, "canceled", Some("Upgraded".to_owned()))?;
        return Ok(new);
    }
    let mut new = old.clone();
    (new.plan, new.status) = (plan.id.to_owned(), "active".to_owned());
    (new.start, new.end) = (desk.now, plan.days.map(|count| desk.now + days(count)));
    (new.cancel_at_period_end, new.canceled_at, new.reason) = (false, None, None);
    new.metadata.extend(origin.metadata.clone());
    charge(desk, &old.user, plan, Some(&old), "subscription_update", origin, true)?;
    keep(desk, &old, &mut new)?;
    Ok(new)
}
