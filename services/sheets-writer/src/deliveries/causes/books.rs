//! What happened in the books: to contacts, leads and bookings.

use domain::tab;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Collection, Error};

use super::{Change, Changed, Chat, Place};
use crate::{
    bookings::Booked,
    deliveries::event::{Event, id_of},
    people,
};

/// The collections of which this and [`super::statements`] tell.
pub(super) const OWNERS: [&str; 5] =
    [CONTACTS, LEADS, BOOKINGS, super::statements::PAYMENTS, super::statements::SUBSCRIPTIONS];
const CONTACTS: &str = "contacts";
const LEADS: &str = "leads";
pub(super) const BOOKINGS: &str = "bookings";
/// Types whose events tell in which chat it happened, as far as that is known: of these people hear at once.
const WITH_CHAT: [&str; 4] = ["lead.created", "booking.created", "payment.succeeded", "payment.failed"];
/// Most aliases in a row.
const HOPS: usize = 16;

/// What is told of a contact's document.
#[derive(serde::Serialize, Deserialize)]
struct Contact {
    contact: tab::Contact,
    version: u64,
    alias_of: Option<String>,
}

/// What is told of a lead's document.
#[derive(Deserialize)]
struct Lead {
    lead: tab::Lead,
    version: u64,
}

/// What is told of a booking's document.
#[derive(Deserialize)]
pub(super) struct Booking {
    pub(super) booking: tab::Booking,
    version: u64,
    #[serde(default)]
    booked: Option<Booked>,
    #[serde(default)]
    pub(super) stated: Option<Stated>,
}

/// What is told of a provider's statement.
#[derive(Default, Deserialize)]
pub(super) struct Stated {
    pub(super) version: u64,
    #[serde(default)]
    pub(super) place: Place,
}

/// What happened to one thing.
pub(super) struct Happened<'a> {
    pub(super) kind: &'static str,
    pub(super) subject: &'a str,
    pub(super) contact_id: &'a str,
    pub(super) revision: u64,
}

// === impl Booking ===

impl Booking {
    /// For when it was booked last. Documents from before that was noted have what their status says.
    fn booked(&self) -> Option<Booked> {
        self.booked.or_else(|| Booked::after(None, &self.booking, None, false))
    }

    fn is_off(&self) -> bool {
        matches!(&*self.booking.status, "canceled" | "rejected")
    }
}

/// All that a commit does to the books: people first, since the rest names them.
pub(super) async fn tell(change: &Change<'_>) -> Result<Vec<Event>, Error> {
    let mut events = Vec::new();
    for Changed { before, after } in change.changed::<Contact>(CONTACTS)? {
        events.extend(of_contact(change, before, after));
    }
    for Changed { before, after } in change.changed::<Lead>(LEADS)? {
        events.extend(of_lead(change, before, after).await?);
    }
    for Changed { before, after } in change.changed::<Booking>(BOOKINGS)? {
        events.extend(of_booking(change, before.as_ref(), &after).await?);
    }
    Ok(events)
}

fn of_contact(change: &Change<'_>, before: Option<Contact>, after: Contact) -> Option<Event> {
    let id = after.contact.id.as_str();
    let happened = |kind| Happened { kind, subject: id, contact_id: id, revision: after.version };
    match (&before, &after.alias_of) {
        (None, None) => {
            let data = serde_json::to_value(&after.contact).expect("a contact serializes to JSON");
            Some(event(change, happened("contact.created"), data))
        }
        (Some(Contact { alias_of: None, .. }), Some(survivor)) => {
            let data = json!({ "contact_id": survivor, "merged_contact_id": id });
            let mut event = event(change, happened("contact.merged"), data);
            event.contact_ids.push(survivor.clone());
            Some(event)
        }
        _ => None,
    }
}

async fn of_lead(change: &Change<'_>, before: Option<Lead>, after: Lead) -> Result<Option<Event>, Error> {
    let new = serde_json::to_value(&after.lead).expect("a lead serializes to JSON");
    let (kind, changed) = match &before {
        None => ("lead.created", Vec::new()),
        Some(before) => {
            let old = serde_json::to_value(&before.lead).expect("a lead serializes to JSON");
            ("lead.updated", changed_fields(&old, &new))
        }
    };
    if before.is_some() && changed.is_empty() {
        return Ok(None);
    }
    let lead = &after.lead;
    let happened =
        Happened { kind, subject: &lead.id, contact_id: &lead.contact_id, revision: after.version };
    let mut data = with_person(change, new, &happened).await?;
    if !changed.is_empty() {
        data["changed"] = json!(changed);
    }
    Ok(Some(event(change, happened, data)))
}

async fn of_booking(
    change: &Change<'_>,
    before: Option<&Booking>,
    after: &Booking,
) -> Result<Vec<Event>, Error> {
    let booking = &after.booking;
    let mut events = Vec::new();
    for kind in kinds(before, after) {
        let happened =
            Happened { kind, subject: &booking.id, contact_id: &booking.contact_id, revision: after.version };
        let fields = serde_json::to_value(booking).expect("a booking serializes to JSON");
        let mut data = with_person(change, fields, &happened).await?;
        if kind == "booking.rescheduled" {
            data["previous_start"] = json!(before.and_then(Booking::booked).and_then(|booked| booked.start));
        }
        let event = event(change, happened, data);
        events.push(at(event, after.stated.as_ref().map(|stated| &stated.place)));
    }
    Ok(events)
}

