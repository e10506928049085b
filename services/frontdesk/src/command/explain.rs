//! `frontdesk explain`: one screen about one row, from the ad click to the cell.
//!
//! What belongs to a row follows from its own cells: its contact, everything of that contact, and the events of those
//! sessions. The invariant: nothing is guessed; what is not known is left out.

use std::collections::BTreeSet;

use domain::{Tab, id::EngagementId};
use serde_json::{Value, json};

use super::{
    Answer, Desk, Failure,
    progress::Progress,
    say::{described, said},
    table,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  frontdesk explain led_01JB7Z9V3S2N8Q4T6W0XY5KCEM
  frontdesk explain evt_ee9da4eb5343 --json | jq .made_by";

/// Lines of the story on one screen; JSON has all.
const LINES: usize = 30;
/// The rpc that everything is read with.
const LIST: &str = "LedgerService/ListRows";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The row's id, as in the column id of its tab
    row_id: String,
}

pub(super) async fn run(desk: &Desk, args: &Args) -> Result<Answer, Failure> {
    let Some(row) = find(desk, &args.row_id).await? else {
        return Err(Failure::Absent(format!("no tab has a row {}", table::plain(&args.row_id))));
    };
    let status = desk.call("LedgerService/GetLedgerStatus", json!({})).await?;
    let contact = contact_of(desk, &row).await?;
    let story = story(desk, &row, &contact).await?;
    let made_by = maker(&row, &story).cloned().unwrap_or(Value::Null);
    let text = page(&row, &contact, &story, &made_by, &status);
    let json = json!({
        "row": row, "contact": contact, "made_by": made_by, "story": story, "ledger": status,
    });
    Ok(Answer::new(json, text))
}

/// The row of this id, whichever tab has it.
async fn find(desk: &Desk, row_id: &str) -> Result<Option<Value>, Failure> {
    let mut progress = Progress::of("rows searched");
    let (mut searched, mut found) = (0, None);
    for tab in Tab::ALL {
        let take = |row: Value| {
            searched += 1;
            progress.at(searched, None);
            if row["row_id"] == row_id {
                found = Some(row);
                return false;
            }
            true
        };
        desk.each(LIST, &json!({"tab": tab}), "rows", take).await?;
        if found.is_some() {
            break;
        }
    }
    Ok(found)
}

async fn contact_of(desk: &Desk, row: &Value) -> Result<Value, Failure> {
    let id = if row["tab"] == "contacts" { said(&row["row_id"]) } else { cell(row, "contact_id") };
    if id.is_empty() {
        return Ok(Value::Null);
    }
    match desk.call("ContactService/GetContact", json!({"contact_id": id})).await {
        Ok(mut found) => Ok(found["contact"].take()),
        // A row may name a contact that this system never made.
        Err(Failure::Absent(_)) => Ok(Value::Null),
        Err(failure) => Err(failure),
    }
}

/// Everything of the same contact and the same sessions, in the order in which it happened.
async fn story(desk: &Desk, row: &Value, contact: &Value) -> Result<Vec<Value>, Failure> {
    let mut ids = BTreeSet::from([cell(row, "contact_id"), said(&contact["contact_id"])]);
    ids.remove("");
    let mut sessions = BTreeSet::from([cell(row, "session_id")]);
    let mut story = Vec::new();
    let own = [Tab::Leads, Tab::Engagements, Tab::Bookings, Tab::Subscriptions, Tab::Payments];
    for (id, tab) in ids.iter().flat_map(|id| own.map(|tab| (id, tab))) {
        let take = |row: Value| {
            sessions.insert(cell(&row, "session_id"));
            story.push(row);
            true
        };
        desk.each(LIST, &json!({"tab": tab, "contact_id": id}), "rows", take).await?;
    }
    sessions.remove("");
    for session in &sessions {
        let take = |event: Value| {
            story.push(event);
            true
        };
        desk.each(LIST, &json!({"tab": Tab::ChatEvents, "contact_id": session}), "rows", take).await?;
    }
    story.sort_by_key(|row| said(&row["occur_time"]));
    Ok(story)
}

