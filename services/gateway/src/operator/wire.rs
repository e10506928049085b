//! The JSON of the operator's routes, and its way from the contract.
//!
//! The invariant: names are the columns of the spreadsheet, times are RFC 3339, and what is blank is there and blank.

use prost_types::{Struct, Value, value::Kind};
use proto::sheets::v1::{Contact, Lead, LeadStatus, Row, RowState};
use serde::Serialize;
use serde_json::{Map, Number};
use utoipa::ToSchema;

use crate::answer::time;

/// What the names of the contract's enums begin with.
const LEAD_STATUS: &str = "LEAD_STATUS_";
const ROW_STATE: &str = "ROW_STATE_";

/// One person, as the tab `contacts` shows them.
#[derive(Serialize, ToSchema)]
pub(crate) struct ContactAnswer {
    /// The contact's id; that of one who was merged answers the survivor.
    #[schema(example = "con_01JB7Z9V3S2N8Q4T6W0XY5KCEM")]
    id: String,
    /// When we first heard of them.
    #[schema(format = "date-time")]
    created_at: Option<String>,
    /// Trimmed and lower-cased.
    #[schema(example = "ann@example.com")]
    email: String,
    /// E.164 where it could be read as such.
    phone: String,
    /// Given name.
    first_name: String,
    /// Family name.
    last_name: String,
    /// Employer or business.
    company: String,
    /// What brought them.
    source: String,
    /// First touch.
    utm_source: String,
    /// First touch.
    utm_medium: String,
    /// First touch.
    utm_campaign: String,
    /// Free labels.
    tags: Vec<String>,
}

/// A person, and whether this call made them.
#[derive(Serialize, ToSchema)]
pub(crate) struct UpsertedContact {
    /// The person.
    contact: ContactAnswer,
    /// This call made the contact.
    created: bool,
}

/// People.
#[derive(Serialize, ToSchema)]
pub(crate) struct ContactsAnswer {
    /// Each once.
    contacts: Vec<ContactAnswer>,
}

/// A lead, and whether this call opened it.
#[derive(Serialize, ToSchema)]
pub(crate) struct LeadAnswer {
    /// The lead's id.
    #[schema(example = "led_01JB7Z9V3S2N8Q4T6W0XY5KCEM")]
    id: String,
    /// Whose it is, under the id that the lead was opened with.
    contact_id: String,
    /// When it was opened.
    #[schema(format = "date-time")]
    created_at: Option<String>,
    /// What they want.
    intent: String,
    /// As they said it.
    budget_range: String,
    /// As they said it.
    timeframe: String,
    /// The owner's own words.
    notes: String,
    /// Latest score, 0 to 1.
    score: Option<f64>,
    /// Highest score so far.
    highest_score: Option<f64>,
    /// Who in the agency takes care.
    owner: String,
    /// `new`, `qualified`, `booked`, `won` or `lost`; blank if nobody said.
    status: String,
    /// When they were last heard of.
    #[schema(format = "date-time")]
    last_touch: Option<String>,
    /// This call opened the lead.
    created: bool,
}

/// One row as the store has it.
#[derive(Serialize, ToSchema)]
pub(crate) struct RowAnswer {
    /// Its stable id.
    #[schema(example = "led_01JB7Z9V3S2N8Q4T6W0XY5KCEM")]
    id: String,
    /// Counted up with every change.
    version: u64,
    /// When what it tells happened.
    #[schema(format = "date-time")]
    occurred_at: Option<String>,
    /// Where it stands between the store and the spreadsheet: `pending`, `written`, `parked` or `deleted`.
    state: String,
    /// Cells by column. Money is `{"minor": 1050, "currency": "EUR"}`.
    #[schema(value_type = Object)]
    cells: Map<String, serde_json::Value>,
    /// Why the spreadsheet refused it; blank if it did not.
    error: String,
}

/// A page of rows, oldest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct RowsAnswer {
    /// The rows.
    rows: Vec<RowAnswer>,
    /// `after` of the next page; null when there are no more for now: ask again with the same `after` later.
    next: Option<String>,
}

// === impl ContactAnswer ===

impl From<Contact> for ContactAnswer {
    fn from(contact: Contact) -> Self {
        Self {
            id: contact.contact_id,
            created_at: time(contact.create_time),
            email: contact.email,
            phone: contact.phone,
            first_name: contact.first_name,
            last_name: contact.last_name,
            company: contact.company,
            source: contact.source,
            utm_source: contact.utm_source,
            utm_medium: contact.utm_medium,
            utm_campaign: contact.utm_campaign,
            tags: contact.tags,
        }
    }
}

