//! Leads: one open lead a contact, kept up to date by what the contact says and does.
//!
//! A row shows the latest score; the highest one is kept and exported. A status goes `new → qualified → booked →
//! won | lost` and only the operator moves it back or closes a lead; what happened before the operator's word changes
//! it no more. The invariant: events that come in any order leave the lead as they would in theirs, and a contact has
//! at most one open lead, also after a merge.

mod edit;
mod joining;
mod stage;
#[cfg(test)]
mod tests;

use domain::{
    Row,
    id::{self, LeadId},
    tab,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Collection, Work};

use crate::{
    error::Error,
    rows::{self, veil::Veil},
    told::{Rule, Told},
};
pub(crate) use edit::{Edit, LeadView, Which, heed_hand, highest_scores, save};
pub(crate) use joining::join;
pub(crate) use stage::Stage;
#[cfg(test)]
pub(crate) use tests::only_open;

const LEADS: Collection<LeadDoc> = Collection::new("leads");
/// What each contact's lead is, and how far it has come.
const OPEN_LEADS: Collection<Slot> = Collection::new("open_leads");

#[derive(Clone, Debug, Serialize, Deserialize)]
struct LeadDoc {
    lead: tab::Lead,
    version: u64,
    /// Highest score so far; the row shows the latest.
    highest_score: Option<f64>,
    /// When each fact was told.
    #[serde(default)]
    told: Told,
    /// When the operator spoke on the status.
    #[serde(default)]
    status_set_at: Option<Timestamp>,
    /// When it was won or lost.
    #[serde(default)]
    closed_at: Option<Timestamp>,
    /// The survivor, once this lead became one with another.
    #[serde(default)]
    alias_of: Option<String>,
}

/// One contact's lead. Written whenever the contact becomes an alias, so that nobody opens a lead under it meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Slot {
    /// The newest lead; blank before the first.
    lead_id: String,
    /// How far the contact has come since the last lead was closed: it may be told before the lead is.
    #[serde(default)]
    reached: Stage,
    /// When that was told last.
    #[serde(default)]
    touched: Option<Timestamp>,
    /// The contact that this one was merged into: who resolved the contact before the merge and reads this after it
    /// goes on there.
    #[serde(default)]
    moved_to: Option<String>,
}

/// What one event says about a lead.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signal {
    pub(crate) intent: String,
    pub(crate) score: Option<f64>,
    pub(crate) budget_range: String,
    pub(crate) timeframe: String,
    /// For the owner; never over what the owner wrote.
    pub(crate) notes: String,
}

/// The lead that an event was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) lead_id: String,
    /// It was opened by this.
    pub(crate) created: bool,
}

// === impl Signal ===

impl Signal {
    /// A lead: a score at the threshold or over it, or an intent other than `none` where nobody scored.
    pub(crate) fn is_lead(&self, threshold: f64) -> bool {
        match self.score {
            Some(score) => score >= threshold,
            None => !self.intent.is_empty() && self.intent != "none",
        }
    }
}

// === impl LeadDoc ===

impl LeadDoc {
    fn open(contact_id: &str, occurred_at: Timestamp, now: Timestamp) -> Self {
        let lead = tab::Lead {
            id: LeadId::generate(now).to_string(),
            contact_id: contact_id.to_owned(),
            created_at: Some(occurred_at),
            status: Stage::New.as_str().to_owned(),
            ..Default::default()
        };
        Self {
            lead,
            version: 0,
            highest_score: None,
            told: Told::default(),
            status_set_at: None,
            closed_at: None,
            alias_of: None,
        }
    }

    fn is_open(&self) -> bool {
        self.closed_at.is_none()
    }

    /// Whether what happened `at` belongs to it: everything while it is open, what came before its end afterwards.
    fn covers(&self, at: Timestamp) -> bool {
        self.closed_at.is_none_or(|closed_at| at <= closed_at)
    }

    /// The newest word decides intent and score, whatever the order in which words come.
    fn apply(&mut self, signal: &Signal, at: Timestamp) {
        let Self { lead, told, .. } = self;
        if signal.intent != "none" {
            told.take("intent", Rule::Last, &mut lead.intent, signal.intent.clone(), at);
        }
        told.take("budget_range", Rule::Last, &mut lead.budget_range, signal.budget_range.clone(), at);
        told.take("timeframe", Rule::Last, &mut lead.timeframe, signal.timeframe.clone(), at);
        told.take("notes", Rule::First, &mut lead.notes, signal.notes.clone(), at);
        told.take("score", Rule::Last, &mut lead.score, signal.score, at);
        lead.last_touch = lead.last_touch.max(Some(at));
        lead.created_at = lead.created_at.into_iter().chain([at]).min();
        self.highest_score = higher(self.highest_score, signal.score);
    }

    /// Takes over how far the contact has come, unless the lead is further or the operator spoke since.
    fn raise(&mut self, slot: &Slot) {
        let Some(touched) = slot.touched.filter(|_| self.is_open()) else { return };
        self.lead.last_touch = self.lead.last_touch.max(Some(touched));
        let stage = Stage::read(&self.lead.status).unwrap_or_default();
        if slot.reached.rank() > stage.rank() && self.status_set_at.is_none_or(|set_at| touched > set_at) {
            slot.reached.as_str().clone_into(&mut self.lead.status);
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        (&self.lead, &self.told, self.highest_score, self.closed_at, self.status_set_at)
            == (&other.lead, &other.told, other.highest_score, other.closed_at, other.status_set_at)
    }
}

fn higher(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.max(other)),
        (one, other) => one.or(other),
    }
}