/// What happened to a meeting, in the order in which it must have happened. One that is no more than asked for is not
/// told.
fn kinds(before: Option<&Booking>, after: &Booking) -> Vec<&'static str> {
    let was_booked = before.and_then(Booking::booked);
    let Some(booked) = after.booked().or(was_booked) else { return Vec::new() };
    let mut kinds = Vec::new();
    match was_booked {
        None => kinds.push("booking.created"),
        Some(was) if !after.is_off() && was.start != booked.start => kinds.push("booking.rescheduled"),
        Some(_) => {}
    }
    if after.is_off() && !before.is_some_and(Booking::is_off) {
        kinds.push("booking.cancelled");
    }
    kinds
}

/// An event, at the place where the thing that it is about was asked for, if that is known.
pub(super) fn at(event: Event, place: Option<&Place>) -> Event {
    match place.filter(|place| !place.is_nowhere()) {
        Some(Place { workflow, site }) => Event { workflow: workflow.clone(), site: site.clone(), ..event },
        None => event,
    }
}

pub(super) fn event(change: &Change<'_>, happened: Happened<'_>, data: Value) -> Event {
    let Happened { kind, subject, contact_id, revision } = happened;
    let place = change.place(contact_id);
    Event {
        id: id_of(kind, subject, revision, change.restore.as_deref()),
        kind,
        version: 1,
        occurred_at: change.now,
        data,
        subject: subject.to_owned(),
        contact_ids: if contact_id.is_empty() { Vec::new() } else { vec![contact_id.to_owned()] },
        workflow: place.workflow,
        site: place.site,
    }
}

/// The names of the fields that are not what they were.
pub(super) fn changed_fields(old: &Value, new: &Value) -> Vec<String> {
    let fields = new.as_object().into_iter().flatten();
    fields.filter(|(name, value)| old.get(name) != Some(value)).map(|(name, _)| name.clone()).collect()
}

/// Adds how often it changed and who it is about.
pub(super) async fn with_person(
    change: &Change<'_>,
    mut data: Value,
    happened: &Happened<'_>,
) -> Result<Value, Error> {
    data["revision"] = json!(happened.revision);
    data["contact"] = card(change, happened.contact_id).await?;
    if WITH_CHAT.contains(&happened.kind) && !happened.contact_id.is_empty() {
        let Chat { thread_id, visitor_id } = change.chat(happened.contact_id).await?;
        for (name, id) in [("thread_id", thread_id), ("visitor_id", visitor_id)] {
            if !id.is_empty() {
                data[name] = json!(id);
            }
        }
    }
    Ok(data)
}

/// Who a contact is, or null.
pub(super) async fn card(change: &Change<'_>, contact_id: &str) -> Result<Value, Error> {
    Ok(match person(change, contact_id).await? {
        None => Value::Null,
        Some(contact) => json!({
            "id": contact.id,
            "email": contact.email,
            "phone": contact.phone,
            "first_name": contact.first_name,
            "last_name": contact.last_name,
            "company": contact.company,
        }),
    })
}

/// A contact as it stands after the commit, or the one that it was merged into.
async fn person(change: &Change<'_>, contact_id: &str) -> Result<Option<tab::Contact>, Error> {
    const STORED: Collection<Contact> = Collection::new(CONTACTS);
    let mut contact_id = contact_id.to_owned();
    for _ in 0..HOPS {
        let key = STORED.key(people::doc_id(&contact_id));
        let written = change.puts(CONTACTS).find(|(written, _)| **written == key);
        let found = match written {
            Some((key, body)) => Some(super::read::<Contact>(key, body)?),
            None if contact_id.is_empty() => None,
            None => STORED.get(change.store, &key.id).await?.map(|found| found.value),
        };
        match found {
            Some(Contact { alias_of: Some(survivor), .. }) => contact_id = survivor,
            found => return Ok(found.map(|found| found.contact)),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_booked_before_that_was_noted_is_told_as_booked() {
        let start = "2025-11-01T18:00:00Z";
        let read = |status: &str, booked: Value| -> Booking {
            let booking = tab::Booking {
                event_start: Some(start.parse().unwrap()),
                status: status.to_owned(),
                ..Default::default()
            };
            serde_json::from_value(json!({"booking": booking, "version": 2, "booked": booked})).unwrap()
        };
        let old = read("booked", Value::Null);
        assert_eq!(kinds(Some(&old), &read("canceled", Value::Null)), ["booking.cancelled"]);
        let noted = json!({"start": start});
        assert_eq!(kinds(Some(&old), &read("booked", noted.clone())), [] as [&str; 0]);
        let moved = json!({"start": "2025-11-01T19:00:00Z"});
        assert_eq!(kinds(Some(&old), &read("rescheduled", moved)), ["booking.rescheduled"]);
        assert_eq!(kinds(Some(&read("requested", Value::Null)), &read("booked", noted)), ["booking.created"]);
    }
}