impl UpsertedContact {
    pub(super) fn new(contact: Contact, created: bool) -> Self {
        Self { contact: contact.into(), created }
    }
}

impl From<Vec<Contact>> for ContactsAnswer {
    fn from(contacts: Vec<Contact>) -> Self {
        Self { contacts: contacts.into_iter().map(ContactAnswer::from).collect() }
    }
}

// === impl LeadAnswer ===

impl LeadAnswer {
    pub(super) fn new(lead: Lead, created: bool) -> Self {
        let status = match lead.status() {
            LeadStatus::Unspecified => String::new(),
            status => word(status.as_str_name(), LEAD_STATUS),
        };
        Self {
            id: lead.lead_id,
            contact_id: lead.contact_id,
            created_at: time(lead.create_time),
            intent: lead.intent,
            budget_range: lead.budget_range,
            timeframe: lead.timeframe,
            notes: lead.notes,
            score: lead.score,
            highest_score: lead.highest_score,
            owner: lead.owner,
            status,
            last_touch: time(lead.last_touch_time),
            created,
        }
    }
}

// === impl RowsAnswer ===

impl RowsAnswer {
    pub(super) fn new(rows: Vec<Row>, next: String) -> Self {
        let next = Some(next).filter(|next| !next.is_empty());
        Self { rows: rows.into_iter().map(RowAnswer::from).collect(), next }
    }
}

impl From<Row> for RowAnswer {
    fn from(row: Row) -> Self {
        Self {
            state: word(row.state().as_str_name(), ROW_STATE),
            id: row.row_id,
            version: row.version,
            occurred_at: time(row.occur_time),
            cells: row.cells.map(members).unwrap_or_default(),
            error: row.error,
        }
    }
}

/// The status of this name.
pub(super) fn lead_status(name: &str) -> Option<LeadStatus> {
    let known = ["new", "qualified", "booked", "won", "lost"].contains(&name);
    known.then(|| LeadStatus::from_str_name(&format!("{LEAD_STATUS}{}", name.to_ascii_uppercase()))).flatten()
}

/// The state of this name.
pub(super) fn row_state(name: &str) -> Option<RowState> {
    let known = ["pending", "written", "parked", "deleted"].contains(&name);
    known.then(|| RowState::from_str_name(&format!("{ROW_STATE}{}", name.to_ascii_uppercase()))).flatten()
}

/// `written` of `ROW_STATE_WRITTEN`.
fn word(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix).to_ascii_lowercase()
}

fn members(fields: Struct) -> Map<String, serde_json::Value> {
    fields.fields.into_iter().map(|(name, value)| (name, json(value))).collect()
}

fn json(value: Value) -> serde_json::Value {
    match value.kind {
        None | Some(Kind::NullValue(_)) => serde_json::Value::Null,
        Some(Kind::BoolValue(value)) => value.into(),
        Some(Kind::StringValue(text)) => text.into(),
        Some(Kind::NumberValue(number)) => {
            whole(number).map_or_else(|| number.into(), serde_json::Value::from)
        }
        Some(Kind::ListValue(list)) => list.values.into_iter().map(json).collect(),
        Some(Kind::StructValue(fields)) => members(fields).into(),
    }
}

/// The number as a whole one, if it is one that a float holds exactly.
fn whole(number: f64) -> Option<Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let is_whole = number.fract() == 0.0 && number.abs() <= EXACT;
    is_whole.then(|| Number::from(number as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_contract_has_its_own() {
        for name in ["new", "qualified", "booked", "won", "lost"] {
            assert_eq!(word(lead_status(name).unwrap().as_str_name(), LEAD_STATUS), name);
        }
        for name in ["pending", "written", "parked", "deleted"] {
            assert_eq!(word(row_state(name).unwrap().as_str_name(), ROW_STATE), name);
        }
        for unknown in ["", "unspecified", "Won"] {
            assert!(lead_status(unknown).is_none() && row_state(unknown).is_none(), "{unknown}");
        }
    }

    #[test]
    fn whole_numbers_stay_whole() {
        let number = |number| json(Value { kind: Some(Kind::NumberValue(number)) }).to_string();
        assert_eq!([number(1050.0), number(0.72), number(-3.0)], ["1050", "0.72", "-3"]);
    }
}
