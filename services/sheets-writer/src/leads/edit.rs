//! The operator's hand on a lead.
//!
//! Owner and notes that a person wrote stand against every event; a status may go anywhere, and what happened before
//! it was set moves it no more. The invariant: the same request again changes nothing and answers the same lead.

use std::collections::BTreeMap;

use domain::{Cell, Fault, Kind, Reason, id, tab};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Attempts, Collection, Store, Work};

use super::{LeadDoc, Slot, Stage, load, put_slot, slot, write};
use crate::{
    claims::REMEMBERED,
    error::{Error, contact_unknown},
    people,
    rows::RowDoc,
};

/// The lead that each request of the operator was about.
const EDITED: Collection<Edited> = Collection::new("edited_leads");

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Edited {
    lead_id: String,
    created: bool,
    /// Hash of what was asked for; blank where an older version did not keep it.
    #[serde(default)]
    asked: String,
}

/// Which lead is meant.
#[derive(Clone, Debug)]
pub(crate) enum Which {
    /// The lead with this id.
    Lead(String),
    /// The open lead of this contact, opened if there is none.
    OfContact(String),
}

/// What the operator says; `None` leaves a field as it is, a blank empties it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edit {
    pub(crate) intent: Option<String>,
    pub(crate) budget_range: Option<String>,
    pub(crate) timeframe: Option<String>,
    pub(crate) notes: Option<String>,
    /// `Some(None)` empties it.
    pub(crate) score: Option<Option<f64>>,
    pub(crate) owner: Option<String>,
    pub(crate) status: Option<Stage>,
}

/// A lead as it is answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LeadView {
    pub(crate) lead: tab::Lead,
    pub(crate) highest_score: Option<f64>,
}

/// Makes or changes a lead, once for each `request_id`.
///
/// # Errors
/// The `request_id` has stood for another change.
pub(crate) async fn save(
    store: &dyn Store,
    request_id: &str,
    which: &Which,
    edit: &Edit,
    now: Timestamp,
) -> Result<(LeadView, bool), Error> {
    let key = id::digest(&["operator-lead", request_id]);
    let asked = hash(which, edit);
    let mut attempts = Attempts::default();
    loop {
        let mut work = Work::new(store);
        let (doc, created) = match work.get(&EDITED, &key).await? {
            Some(done) if ![&*asked, ""].contains(&&*done.asked) => {
                return Err(Fault::invalid("request_id", "request_id was used for another change").into());
            }
            Some(done) => (load(&mut work, &done.lead_id).await?.ok_or_else(lead_unknown)?, done.created),
            None => {
                let (doc, created) = self::edit(&mut work, which, edit, now).await?;
                let edited = Edited { lead_id: doc.lead.id.clone(), created, asked: asked.clone() };
                work.put_until(&EDITED, &key, &edited, Some(now + REMEMBERED));
                (doc, created)
            }
        };
        if attempts.commit(work).await? {
            return Ok((LeadView { lead: doc.lead, highest_score: doc.highest_score }, created));
        }
    }
}

/// What tells one change from another.
fn hash(which: &Which, edit: &Edit) -> String {
    let Edit { intent, budget_range, timeframe, notes, score, owner, status } = edit;
    let (lead, contact) = match which {
        Which::Lead(id) => (Some(id), None),
        Which::OfContact(id) => (None, Some(id)),
    };
    // A score that is emptied is not one that stays as it is.
    let score = score.map(|score| [score]);
    let status = status.map(Stage::as_str);
    let asked = json!([lead, contact, intent, budget_range, timeframe, notes, score, owner, status]);
    id::digest(&["operator-lead-asked", &asked.to_string()])
}

/// As [`save`], within a work of the caller's.
pub(super) async fn edit(
    work: &mut Work<'_>,
    which: &Which,
    edit: &Edit,
    now: Timestamp,
) -> Result<(LeadDoc, bool), Error> {
    let mut doc = match which {
        Which::Lead(lead_id) => load(work, lead_id).await?.ok_or_else(lead_unknown)?,
        Which::OfContact(contact_id) => of_contact(work, contact_id, now).await?,
    };
    let created = doc.version == 0;
    let before = doc.clone();
    // The lead may have been opened under an id that is an alias now.
    let contact = people::current_id(work, &doc.lead.contact_id).await?;
    let contact_id = contact.unwrap_or_else(|| doc.lead.contact_id.clone());
    let (contact_id, mut slot) = slot(work, &contact_id).await?;
    let known = slot.clone();
    if let Some(status) = edit.status {
        doc.set_status(work, &mut slot, status, now).await?;
    }
    if created {
        slot.lead_id.clone_from(&doc.lead.id);
    }
    doc.take(edit, now);
    if slot != known {
        put_slot(work, &contact_id, &slot);
    }
    if created || !before.is_same(&doc) {
        write(work, &mut doc).await?;
    }
    Ok((doc, created))
}

