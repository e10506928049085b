//! Taking events: verify, read, and commit all of them with their rows, or none.

mod forgotten;
pub(crate) mod inbox;
mod rules;

use chassis::brink::{self, Point};
use domain::{
    Fault, Row,
    id::{self, EngagementId},
    tab,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Attempts, Collection, Store, Work};

use crate::{
    bookings,
    error::Error,
    event::{self, Event},
    leads::{self, Signal, Stage},
    people::{self, Identity},
    rows::{self, RowKey},
};
pub(crate) use forgotten::forget;
pub(crate) use rules::Rules;

const EVENTS: Collection<EventDoc> = Collection::new("events");

/// An event that was taken; what it says stands in its row of `chat_events`, in RFC 8785 form.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct EventDoc {
    id: String,
    kind: String,
    received_at: Timestamp,
    /// It was ours before it came in; never forwarded.
    hop: bool,
    /// One of our own services told it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    own: bool,
    /// Its person was forgotten, and nothing of what it said is left.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    erased: bool,
}

/// How events came in.
#[derive(Clone, Copy, Debug, Default)]
struct Way {
    hop: bool,
    own: bool,
}

/// A delivery as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Delivery<'a> {
    pub(crate) body: &'a [u8],
    pub(crate) secret: &'a str,
    pub(crate) from_loopback: bool,
    pub(crate) hop: &'a str,
}

/// What became of a delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) accepted: i32,
    pub(crate) duplicates: i32,
    pub(crate) ids: Vec<String>,
}

/// Takes a delivery: all its events and their rows stand in the store when this answers, or nothing does.
pub(crate) async fn take(
    store: &dyn Store,
    rules: &Rules,
    delivery: Delivery<'_>,
    now: Timestamp,
) -> Result<Taken, Error> {
    rules.verify(&delivery)?;
    let events = event::parse(delivery.body)?;
    commit(store, rules, &events, Way { hop: !delivery.hop.is_empty(), own: false }, now).await
}

/// Takes events of our own services, caused by `visitor`, under the same promise.
pub(crate) async fn take_own(
    store: &dyn Store,
    rules: &Rules,
    events: &[u8],
    visitor: &str,
    now: Timestamp,
) -> Result<Taken, Error> {
    commit(store, rules, &event::parse_of(events, visitor)?, Way { hop: false, own: true }, now).await
}

async fn commit(
    store: &dyn Store,
    rules: &Rules,
    events: &[Event],
    way: Way,
    now: Timestamp,
) -> Result<Taken, Error> {
    let mut attempts = Attempts::default();
    let taken = loop {
        let mut work = Work::new(store);
        let taken = record_all(&mut work, rules, events, way, now).await?;
        if attempts.commit(work).await? {
            break taken;
        }
    };
    brink::pass(Point::Committed);
    tracing::info!(accepted = taken.accepted, duplicates = taken.duplicates, hop = way.hop, "events taken");
    Ok(taken)
}

async fn record_all(
    work: &mut Work<'_>,
    rules: &Rules,
    events: &[Event],
    way: Way,
    now: Timestamp,
) -> Result<Taken, Error> {
    work.prefetch(events.iter().map(|event| EVENTS.key(doc_id(event.id.as_str()))).collect()).await?;
    let mut taken = Taken::default();
    for event in events {
        taken.ids.push(event.id.to_string());
        if work.get(&EVENTS, &doc_id(event.id.as_str())).await?.is_some() {
            taken.duplicates += 1;
            continue;
        }
        record(work, rules, event, way, now).await?;
        taken.accepted += 1;
    }
    Ok(taken)
}

fn doc_id(event_id: &str) -> String {
    id::digest(&["event", event_id])
}

async fn record(
    work: &mut Work<'_>,
    rules: &Rules,
    event: &Event,
    way: Way,
    now: Timestamp,
) -> Result<(), Error> {
    let occurred_at = event.occurred_at.unwrap_or(now);
    let erased = forgotten::is_late(work, event, occurred_at).await?;
    let Way { hop, own } = way;
    let doc =
        EventDoc { id: event.id.to_string(), kind: event.kind.clone(), received_at: now, hop, own, erased };
    work.put(&EVENTS, &doc_id(event.id.as_str()), &doc);
    let said = |text: String| if erased { String::new() } else { text };
    let row = tab::ChatEvent {
        id: event.id.to_string(),
        session_id: said(event.text("session_id")?),
        occurred_at: Some(occurred_at),
        kind: event.kind.clone(),
        payload_json: said(event.canonical.clone()),
    };
    rows::upsert(work, Row::of(&row, 1, occurred_at)).await?;
    if erased {
        forgotten::follow(work, event, occurred_at).await
    } else {
        follow(work, rules, event, occurred_at, now).await
    }
}

/// What an event comes to in the books. Doing it again changes nothing.
async fn follow(
    work: &mut Work<'_>,
    rules: &Rules,
    event: &Event,
    occurred_at: Timestamp,
    now: Timestamp,
) -> Result<(), Error> {
    if event.is_engagement() {
        record_engagement(work, rules, event, occurred_at, now).await?;
    }
    if let Some(action) = event.calendar_action() {
        record_booking(work, event, action, occurred_at).await?;
    }
    Ok(())
}

