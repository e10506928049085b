//! Two open leads of contacts that became one are one lead.
//!
//! The older lead survives and takes over what the other one knew, by the same rules as if its events had been told to
//! one lead from the beginning. The other row stays with its id and says in `notes` where it went, with no status and
//! no score, so that it counts in no pipeline.

use domain::tab;
use jiff::Timestamp;
use store::Work;

use super::{LeadDoc, Slot, load, put_slot, slot, write};
use crate::{error::Error, told::Rule};

/// Moves the lead of a contact that becomes an alias to the survivor.
pub(crate) async fn join(work: &mut Work<'_>, survivor: &str, loser: &str) -> Result<(), Error> {
    let ((_, mine), (_, theirs)) = (slot(work, survivor).await?, slot(work, loser).await?);
    put_slot(work, loser, &Slot { moved_to: Some(survivor.to_owned()), ..Slot::default() });
    if theirs == Slot::default() {
        return Ok(());
    }
    let leads = (load(work, &mine.lead_id).await?, load(work, &theirs.lead_id).await?);
    let current = match leads {
        (Some(one), Some(other)) if one.is_open() && other.is_open() => Some(unite(work, one, other).await?),
        (Some(one), Some(other)) => Some(newer(one, other)),
        (one, other) => one.or(other),
    };
    let mut slot = current
        .as_ref()
        .map_or_else(Slot::default, |doc| Slot { lead_id: doc.lead.id.clone(), ..Slot::default() });
    let since = current.as_ref().and_then(|doc| doc.status_set_at.max(doc.closed_at));
    for side in [mine, theirs] {
        // As in order: what came before the operator's word, or the lead's end, brings nothing further. At that very
        // moment it is the word itself.
        if side.touched.is_some_and(|touched| since.is_none_or(|since| touched >= since)) {
            slot.reached =
                if side.reached.rank() > slot.reached.rank() { side.reached } else { slot.reached };
            slot.touched = slot.touched.max(side.touched);
        }
    }
    put_slot(work, survivor, &slot);
    if let Some(mut doc) = current {
        doc.raise(&slot);
        write(work, &mut doc).await?;
    }
    Ok(())
}

/// The one that is open, else the one that ended last.
fn newer(one: LeadDoc, other: LeadDoc) -> LeadDoc {
    let end = |doc: &LeadDoc| doc.closed_at.unwrap_or(Timestamp::MAX);
    if end(&one) >= end(&other) { one } else { other }
}

/// Makes the younger lead an alias of the older one.
async fn unite(work: &mut Work<'_>, one: LeadDoc, other: LeadDoc) -> Result<LeadDoc, Error> {
    let age = |doc: &LeadDoc| (doc.lead.created_at.unwrap_or(Timestamp::MAX), doc.lead.id.clone());
    let (mut doc, mut loser) = if age(&one) <= age(&other) { (one, other) } else { (other, one) };
    doc.learn(&loser);
    loser.alias_of = Some(doc.lead.id.clone());
    write(work, &mut loser).await?;
    Ok(doc)
}

// === impl LeadDoc ===

impl LeadDoc {
    fn learn(&mut self, other: &Self) {
        let notes = (self.lead.notes.clone(), &other.lead.notes);
        let (lead, theirs, told) = (&mut self.lead, other.lead.clone(), &mut self.told);
        told.join("intent", Rule::Last, &mut lead.intent, (&other.told, theirs.intent));
        told.join("budget_range", Rule::Last, &mut lead.budget_range, (&other.told, theirs.budget_range));
        told.join("timeframe", Rule::Last, &mut lead.timeframe, (&other.told, theirs.timeframe));
        told.join("notes", Rule::First, &mut lead.notes, (&other.told, theirs.notes));
        told.join("owner", Rule::First, &mut lead.owner, (&other.told, theirs.owner));
        told.join("score", Rule::Last, &mut lead.score, (&other.told, theirs.score));
        if !notes.0.is_empty() && !notes.1.is_empty() && notes.0 != *notes.1 {
            // Both are somebody's own words.
            lead.notes = format!("{}\n{}", notes.0, notes.1);
        }
        lead.last_touch = lead.last_touch.max(theirs.last_touch);
        self.highest_score = super::higher(self.highest_score, other.highest_score);
        self.join_status(other);
    }

    /// The operator's last word on the status stands, else the further one.
    fn join_status(&mut self, other: &Self) {
        let rank = |status: &str| super::Stage::read(status).unwrap_or_default().rank();
        let theirs = match self.status_set_at.cmp(&other.status_set_at) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Equal => rank(&other.lead.status) > rank(&self.lead.status),
            std::cmp::Ordering::Greater => false,
        };
        if theirs {
            self.lead.status.clone_from(&other.lead.status);
        }
        self.status_set_at = self.status_set_at.max(other.status_set_at);
    }

    /// What its row shows.
    pub(super) fn shown(&self) -> tab::Lead {
        match &self.alias_of {
            None => self.lead.clone(),
            Some(survivor) => tab::Lead {
                id: self.lead.id.clone(),
                contact_id: self.lead.contact_id.clone(),
                created_at: self.lead.created_at,
                notes: format!("merged into {survivor}"),
                ..Default::default()
            },
        }
    }
}
