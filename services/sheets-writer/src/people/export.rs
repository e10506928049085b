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
    rows::{self, RowDoc, about::OF_A_CONTACT, list::Filter},
    wire,
};

/// Rows that are read at once.
const PAGE: u32 = 500;

/// The document. The value of an identity is blank where an older version kept its hash alone.
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
    export.insert(Tab::ChatEvents.to_string(), shown(events(store, doc.id(), sessions).await?));
    Ok(Value::Object(export))
}

/// The events that would go if the person were forgotten: in a session others may have spoken, and much was told
/// outside of any.
async fn events(
    store: &dyn Store,
    contact_id: &str,
    sessions: BTreeSet<String>,
) -> Result<Vec<RowDoc>, Error> {
    let mut work = Work::new(store);
    let mut known = super::gather(&mut work, store, contact_id).await?;
    for session in sessions {
        if super::forgetting::may_have(&mut work, &session, &known.contact_ids).await? {
            known.sessions.insert(session);
        }
    }
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = rows::list::list(store, Tab::ChatEvents, &Filter::default(), PAGE, after).await?;
        found.extend(known.own(&mut Work::new(store), page.0).await?);
        after = page.1;
        if after.is_none() {
            return Ok(found);
        }
    }
}

/// Kind, date and value of each identity, whichever of the ids it was tied to.
async fn identities(store: &dyn Store, ids: &[&str]) -> Result<Value, Error> {
    let mut found = Vec::new();
    for id in ids {
        let mut after = None;
        loop {
            let page = store.query(Query::new(&BY_CONTACT, [json!(id)]).limit(500).after(after)).await?;
            for document in page.documents {
                let tie = IDENTITIES.read(document)?.value;
                found.push((tie.kind, tie.since, tie.claimed, tie.value));
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    found.sort();
    let told = |(kind, since, claimed, value): (super::Kind, jiff::Timestamp, bool, String)| json!({"kind": kind.as_str(), "since": since, "claimed": claimed, "value": value});
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