async fn record_engagement(
    work: &mut Work<'_>,
    rules: &Rules,
    event: &Event,
    occurred_at: Timestamp,
    now: Timestamp,
) -> Result<(), Error> {
    let signal = Signal {
        intent: event.text("intent")?,
        score: event.number("score")?,
        budget_range: event.text("budget_range")?,
        timeframe: event.text("timeframe")?,
        notes: String::new(),
    };
    let lead = signal.is_lead(rules.threshold);
    let contact_id = contact_of(work, event, "chat", lead, occurred_at).await?;
    if lead {
        leads::record(work, &contact_id, &signal, occurred_at, now).await?;
    }
    let outcome = event.text("outcome")?;
    let workflow_id = event.first_text(&["workflow_id", "workflow"])?;
    let stage = rules.stage_of(&workflow_id, &outcome);
    if let Some(stage) = stage.filter(|_| !contact_id.is_empty()) {
        leads::advance(work, &contact_id, stage, occurred_at).await?;
    }
    let channel = event.text("channel")?;
    let engagement = tab::Engagement {
        id: EngagementId::derive(&[event.id.as_str()]).to_string(),
        contact_id,
        occurred_at: Some(occurred_at),
        channel: if channel.is_empty() { "chat".to_owned() } else { channel },
        page: event.text("page")?,
        message: event.text("message")?,
        outcome,
        workflow_id,
        session_id: event.text("session_id")?,
    };
    write_engagement(work, engagement, occurred_at).await
}

/// Writes an engagement. One that is worked on again may have come to have a contact.
pub(crate) async fn write_engagement(
    work: &mut Work<'_>,
    engagement: tab::Engagement,
    occurred_at: Timestamp,
) -> Result<(), Error> {
    let row = Row::of(&engagement, 1, occurred_at);
    let key = RowKey { tab: row.tab, id: row.id.clone() };
    let known = work.get(&rows::ROWS, &key.doc_id()).await?;
    let version = known.filter(|known| known.subject.is_none()).map_or(1, |known| known.version + 1);
    if version == 1 || !engagement.contact_id.is_empty() {
        rows::upsert(work, Row { version, ..row }).await?;
    }
    Ok(())
}

/// Writes an engagement over what stands under its id, as somebody else's.
pub(crate) async fn move_engagement(
    work: &mut Work<'_>,
    engagement: tab::Engagement,
    occurred_at: Timestamp,
) -> Result<(), Error> {
    let row = Row::of(&engagement, 1, occurred_at);
    let version = rows::next_version(work, &RowKey::of(&row), row.version).await?;
    rows::upsert(work, Row { version, ..row }).await?;
    Ok(())
}

async fn record_booking(
    work: &mut Work<'_>,
    event: &Event,
    action: &str,
    occurred_at: Timestamp,
) -> Result<(), Error> {
    let contact_id = contact_of(work, event, "calendar", false, occurred_at).await?;
    let told = tab::Booking { contact_id, ..booking(event, action)? };
    if told.event_start.is_none() && told.cal_event_id.is_empty() {
        return Err(event.wrong("event_start", "is required where the event has no uid").into());
    }
    if action == "booked" && !told.contact_id.is_empty() {
        leads::advance(work, &told.contact_id, Stage::Booked, occurred_at).await?;
    }
    bookings::record(work, told, event.id.as_str(), occurred_at).await
}

/// What an event tells of a meeting, but for whose it is.
fn booking(event: &Event, action: &str) -> Result<tab::Booking, Fault> {
    Ok(tab::Booking {
        event_start: event.time("event_start")?,
        event_end: event.time("event_end")?,
        cal_provider: event.text("cal_provider")?,
        cal_event_id: event.first_text(&["cal_event_id", "uid"])?,
        meeting_type: event.text("meeting_type")?,
        status: if action == "cancelled" { "canceled".to_owned() } else { action.to_owned() },
        ..Default::default()
    })
}

/// Whom an event names.
fn identity(event: &Event) -> Result<Identity, Fault> {
    let (visitor, session) = (event.text("visitor_id")?, event.text("session_id")?);
    Ok(Identity {
        email: event.text("email")?,
        phone: event.text("phone")?,
        // Whatever comes out of a chat was said by a stranger; what a calendar or a form of the owner's tells alone
        // is the word of a trusted sender.
        claimed: event.is_of_chat() || !visitor.is_empty() || !session.is_empty(),
        visitor,
        session,
        ..Default::default()
    })
}

/// Id of the contact that an event is about, made if nobody is known and one is `needed`; else blank.
async fn contact_of(
    work: &mut Work<'_>,
    event: &Event,
    source: &str,
    needed: bool,
    occurred_at: Timestamp,
) -> Result<String, Error> {
    let identity = identity(event)?;
    let facts = tab::Contact {
        first_name: event.text("first_name")?,
        last_name: event.text("last_name")?,
        company: event.text("company")?,
        source: source.to_owned(),
        utm_source: event.visit_trait("utm_source")?,
        utm_medium: event.visit_trait("utm_medium")?,
        utm_campaign: event.visit_trait("utm_campaign")?,
        ..Default::default()
    };
    let given_id = event.text("contact_id")?;
    people::check_given_id(&given_id).map_err(|why| event.wrong("contact_id", why))?;
    // Who comes back after they were forgotten is a new person, and the old id is nobody's.
    if !given_id.is_empty() && people::erased_at(work, &given_id).await?.is_none() {
        return Ok(people::resolve_given(work, &given_id, &identity, facts, occurred_at).await?.contact.id);
    }
    if needed || identity.says_who() {
        // A lead of a turn that names nobody and no session still has a contact: the turn's own.
        let nobody = !identity.says_who() && identity.visitor.is_empty() && identity.session.is_empty();
        let session = if nobody { event.id.to_string() } else { identity.session.clone() };
        let identity = Identity { session, ..identity };
        return Ok(people::resolve(work, &identity, facts, occurred_at).await?.contact.id);
    }
    Ok(people::find(work, &identity).await?.map(|found| found.id).unwrap_or_default())
}
