//! Leads: one open lead a contact, kept up to date by what the contact says.

use domain::{
    Row,
    id::{self, LeadId},
    tab,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Collection, Work};

use crate::{error::Error, rows};

const LEADS: Collection<LeadDoc> = Collection::new("leads");
/// The open lead of each contact.
const OPEN_LEADS: Collection<OpenLead> = Collection::new("open_leads");

#[derive(Clone, Debug, Serialize, Deserialize)]
struct LeadDoc {
    lead: tab::Lead,
    version: u64,
    /// Highest score so far; the row shows the latest.
    highest_score: Option<f64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct OpenLead {
    lead_id: String,
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

impl Signal {
    /// A lead: a score at the threshold or over it, or an intent other than `none` where nobody scored.
    pub(crate) fn is_lead(&self, threshold: f64) -> bool {
        match self.score {
            Some(score) => score >= threshold,
            None => !self.intent.is_empty() && self.intent != "none",
        }
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
    let owner = id::digest(&["open-lead", contact_id]);
    let known = match work.get(&OPEN_LEADS, &owner).await? {
        Some(open) => work.get(&LEADS, &doc_id(&open.lead_id)).await?,
        None => None,
    };
    let mut doc = match known {
        Some(doc) if !matches!(doc.lead.status.as_str(), "won" | "lost") => doc,
        _ => open(contact_id, occurred_at, now),
    };
    let before = (doc.lead.clone(), doc.highest_score);
    apply(&mut doc, signal, occurred_at);
    let recorded = Recorded { lead_id: doc.lead.id.clone(), created: doc.version == 0 };
    if doc.version > 0 && before == (doc.lead.clone(), doc.highest_score) {
        return Ok(recorded);
    }
    doc.version += 1;
    if doc.version == 1 {
        work.create(&LEADS, &doc_id(&doc.lead.id), &doc);
        work.put(&OPEN_LEADS, &owner, &OpenLead { lead_id: doc.lead.id.clone() });
    } else {
        work.put(&LEADS, &doc_id(&doc.lead.id), &doc);
    }
    let row = Row::of(&doc.lead, doc.version, doc.lead.created_at.unwrap_or(occurred_at));
    rows::upsert(work, row).await?;
    Ok(recorded)
}

fn doc_id(lead_id: &str) -> String {
    id::digest(&["lead", lead_id])
}

fn open(contact_id: &str, occurred_at: Timestamp, now: Timestamp) -> LeadDoc {
    let lead = tab::Lead {
        id: LeadId::generate(now).to_string(),
        contact_id: contact_id.to_owned(),
        created_at: Some(occurred_at),
        status: "new".to_owned(),
        ..Default::default()
    };
    LeadDoc { lead, version: 0, highest_score: None }
}

/// The newest event decides intent and score; an older one only fills what is empty.
fn apply(doc: &mut LeadDoc, signal: &Signal, occurred_at: Timestamp) {
    let newest = doc.lead.last_touch.is_none_or(|last| occurred_at >= last);
    let take = |field: &mut String, value: &String| {
        if !value.is_empty() && (newest || field.is_empty()) {
            field.clone_from(value);
        }
    };
    if signal.intent != "none" {
        take(&mut doc.lead.intent, &signal.intent);
    }
    take(&mut doc.lead.budget_range, &signal.budget_range);
    take(&mut doc.lead.timeframe, &signal.timeframe);
    if doc.lead.notes.is_empty() {
        doc.lead.notes.clone_from(&signal.notes);
    }
    if newest {
        doc.lead.score = signal.score.or(doc.lead.score);
        doc.lead.last_touch = Some(occurred_at);
    } else {
        doc.lead.score = doc.lead.score.or(signal.score);
    }
    doc.lead.created_at = doc.lead.created_at.min(Some(occurred_at));
    doc.highest_score = match (doc.highest_score, signal.score) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (a, b) => a.or(b),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(intent: &str, score: Option<f64>) -> Signal {
        Signal { intent: intent.into(), score, ..Default::default() }
    }

    #[test]
    fn a_score_decides_and_an_intent_where_there_is_none() {
        assert!(signal("buy_inquiry", Some(0.5)).is_lead(0.5));
        assert!(!signal("buy_inquiry", Some(0.49)).is_lead(0.5));
        assert!(signal("buy_inquiry", None).is_lead(0.5));
        assert!(!signal("none", None).is_lead(0.5));
        assert!(!signal("", None).is_lead(0.5));
    }

    #[test]
    fn the_newest_event_decides_in_any_order() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let events = [(at(10), signal("browse", Some(0.6))), (at(20), signal("buy", Some(0.5)))];
        let [forward, backward] = [[0, 1], [1, 0]].map(|order| {
            let mut doc = open("c_1", at(10), at(30));
            for index in order {
                let (when, signal) = &events[index];
                apply(&mut doc, signal, *when);
            }
            (
                doc.lead.intent.clone(),
                doc.lead.score,
                doc.highest_score,
                doc.lead.last_touch,
                doc.lead.created_at,
            )
        });
        assert_eq!(forward, backward);
        assert_eq!(forward, ("buy".into(), Some(0.5), Some(0.6), Some(at(20)), Some(at(10))));
    }

    #[test]
    fn an_older_score_fills_in_where_the_newest_event_has_none() {
        let mut doc = open("c_1", Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        apply(&mut doc, &signal("buy", None), Timestamp::from_second(20).unwrap());
        apply(&mut doc, &signal("browse", Some(0.6)), Timestamp::from_second(10).unwrap());
        assert_eq!((doc.lead.intent.as_str(), doc.lead.score), ("buy", Some(0.6)));
    }
}
