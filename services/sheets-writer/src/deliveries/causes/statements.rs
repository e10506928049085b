//! What providers state of payments and subscriptions, and where it was asked for.
//!
//! Statements may skip what was in between: a payment of which the first word is that it was refunded was paid as well,
//! and both are told. The invariant: each is told once, whatever comes after it.

use domain::{Money, tab};
use serde_json::{Value, json};
use store::Error;

use super::{
    Change, Changed,
    books::{self, Booking, Happened},
};
use crate::{
    deliveries::event::Event,
    statements::{Account, Payment, Place},
};

/// The collections of which this tells.
pub(super) const PAYMENTS: &str = "payments";
pub(super) const SUBSCRIPTIONS: &str = "subscriptions";

/// Notes where everybody was met of whom something is stated.
pub(super) fn meet(change: &mut Change<'_>) -> Result<(), Error> {
    let mut met: Vec<(String, Place)> = Vec::new();
    for Changed { before, after } in change.changed::<Booking>(books::BOOKINGS)? {
        let stated_before = before.and_then(|before| before.stated).map(|stated| stated.version);
        let stated = after.stated.filter(|stated| Some(stated.version) != stated_before);
        met.extend(stated.map(|stated| (after.booking.contact_id, stated.place)));
    }
    let payments = change.changed::<Account<Payment>>(PAYMENTS)?.into_iter();
    met.extend(payments.map(|changed| (changed.after.item.row.contact_id, changed.after.place)));
    let subscriptions = change.changed::<Account<tab::Subscription>>(SUBSCRIPTIONS)?.into_iter();
    met.extend(subscriptions.map(|changed| (changed.after.item.contact_id, changed.after.place)));
    for (contact_id, place) in met {
        if !contact_id.is_empty() && !place.is_nowhere() {
            change.places.entry(contact_id).or_insert(place);
        }
    }
    Ok(())
}

/// All that a commit does to payments and subscriptions.
pub(super) async fn tell(change: &Change<'_>) -> Result<Vec<Event>, Error> {
    let mut events = Vec::new();
    for Changed { before, after } in change.changed::<Account<Payment>>(PAYMENTS)? {
        for kind in of_payment(before.as_ref().map(|before| &before.item), &after.item) {
            let Payment { row, .. } = &after.item;
            let happened =
                Happened { kind, subject: &row.id, contact_id: &row.contact_id, revision: after.version };
            let data = books::with_person(change, payment(&after), &happened).await?;
            events.push(books::at(books::event(change, happened, data), Some(&after.place)));
        }
    }
    for Changed { before, after } in change.changed::<Account<tab::Subscription>>(SUBSCRIPTIONS)? {
        events.extend(of_subscription(change, before, after).await?);
    }
    Ok(events)
}

/// What happened to a payment, in the order in which it must have happened.
fn of_payment(before: Option<&Payment>, after: &Payment) -> Vec<&'static str> {
    let was = |is: fn(&Payment) -> bool| before.is_some_and(is);
    let status = before.map(|before| before.row.status.as_str());
    let is_new = status != Some(&*after.row.status);
    let mut kinds = Vec::new();
    if after.row.status == "failed" && is_new {
        kinds.push("payment.failed");
    }
    if after.is_paid() && !was(Payment::is_paid) {
        kinds.push("payment.succeeded");
    }
    if after.paid_back() > before.map_or(0, Payment::paid_back) {
        kinds.push("payment.refunded");
    }
    if after.is_disputed() && !was(Payment::is_disputed) {
        kinds.push("payment.disputed");
    }
    kinds
}

fn payment(account: &Account<Payment>) -> Value {
    let Account { item, created_at, .. } = account;
    let mut data = serde_json::to_value(&item.row).expect("a payment serializes to JSON");
    let nothing = item.row.amount.map(|amount| Money { minor: 0, ..amount });
    data["created_at"] = json!(created_at);
    data["refunded"] = json!(item.refunded.or(nothing));
    data["metadata"] = item.metadata();
    data
}

async fn of_subscription(
    change: &Change<'_>,
    before: Option<Account<tab::Subscription>>,
    after: Account<tab::Subscription>,
) -> Result<Option<Event>, Error> {
    let fields = |account: &Account<tab::Subscription>| {
        serde_json::to_value(&account.item).expect("a subscription serializes to JSON")
    };
    let is_off = |account: &Account<tab::Subscription>| {
        account.item.canceled_at.is_some() || account.item.status == "canceled"
    };
    let new = fields(&after);
    let changed = before.as_ref().map(|before| books::changed_fields(&fields(before), &new));
    let kind = match (&before, &changed) {
        (before, _) if is_off(&after) && !before.as_ref().is_some_and(is_off) => "subscription.canceled",
        (None, _) => "subscription.created",
        (Some(_), Some(changed)) if !changed.is_empty() => "subscription.updated",
        _ => return Ok(None),
    };
    let item = &after.item;
    let happened =
        Happened { kind, subject: &item.id, contact_id: &item.contact_id, revision: after.version };
    let mut data = books::with_person(change, new, &happened).await?;
    data["created_at"] = json!(after.created_at);
    if let ("subscription.updated", Some(changed)) = (kind, changed) {
        data["changed"] = json!(changed);
    }
    Ok(Some(books::at(books::event(change, happened, data), Some(&after.place))))
}
