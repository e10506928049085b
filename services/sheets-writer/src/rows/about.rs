//! Rows about one contact, under whatever ids they were written, as one list.
//!
//! A page goes on after a place in the list, not after a place in a query: so the pages of one list fit together even
//! if the contact is merged into another between them. The invariant: a row that stands in the list from its first
//! page to its last is in it once.

use std::cmp::Ordering;

use domain::{Cell, Row, Tab, id};
use jiff::Timestamp;
use store::{Error, Store};

use super::{ROWS, RowDoc, list::Filter, subject};
use crate::people;

/// Tabs whose rows name a contact.
pub(crate) const OF_A_CONTACT: [Tab; 5] =
    [Tab::Leads, Tab::Engagements, Tab::Bookings, Tab::Subscriptions, Tab::Payments];
/// Documents of one query, at most.
const MOST: u32 = 1_000;

/// The contact that a row names; an event names it in what it says.
pub(crate) fn contact(row: &Row) -> Option<String> {
    let payload = match row.cells.get("payload_json") {
        Some(Cell::Text(text)) if row.tab == Tab::ChatEvents => text,
        _ => return subject(row.tab, &row.cells),
    };
    let payload: serde_json::Value = serde_json::from_str(payload).ok()?;
    payload["contact_id"].as_str().map(|id| id.trim().to_owned())
}

/// Where a row stands in a list: by age, then by document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    micros: i64,
    doc_id: String,
}

impl Place {
    fn of(doc: &RowDoc) -> Self {
        Self { micros: doc.occurred_at.as_microsecond(), doc_id: doc.key().doc_id() }
    }

    /// The token of the page that follows; `list` is what it belongs to.
    fn token(&self, list: &str) -> String {
        format!("{}.{}.{list}", self.micros, self.doc_id)
    }

    fn read(token: &str, list: &str) -> Result<Self, Error> {
        let parts: Vec<&str> = token.split('.').collect();
        let place = match parts[..] {
            [micros, doc_id, of] if of == list => {
                let time = micros.parse().ok().filter(|micros| Timestamp::from_microsecond(*micros).is_ok());
                time.map(|micros| Self { micros, doc_id: doc_id.to_owned() })
            }
            _ => None,
        };
        place.ok_or_else(|| Error::Invalid("the cursor is not from this list".to_owned()))
    }

    fn compare(&self, other: &Self, newest_first: bool) -> Ordering {
        if newest_first { other.cmp(self) } else { self.cmp(other) }
    }
}

/// What a token belongs to.
fn identity(tab: Tab, contact_id: &str, filter: &Filter) -> String {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
    let order = if filter.newest_first { "newest" } else { "oldest" };
    let status = filter.status.as_deref().unwrap_or_default();
    id::digest(&["list", tab.as_str(), contact_id, &time(filter.from), &time(filter.to), order, status])
}

/// One page of a tab's rows about a contact and those that were merged into it, and the token of the next.
///
/// # Errors
/// The store's; [`Error::Invalid`] for a token of another list.
pub(crate) async fn list(
    store: &dyn Store,
    tab: Tab,
    contact_id: &str,
    filter: &Filter,
    limit: u32,
    after: Option<String>,
) -> Result<(Vec<RowDoc>, Option<String>), Error> {
    let of = identity(tab, contact_id, filter);
    let after = after.map(|token| Place::read(&token, &of)).transpose()?;
    let mut found = Vec::new();
    for id in people::ids(store, contact_id).await? {
        let filter = Filter { subject: Some(id), ..filter.clone() };
        found.extend(next(store, tab, &filter, limit as usize + 1, after.as_ref()).await?);
    }
    found.sort_by(|(one, _), (other, _)| one.compare(other, filter.newest_first));
    let is_last = found.len() <= limit as usize;
    found.truncate(limit as usize);
    let token = found.last().filter(|_| !is_last).map(|(place, _)| place.token(&of));
    Ok((found.into_iter().filter_map(|(_, doc)| filter.pick(doc)).collect(), token))
}

/// The rows under one id that follow a place, at most `most`.
async fn next(
    store: &dyn Store,
    tab: Tab,
    filter: &Filter,
    most: usize,
    after: Option<&Place>,
) -> Result<Vec<(Place, RowDoc)>, Error> {
    let mut filter = filter.clone();
    if let Some(Place { micros, .. }) = after {
        // What stands at the same moment may be on either side.
        if filter.newest_first {
            filter.to = Timestamp::from_microsecond(micros.saturating_add(1)).ok();
        } else {
            filter.from = Timestamp::from_microsecond(*micros).ok();
        }
    }
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let query = filter.query(tab).limit((most as u32).min(MOST)).after(cursor);
        let page = store.query(query).await?;
        for document in page.documents {
            let doc = ROWS.read(document)?.value;
            let place = Place::of(&doc);
            if after.is_none_or(|after| place.compare(after, filter.newest_first).is_gt()) {
                found.push((place, doc));
            }
        }
        cursor = page.next;
        if cursor.is_none() || found.len() >= most {
            return Ok(found);
        }
    }
}
