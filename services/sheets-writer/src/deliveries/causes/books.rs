//! What happened in the books: to contacts, leads and bookings.

use domain::tab;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Collection, Error};

use super::{Change, Changed};
use crate::{
    deliveries::event::{Event, id_of},
    people,
};

/// The collections of which this tells.
pub(super) const OWNERS: [&str; 3] = [CONTACTS, LEADS, BOOKINGS];
const CONTACTS: &str = "contacts";
const LEADS: &str = "leads";
const BOOKINGS: &str = "bookings";
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
struct Booking {
    booking: tab::Booking,
    version: u64,
}

/// What happened to one thing.
struct Happened<'a> {
    kind: &'static str,
    subject: &'a str,
    contact_id: &'a str,
    revision: u64,
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
        events.extend(of_booking(change, before, after).await?);
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
    before: Option<Booking>,
    after: Booking,
) -> Result<Option<Event>, Error> {
    let booking = &after.booking;
    let is_off = |booking: &tab::Booking| booking.status == "canceled";
    let kind = match &before {
        None if is_off(booking) => "booking.cancelled",
        None => "booking.created",
        Some(before) if is_off(booking) && !is_off(&before.booking) => "booking.cancelled",
        Some(before) if !is_off(booking) && before.booking.event_start != booking.event_start => {
            "booking.rescheduled"
        }
        Some(_) => return Ok(None),
    };
    let happened =
        Happened { kind, subject: &booking.id, contact_id: &booking.contact_id, revision: after.version };
    let fields = serde_json::to_value(booking).expect("a booking serializes to JSON");
    let mut data = with_person(change, fields, &happened).await?;
    if let ("booking.rescheduled", Some(before)) = (kind, before) {
        data["previous_start"] = json!(before.booking.event_start);
    }
    Ok(Some(event(change, happened, data)))
}

fn event(change: &Change<'_>, happened: Happened<'_>, data: Value) -> Event {
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
fn changed_fields(old: &Value, new: &Value) -> Vec<String> {
    let fields = new.as_object().into_iter().flatten();
    fields.filter(|(name, value)| old.get(name) != Some(value)).map(|(name, _)| name.clone()).collect()
}

/// Adds how often it changed and who it is about.
async fn with_person(change: &Change<'_>, mut data: Value, happened: &Happened<'_>) -> Result<Value, Error> {
    data["revision"] = json!(happened.revision);
    data["contact"] = match person(change, happened.contact_id).await? {
        None => Value::Null,
        Some(contact) => json!({
            "id": contact.id,
            "email": contact.email,
            "phone": contact.phone,
            "first_name": contact.first_name,
            "last_name": contact.last_name,
            "company": contact.company,
        }),
    };
    Ok(data)
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
