//! Taking events: verify, read, and commit all of them with their rows, or none.

use std::sync::Arc;

use domain::{
    Fault, Kind, Reason, Row,
    id::{self, EngagementId},
    tab,
    workflow::{Registry, Workflow},
};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use store::{Attempts, Collection, Store, Work};
use subtle::ConstantTimeEq as _;

use crate::{
    bookings,
    error::Error,
    event::{self, Event},
    leads::{self, Signal, Stage},
    people::{self, Identity},
    rows,
};

const EVENTS: Collection<EventDoc> = Collection::new("events");

/// An event that was taken.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct EventDoc {
    id: String,
    kind: String,
    received_at: Timestamp,
    /// RFC 8785 form.
    body: String,
    /// It was ours before it came in; never forwarded.
    hop: bool,
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

/// How deliveries are judged.
#[derive(Clone)]
pub(crate) struct Rules {
    secrets: Option<SecretString>,
    threshold: f64,
    workflows: Arc<Registry>,
}

// === impl Rules ===

impl Rules {
    pub(crate) fn new(config: &crate::Config) -> Self {
        if config.events_webhook_secret.is_none() {
            tracing::warn!("EVENTS_WEBHOOK_SECRET is not set: events are taken from loopback only");
        }
        Self {
            secrets: config.events_webhook_secret.clone(),
            threshold: config.lead_score_threshold,
            workflows: Arc::new(config.workflows().unwrap_or_else(|_| Registry::built_in())),
        }
    }

    /// How far an outcome brings a lead: one that stands in the workflow's list, or in any list where the workflow is
    /// not ours. Others are kept as they were told, in the event and in the engagement, and move nothing.
    fn stage_of(&self, workflow: &str, outcome: &str) -> Option<Stage> {
        if outcome.is_empty() {
            return None;
        }
        let ours = self.workflows.iter().find(|known| known.slug == workflow);
        let lists = |known: &Workflow| known.outcomes.iter().any(|listed| listed == outcome);
        if !ours.map_or_else(|| self.workflows.iter().any(lists), lists) {
            tracing::warn!(workflow.known = ours.is_some(), "an event has an outcome that no workflow lists");
            return None;
        }
        match outcome {
            "qualified" => Some(Stage::Qualified),
            "booked" => Some(Stage::Booked),
            _ => None,
        }
    }

    /// Rules without a secret, over the built-in workflows.
    #[cfg(test)]
    pub(crate) fn open() -> Self {
        Self { secrets: None, threshold: 0.5, workflows: Arc::new(Registry::built_in()) }
    }

    fn verify(&self, delivery: &Delivery<'_>) -> Result<(), Fault> {
        let Some(secrets) = &self.secrets else {
            return if delivery.from_loopback {
                Ok(())
            } else {
                let why = "events are taken from this machine only until EVENTS_WEBHOOK_SECRET is set";
                Err(Fault::new(Kind::Forbidden, Reason::LoopbackOnly, why))
            };
        };
        let given = delivery.secret.as_bytes();
        let matches = |secret: &str| bool::from(secret.trim().as_bytes().ct_eq(given));
        // Every secret is compared, so the time says nothing about which one is near.
        if secrets.expose_secret().split(',').fold(false, |found, secret| found | matches(secret)) {
            return Ok(());
        }
        let why =
            if given.is_empty() { "X-Frontdesk-Secret is missing" } else { "X-Frontdesk-Secret is wrong" };
        Err(Fault::new(Kind::Unauthenticated, Reason::SecretWrong, why))
    }
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
    commit(store, rules, &events, !delivery.hop.is_empty(), now).await
}

/// Takes events of our own services, caused by `visitor`, under the same promise.
pub(crate) async fn take_own(
    store: &dyn Store,
    rules: &Rules,
    events: &[u8],
    visitor: &str,
    now: Timestamp,
) -> Result<Taken, Error> {
    commit(store, rules, &event::parse_of(events, visitor)?, false, now).await
}

async fn commit(
    store: &dyn Store,
    rules: &Rules,
    events: &[Event],
    hop: bool,
    now: Timestamp,
) -> Result<Taken, Error> {
    let mut attempts = Attempts::default();
    let taken = loop {
        let mut work = Work::new(store);
        let taken = record_all(&mut work, rules, events, hop, now).await?;
        if attempts.commit(work).await? {
            break taken;
        }
    };
    tracing::info!(accepted = taken.accepted, duplicates = taken.duplicates, hop, "events taken");
    Ok(taken)
}