/// Opens the contact's lead, or brings it up to date.
pub(crate) async fn record(
    work: &mut Work<'_>,
    contact_id: &str,
    signal: &Signal,
    occurred_at: Timestamp,
    now: Timestamp,
) -> Result<Recorded, Error> {
    let (contact_id, mut slot) = slot(work, contact_id).await?;
    let known = load(work, &slot.lead_id).await?.filter(|doc| doc.covers(occurred_at));
    let before = known.clone();
    let mut doc = known.unwrap_or_else(|| LeadDoc::open(&contact_id, occurred_at, now));
    doc.apply(signal, occurred_at);
    doc.raise(&slot);
    let recorded = Recorded { lead_id: doc.lead.id.clone(), created: before.is_none() };
    if before.is_none() {
        slot.lead_id.clone_from(&doc.lead.id);
        put_slot(work, &contact_id, &slot);
    }
    if before.is_none_or(|before| !before.is_same(&doc)) {
        write(work, &mut doc).await?;
    }
    Ok(recorded)
}

/// The contact has come to `stage`: kept, whether or not there is a lead yet.
pub(crate) async fn advance(
    work: &mut Work<'_>,
    contact_id: &str,
    stage: Stage,
    occurred_at: Timestamp,
) -> Result<(), Error> {
    let (contact_id, before) = slot(work, contact_id).await?;
    let known = load(work, &before.lead_id).await?;
    if known.as_ref().is_some_and(|doc| !doc.is_open() && doc.covers(occurred_at)) {
        return Ok(());
    }
    if known.as_ref().and_then(|doc| doc.status_set_at).is_some_and(|set_at| occurred_at <= set_at) {
        return Ok(());
    }
    let mut slot = before.clone();
    slot.reached = if stage.rank() > slot.reached.rank() { stage } else { slot.reached };
    slot.touched = slot.touched.max(Some(occurred_at));
    if slot != before {
        put_slot(work, &contact_id, &slot);
    }
    if let Some(mut doc) = known.filter(LeadDoc::is_open) {
        let old = doc.clone();
        doc.raise(&slot);
        if !old.is_same(&doc) {
            write(work, &mut doc).await?;
        }
    }
    Ok(())
}

/// Blanks what was said in a lead, be it an alias.
pub(crate) async fn forget(work: &mut Work<'_>, lead_id: &str, veil: &Veil) -> Result<bool, Error> {
    let Some(mut doc) = work.get(&LEADS, &doc_id(lead_id)).await? else { return Ok(false) };
    let before = doc.clone();
    doc.lead.notes.clear();
    for said in [&mut doc.lead.intent, &mut doc.lead.budget_range, &mut doc.lead.timeframe] {
        *said = veil.said(said);
    }
    doc.lead.owner = veil.category(&doc.lead.owner);
    if !before.is_same(&doc) {
        work.put(&LEADS, &doc_id(lead_id), &doc);
    }
    Ok(true)
}

fn slot_id(contact_id: &str) -> String {
    id::digest(&["open-lead", contact_id])
}

/// The contact's slot and the contact that has it now.
async fn slot(work: &mut Work<'_>, contact_id: &str) -> Result<(String, Slot), Error> {
    let mut owner = contact_id.to_owned();
    loop {
        let slot: Slot = work.get(&OPEN_LEADS, &slot_id(&owner)).await?.unwrap_or_default();
        match slot.moved_to {
            Some(survivor) => owner = survivor,
            None => return Ok((owner, slot)),
        }
    }
}

fn put_slot(work: &mut Work<'_>, contact_id: &str, slot: &Slot) {
    work.put(&OPEN_LEADS, &slot_id(contact_id), slot);
}

fn doc_id(lead_id: &str) -> String {
    id::digest(&["lead", lead_id])
}

/// The lead under an id, or the one that it became one with.
async fn load(work: &mut Work<'_>, lead_id: &str) -> Result<Option<LeadDoc>, Error> {
    if lead_id.is_empty() {
        return Ok(None);
    }
    let mut doc = work.get(&LEADS, &doc_id(lead_id)).await?;
    while let Some(survivor) = doc.as_ref().and_then(|doc| doc.alias_of.clone()) {
        doc = work.get(&LEADS, &doc_id(&survivor)).await?;
    }
    Ok(doc)
}

/// Writes a lead that has changed, and its row.
async fn write(work: &mut Work<'_>, doc: &mut LeadDoc) -> Result<(), Error> {
    doc.version += 1;
    if doc.version == 1 {
        work.create(&LEADS, &doc_id(&doc.lead.id), doc);
    } else {
        work.put(&LEADS, &doc_id(&doc.lead.id), doc);
    }
    let since = doc.lead.created_at.unwrap_or(Timestamp::UNIX_EPOCH);
    rows::upsert(work, Row::of(&doc.shown(), doc.version, since)).await?;
    Ok(())
}
