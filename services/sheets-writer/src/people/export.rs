//! Everything that the books keep about one person, as one JSON document.

use std::collections::BTreeSet;

use domain::{Cell, Tab};
use serde_json::{Map, Value, json};
use store::{Query, Store, Work};

use super::{
    identity::{BY_CONTACT, IDENTITIES},
    load,
};
use crate::{
    error::{Error, contact_unknown},
    leads,
    rows::{self, RowDoc, list::Filter},
    wire,
};

/// Tabs whose rows name a contact.
const OF_A_CONTACT: [Tab; 5] =
    [Tab::Leads, Tab::Engagements, Tab::Bookings, Tab::Subscriptions, Tab::Payments];

/// Rows that are read at once.
const PAGE: u32 = 500;

/// The document. Identities are told by their kind; their values stand in the contact or are kept as hashes alone.
pub(crate) async fn export(store: &dyn Store, contact_id: &str) -> Result<Value, Error> {
    let doc = load(&mut Work::new(store), contact_id).await?.ok_or_else(contact_unknown)?;
    let ids: Vec<&str> = [doc.id()].into_iter().chain(doc.aliases.iter().map(String::as_str)).collect();
    let mut export = Map::new();
    export.insert("contact".to_owned(), json!(doc.contact));
    export.insert("verified_whop_user_id".to_owned(), json!(doc.whop_user));
    export.insert("contact_ids".to_owned(), json!(ids));
    export.insert("identities".to_owned(), identities(store, &ids).await?);
    let mut sessions = BTreeSet::new();
    for tab in OF_A_CONTACT {
        let mut found = all_about(store, tab, &ids).await?;
        sessions.extend(found.iter().filter_map(session).map(str::to_owned));
        super::show_survivors(store, found.iter_mut()).await?;
        let shown = if tab == Tab::Leads { shown_leads(store, found).await? } else { shown(found) };
        export.insert(tab.to_string(), shown);
    }
    let sessions: Vec<&str> = sessions.iter().map(String::as_str).collect();
    let events = all_about(store, Tab::ChatEvents, &sessions).await?;
    export.insert(Tab::ChatEvents.to_string(), shown(events));
    Ok(Value::Object(export))
}

/// Kind and date of each identity, whichever of the ids it was tied to.
async fn identities(store: &dyn Store, ids: &[&str]) -> Result<Value, Error> {
    let mut found = Vec::new();
    for id in ids {
        let mut after = None;
        loop {
            let page = store.query(Query::new(&BY_CONTACT, [json!(id)]).limit(500).after(after)).await?;
            for document in page.documents {
                let tie = IDENTITIES.read(document)?.value;
                found.push((tie.kind, tie.since, tie.claimed));
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    found.sort();
    let told = |(kind, since, claimed): (super::Kind, jiff::Timestamp, bool)| json!({"kind": kind.as_str(), "since": since, "claimed": claimed});
    Ok(found.into_iter().map(told).collect())
}

async fn all_about(store: &dyn Store, tab: Tab, subjects: &[&str]) -> Result<Vec<RowDoc>, Error> {
    let mut found = Vec::new();
    for subject in subjects {
        let filter = Filter { subject: Some((*subject).to_owned()), ..Filter::default() };
        let mut after = None;
        loop {
            let (rows, next) = rows::list::list(store, tab, &filter, PAGE, after).await?;
            found.extend(rows);
            after = next;
            if after.is_none() {
                break;
            }
        }
    }
    found.sort_by(|one, other| (one.occurred_at, &one.id).cmp(&(other.occurred_at, &other.id)));
    Ok(found)
}

fn session(row: &RowDoc) -> Option<&str> {
    match row.cells.get("session_id") {
        Some(Cell::Text(session)) => Some(session),
        _ => None,
    }
}

fn shown(rows: Vec<RowDoc>) -> Value {
    rows.into_iter().map(|row| Value::Object(wire::cells_json(row.cells))).collect()
}

/// Leads with their highest score, which no row shows.
async fn shown_leads(store: &dyn Store, rows: Vec<RowDoc>) -> Result<Value, Error> {
    let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
    let views = leads::highest_scores(store, &ids).await?;
    let shown = rows.into_iter().map(|row| {
        let highest = views.get(&row.id).copied().flatten();
        let mut cells = wire::cells_json(row.cells);
        cells.insert("highest_score".to_owned(), json!(highest));
        Value::Object(cells)
    });
    Ok(shown.collect())
}