async fn record_all(
    work: &mut Work<'_>,
    rules: &Rules,
    events: &[Event],
    hop: bool,
    now: Timestamp,
) -> Result<Taken, Error> {
    work.prefetch(events.iter().map(|event| EVENTS.key(doc_id(event))).collect()).await?;
    let mut taken = Taken::default();
    for event in events {
        taken.ids.push(event.id.to_string());
        if work.get(&EVENTS, &doc_id(event)).await?.is_some() {
            taken.duplicates += 1;
            continue;
        }
        record(work, rules, event, hop, now).await?;
        taken.accepted += 1;
    }
    Ok(taken)
}

fn doc_id(event: &Event) -> String {
    id::digest(&["event", event.id.as_str()])
}

async fn record(
    work: &mut Work<'_>,
    rules: &Rules,
    event: &Event,
    hop: bool,
    now: Timestamp,
) -> Result<(), Error> {
    let occurred_at = event.occurred_at.unwrap_or(now);
    let doc = EventDoc {
        id: event.id.to_string(),
        kind: event.kind.clone(),
        received_at: now,
        body: event.canonical.clone(),
        hop,
    };
    work.put(&EVENTS, &doc_id(event), &doc);
    let row = tab::ChatEvent {
        id: event.id.to_string(),
        session_id: event.text("session_id")?,
        occurred_at: Some(occurred_at),
        kind: event.kind.clone(),
        payload_json: event.canonical.clone(),
    };
    rows::upsert(work, Row::of(&row, 1, occurred_at)).await?;
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
    let contact_id = contact_of(work, event, "chat", lead, occurred_at).await?.id;
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
    rows::upsert(work, Row::of(&engagement, 1, occurred_at)).await?;
    Ok(())
}

async fn record_booking(
    work: &mut Work<'_>,
    event: &Event,
    action: &str,
    occurred_at: Timestamp,
) -> Result<(), Error> {
    let contact = contact_of(work, event, "calendar", false, occurred_at).await?;
    let told = tab::Booking {
        contact_id: contact.id,
        event_start: event.time("event_start")?,
        event_end: event.time("event_end")?,
        cal_provider: event.text("cal_provider")?,
        cal_event_id: event.first_text(&["cal_event_id", "uid"])?,
        meeting_type: event.text("meeting_type")?,
        status: if action == "cancelled" { "canceled".to_owned() } else { action.to_owned() },
        ..Default::default()
    };
    if told.event_start.is_none() && told.cal_event_id.is_empty() {
        return Err(event.wrong("event_start", "is required where the event has no uid").into());
    }
    if action == "booked" && !told.contact_id.is_empty() {
        leads::advance(work, &told.contact_id, Stage::Booked, occurred_at).await?;
    }
    bookings::record(work, told, &contact.aliases, event.id.as_str(), occurred_at).await
}

/// Whom an event is about; a blank id if nobody is known.
#[derive(Default)]
struct Person {
    id: String,
    aliases: Vec<String>,
}

impl From<people::Resolved> for Person {
    fn from(resolved: people::Resolved) -> Self {
        Self { id: resolved.contact.id, aliases: resolved.aliases }
    }
}

/// The contact that an event is about, made if nobody is known and one is `needed`.
async fn contact_of(
    work: &mut Work<'_>,
    event: &Event,
    source: &str,
    needed: bool,
    occurred_at: Timestamp,
) -> Result<Person, Error> {
    let (visitor, session) = (event.text("visitor_id")?, event.text("session_id")?);
    let identity = Identity {
        email: event.text("email")?,
        phone: event.text("phone")?,
        // Whatever comes out of a chat was said by a stranger; what a calendar or a form of the owner's tells alone
        // is the word of a trusted sender.
        claimed: event.is_of_chat() || !visitor.is_empty() || !session.is_empty(),
        visitor,
        session,
        ..Default::default()
    };
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
    if !given_id.is_empty() {
        people::check_given_id(&given_id).map_err(|why| event.wrong("contact_id", why))?;
        return Ok(people::resolve_given(work, &given_id, &identity, facts, occurred_at).await?.into());
    }
    if needed || identity.says_who() {
        // A lead of a turn that names nobody and no session still has a contact: the turn's own.
        let nobody = !identity.says_who() && identity.visitor.is_empty() && identity.session.is_empty();
        let session = if nobody { event.id.to_string() } else { identity.session.clone() };
        let identity = Identity { session, ..identity };
        return Ok(people::resolve(work, &identity, facts, occurred_at).await?.into());
    }
    Ok(people::find(work, &identity).await?.map(Person::from).unwrap_or_default())
}