/// A person typed a status into the lead's row: what it says counts as the operator's word.
pub(crate) async fn heed_hand(work: &mut Work<'_>, row: &RowDoc, now: Timestamp) -> Result<(), store::Error> {
    let Some(Cell::Text(word)) = row.typed.get("status") else { return Ok(()) };
    let Some(status) = Stage::read(&word.trim().to_lowercase()) else { return Ok(()) };
    let said = Edit { status: Some(status), ..Edit::default() };
    match edit(work, &Which::Lead(row.id.clone()), &said, now).await {
        // A row that others brought has no lead; one that cannot be opened again stays closed.
        Ok(_) | Err(Error::Refused(_)) => Ok(()),
        Err(Error::Store(error)) => Err(error),
    }
}

/// The highest score of each of the leads, which no row shows.
pub(crate) async fn highest_scores(
    store: &dyn Store,
    lead_ids: &[String],
) -> Result<BTreeMap<String, Option<f64>>, Error> {
    let mut work = Work::new(store);
    work.prefetch(lead_ids.iter().map(|id| super::LEADS.key(super::doc_id(id))).collect()).await?;
    let mut scores = BTreeMap::new();
    for lead_id in lead_ids {
        if let Some(doc) = work.get(&super::LEADS, &super::doc_id(lead_id)).await? {
            scores.insert(lead_id.clone(), doc.highest_score);
        }
    }
    Ok(scores)
}

async fn of_contact(work: &mut Work<'_>, contact_id: &str, now: Timestamp) -> Result<LeadDoc, Error> {
    let contact_id = people::current_id(work, contact_id).await?.ok_or_else(contact_unknown)?;
    let (contact_id, slot) = slot(work, &contact_id).await?;
    let known = load(work, &slot.lead_id).await?.filter(LeadDoc::is_open);
    Ok(known.unwrap_or_else(|| {
        let mut doc = LeadDoc::open(&contact_id, now, now);
        doc.lead.last_touch = Some(now);
        doc.raise(&slot);
        doc
    }))
}

fn lead_unknown() -> Error {
    Fault::new(Kind::NotFound, Reason::LeadUnknown, "there is no such lead").into()
}

// === impl LeadDoc ===

impl LeadDoc {
    fn take(&mut self, edit: &Edit, now: Timestamp) {
        let Self { lead, told, .. } = self;
        let texts = [
            ("intent", &mut lead.intent, &edit.intent),
            ("budget_range", &mut lead.budget_range, &edit.budget_range),
            ("timeframe", &mut lead.timeframe, &edit.timeframe),
        ];
        for (field, slot, word) in texts {
            if let Some(word) = word.as_ref().filter(|word| *word != slot) {
                told.set(field, slot, word.clone(), now);
            }
        }
        for (field, slot, word) in
            [("notes", &mut lead.notes, &edit.notes), ("owner", &mut lead.owner, &edit.owner)]
        {
            if let Some(word) = word {
                told.own(field, slot, word.clone());
            }
        }
        if let Some(score) = edit.score {
            told.set("score", &mut lead.score, score, now);
            self.highest_score = super::higher(self.highest_score, score);
        }
    }

    async fn set_status(
        &mut self,
        work: &mut Work<'_>,
        slot: &mut Slot,
        status: Stage,
        now: Timestamp,
    ) -> Result<(), Error> {
        if Stage::read(&self.lead.status) == Some(status) {
            return Ok(());
        }
        let current = load(work, &slot.lead_id).await?;
        let is_current = current.as_ref().is_none_or(|other| other.lead.id == self.lead.id);
        if status.is_end() {
            self.closed_at = self.closed_at.or(Some(now));
        } else if !self.is_open() {
            if !is_current && current.is_some_and(|other| other.is_open()) {
                let why = "the contact has another open lead; a contact has one at most";
                return Err(Fault::new(Kind::Precondition, Reason::LeadOpen, why).into());
            }
            self.closed_at = None;
            slot.lead_id.clone_from(&self.lead.id);
        }
        if is_current || self.is_open() {
            // What is told from now on counts from here.
            slot.reached = if status.is_end() { Stage::New } else { status };
            slot.touched = if status.is_end() { None } else { Some(now) };
        }
        status.as_str().clone_into(&mut self.lead.status);
        self.status_set_at = Some(now);
        Ok(())
    }
}
