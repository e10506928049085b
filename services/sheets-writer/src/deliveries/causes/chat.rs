//! Events that were taken, and are passed on under their own id; and those that call for a human.

use std::collections::HashMap;

use domain::{
    id::{EngagementId, EventId},
    notice::HANDOFF,
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use store::Error;
use url::Url;

use super::{Change, Chat, Place, books, read};
use crate::{deliveries::event::Event, event::NEEDS_HUMAN};

/// The collection of events that were taken.
pub(super) const EVENTS: &str = "events";
/// Answers of requests that saved a lead.
const SAVED_LEADS: &str = "saved_leads";
/// Types that are passed on as they came.
const PASSED_ON: [&str; 2] = ["chat.turn", "chat.outcome"];

/// An event as it was taken.
#[derive(Deserialize)]
pub(super) struct Taken {
    id: String,
    kind: String,
    received_at: Timestamp,
    hop: bool,
}

/// The events that a commit takes; `None` if they were ours before.
pub(super) fn taken(change: &Change<'_>) -> Result<Option<Vec<Taken>>, Error> {
    let taken = change.puts(EVENTS).map(|(key, body)| read(key, body)).collect::<Result<Vec<Taken>, _>>()?;
    Ok((!taken.iter().any(|event| event.hop)).then_some(taken))
}

/// What is passed on; notes where everybody was met.
pub(super) async fn tell(change: &mut Change<'_>, taken: Vec<Taken>) -> Result<Vec<Event>, Error> {
    let (contacts, bodies) = (contacts(change), bodies(change));
    let mut events = Vec::new();
    for taken in taken {
        // A late word of somebody who was forgotten has none, and is not passed on.
        let Some(body) = bodies.get(&taken.id) else { continue };
        let fields: Map<String, Value> = serde_json::from_str(body)
            .map_err(|error| Error::corrupt(format!("{EVENTS}/{}", taken.id), &error))?;
        let contact_id =
            contacts.get(EngagementId::derive(&[&taken.id]).as_str()).cloned().unwrap_or_default();
        let place = Place { workflow: workflow(&fields), site: site(&fields) };
        if !contact_id.is_empty() {
            change.places.insert(contact_id.clone(), place.clone());
            let chat = Chat { thread_id: thread(&fields), visitor_id: text(&fields, "visitor_id") };
            change.chats.insert(contact_id.clone(), chat);
        }
        if let Some(kind) = PASSED_ON.into_iter().find(|kind| *kind == taken.kind) {
            events.push(event(kind, &taken, &fields, contact_id.clone(), place.clone()));
        }
        if text(&fields, "outcome") == NEEDS_HUMAN {
            let mut handoff = event(HANDOFF, &taken, &fields, contact_id.clone(), place);
            handoff.id = EventId::derive(&[HANDOFF, &taken.id]).to_string();
            handoff.data["event_id"] = json!(taken.id);
            handoff.data["contact"] = books::card(change, &contact_id).await?;
            events.push(handoff);
        }
    }
    let saved = change.puts(SAVED_LEADS).filter_map(|(_, body)| {
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let known = text("contact_id");
        (!known.is_empty()).then(|| (known, Place { workflow: text("workflow"), site: text("site") }))
    });
    let saved: Vec<_> = saved.collect();
    change.places.extend(saved);
    Ok(events)
}

fn event(
    kind: &'static str,
    taken: &Taken,
    fields: &Map<String, Value>,
    contact_id: String,
    place: Place,
) -> Event {
    let occurred_at = text(fields, "occurred_at").parse().unwrap_or(taken.received_at);
    let session_id = text(fields, "session_id");
    let channel = text(fields, "channel");
    let traits: Map<String, Value> = match fields.get("traits") {
        Some(Value::Object(traits)) => traits
            .iter()
            .filter(|(_, value)| value.is_string())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        _ => Map::new(),
    };
    let mut data = json!({
        "session_id": session_id,
        "workflow_id": place.workflow,
        "contact_id": contact_id,
        "visitor_id": text(fields, "visitor_id"),
        "channel": if channel.is_empty() { "chat" } else { &channel },
        "page": text(fields, "page"),
        "message": text(fields, "message"),
        "outcome": text(fields, "outcome"),
        "intent": text(fields, "intent"),
        "score": fields.get("score").filter(|score| score.is_number()),
        "traits": traits,
    });
    let thread_id = thread(fields);
    if !thread_id.is_empty() {
        data["thread_id"] = json!(thread_id);
    }
    Event {
        id: taken.id.clone(),
        kind,
        version: 1,
        occurred_at,
        data,
        subject: if session_id.is_empty() { taken.id.clone() } else { session_id },
        contact_ids: Some(contact_id).filter(|known| !known.is_empty()).into_iter().collect(),
        workflow: place.workflow,
        site: place.site,
    }
}

/// What each event says, by its id: the row in which it stands is written with it.
fn bodies(change: &Change<'_>) -> HashMap<String, String> {
    let rows = change.puts(crate::rows::ROWS.name()).filter(|(_, row)| row["tab"] == "chat_events");
    rows.filter_map(|(_, row)| {
        Some((row["id"].as_str()?.to_owned(), row["cells"]["payload_json"].as_str()?.to_owned()))
    })
    .collect()
}

/// The contact of each engagement that the commit writes.
fn contacts(change: &Change<'_>) -> HashMap<String, String> {
    let rows = change.puts(crate::rows::ROWS.name()).filter(|(_, row)| row["tab"] == "engagements");
    rows.filter_map(|(_, row)| {
        Some((row["id"].as_str()?.to_owned(), row["cells"]["contact_id"].as_str()?.to_owned()))
    })
    .collect()
}

fn text(fields: &Map<String, Value>, name: &str) -> String {
    fields.get(name).and_then(Value::as_str).unwrap_or_default().trim().to_owned()
}

/// The thread of our own chat, if it is one.
fn thread(fields: &Map<String, Value>) -> String {
    let id = text(fields, "thread_id");
    if domain::id::check(&id).is_ok() { id } else { String::new() }
}

fn workflow(fields: &Map<String, Value>) -> String {
    let slug = text(fields, "workflow_id");
    if slug.is_empty() { text(fields, "workflow") } else { slug }
}

/// The host of the site: told as such, or that of the page where it is a whole address.
fn site(fields: &Map<String, Value>) -> String {
    let told = text(fields, "site");
    if !told.is_empty() {
        return told;
    }
    let page = Url::parse(&text(fields, "page")).ok();
    page.and_then(|page| page.host_str().map(str::to_owned)).unwrap_or_default()
}