/// The event that made a row, where the row's id says so.
fn maker<'a>(row: &Value, story: &'a [Value]) -> Option<&'a Value> {
    let id = row["row_id"].as_str()?;
    let made = |event: &&Value| {
        let event_id = said(&event["row_id"]);
        event["tab"] == "chat_events" && EngagementId::derive(&[&event_id]).as_str() == id
    };
    story.iter().find(made)
}

fn cell(row: &Value, column: &str) -> String {
    said(&row["cells"][column])
}

fn page(row: &Value, contact: &Value, story: &[Value], made_by: &Value, status: &Value) -> String {
    let mut own = vec![
        ("tab", said(&row["tab"])),
        ("id", said(&row["row_id"])),
        ("happened", said(&row["occur_time"])),
        ("version", said(&row["version"])),
        ("in the sheet", standing(row, status)),
    ];
    if !made_by.is_null() {
        own.push(("made by", said(&made_by["row_id"])));
    }
    let cells = row["cells"].as_object().into_iter().flatten();
    let cells = cells.map(|(name, value)| (name.as_str(), said(value)));
    own.extend(cells.filter(|(name, value)| *name != "id" && !value.is_empty()));
    let mut page = table::fields(own);
    if !contact.is_null() && row["tab"] != "contacts" {
        page.push_str(&format!("\n\nCONTACT\n{}", described(contact)));
    }
    if !story.is_empty() {
        let from = story.len().saturating_sub(LINES);
        let names = ["", "when", "tab", "id", "what", "state"];
        let lines: Vec<_> = story[from..].iter().map(|other| line(other, row)).collect();
        page.push_str(&format!("\n\nSTORY\n{}", table::rows(&names, &lines)));
    }
    page
}

/// A line of the story; the row itself is marked.
fn line(other: &Value, row: &Value) -> Vec<String> {
    let same = other["row_id"] == row["row_id"] && other["tab"] == row["tab"];
    let what: Vec<String> = ["type", "intent", "outcome", "meeting_type", "product", "amount", "status"]
        .into_iter()
        .map(|column| cell(other, column))
        .filter(|value| !value.is_empty())
        .collect();
    let mark = if same { ">" } else { "" };
    let [when, tab, id, state] = ["occur_time", "tab", "row_id", "state"].map(|name| said(&other[name]));
    vec![mark.to_owned(), when, tab, id, what.join(" · "), state]
}

/// Where the row stands between the store and the spreadsheet, in words.
fn standing(row: &Value, status: &Value) -> String {
    let blocked = said(&status["blocked"]);
    match row["state"].as_str() {
        Some("pending") if !blocked.is_empty() => format!("waits: {blocked}"),
        Some("pending") => format!("waits for batch {} or a later one", said(&status["next_batch"])),
        Some("parked") => format!("refused: {}", said(&row["error"])),
        Some("deleted") => "a person deleted it, and it stays deleted".to_owned(),
        _ => said(&row["state"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_waits_says_for_what() {
        let row = |state: &str| json!({"state": state, "error": "too long"});
        let free = json!({"blocked": "", "next_batch": 7});
        assert_eq!(standing(&row("pending"), &free), "waits for batch 7 or a later one");
        let blocked = json!({"blocked": "Google Sheets answered 403", "next_batch": 7});
        assert_eq!(standing(&row("pending"), &blocked), "waits: Google Sheets answered 403");
        assert_eq!(standing(&row("parked"), &free), "refused: too long");
        assert_eq!(standing(&row("written"), &free), "written");
    }

    #[test]
    fn an_engagement_names_its_event() {
        let event = |id: &str| json!({"tab": "chat_events", "row_id": id});
        let story = [event("evt_1"), event("evt_2")];
        let row = json!({"row_id": EngagementId::derive(&["evt_2"]).as_str()});
        assert_eq!(maker(&row, &story), Some(&story[1]));
        assert_eq!(maker(&json!({"row_id": "led_1"}), &story), None);
    }
}
