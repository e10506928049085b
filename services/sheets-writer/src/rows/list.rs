//! Lists of rows, and rows that get another chance.

use std::ops::Bound;

use domain::{Cell, Tab};
use jiff::Timestamp;
use serde_json::json;
use store::{Attempts, Error, Order, Query, Range, Store, Work};

use super::{BY_STATE, BY_SUBJECT, BY_TAB, ROWS, RowDoc, RowKey, State};

/// Most documents of one commit.
const MOST_AT_ONCE: usize = 100;

/// Which rows of a tab.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    /// The contact, or the chat session, that they are about. Not together with `state`.
    pub(crate) subject: Option<String>,
    pub(crate) state: Option<State>,
    /// What their column `status` says.
    pub(crate) status: Option<String>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
    pub(crate) newest_first: bool,
}

// === impl Filter ===

impl Filter {
    pub(super) fn query(&self, tab: Tab) -> Query {
        let mut query = match (&self.subject, self.state) {
            (Some(subject), _) => Query::new(&BY_SUBJECT, [json!(tab), json!(subject)]),
            (None, Some(state)) => Query::new(&BY_STATE, [json!(tab), json!(state)]),
            (None, None) => Query::new(&BY_TAB, [json!(tab)]),
        };
        let at = |time: Timestamp| json!(time.as_microsecond());
        if self.from.is_some() || self.to.is_some() {
            let from = self.from.map_or(Bound::Unbounded, |from| Bound::Included(at(from)));
            let to = self.to.map_or(Bound::Unbounded, |to| Bound::Excluded(at(to)));
            query.range = Some(Range { from, to });
        }
        if self.newest_first {
            query.order = Order::Descending;
        }
        query
    }

    /// A row as it is listed, if it is one that is asked for.
    pub(super) fn pick(&self, doc: RowDoc) -> Option<RowDoc> {
        let says = |status: &String| matches!(doc.cell("status"), Cell::Text(text) if text == status);
        self.status.as_ref().is_none_or(says).then(|| RowDoc { cells: doc.merged(), ..doc })
    }
}

/// One page of a tab's rows with what people typed, and the cursor of the next.
pub(crate) async fn list(
    store: &dyn Store,
    tab: Tab,
    filter: &Filter,
    limit: u32,
    after: Option<String>,
) -> Result<(Vec<RowDoc>, Option<String>), Error> {
    let page = store.query(filter.query(tab).limit(limit).after(after)).await?;
    let mut rows = Vec::new();
    for document in page.documents {
        rows.extend(filter.pick(ROWS.read(document)?.value));
    }
    Ok((rows, page.next))
}

/// Changes rows that `with` says something about, as many at once as a commit takes; answers how many it changed.
pub(crate) async fn change(
    store: &dyn Store,
    keys: &[RowKey],
    with: impl Fn(&mut RowDoc) -> bool,
) -> Result<i32, Error> {
    let mut changed = 0;
    for keys in keys.chunks(MOST_AT_ONCE) {
        let mut attempts = Attempts::default();
        changed += loop {
            let mut work = Work::new(store);
            work.prefetch(keys.iter().map(|key| ROWS.key(key.doc_id())).collect()).await?;
            let mut changed = 0;
            for key in keys {
                let Some(mut doc) = work.get(&ROWS, &key.doc_id()).await? else { continue };
                if with(&mut doc) {
                    work.put(&ROWS, &key.doc_id(), &doc);
                    changed += 1;
                }
            }
            if changed == 0 || attempts.commit(work).await? {
                break changed;
            }
        };
    }
    Ok(changed)
}

/// All parked rows of `tabs` wait again; answers how many.
pub(crate) async fn retry_all(store: &dyn Store, tabs: &[Tab]) -> Result<i32, Error> {
    let mut retried = 0;
    for tab in tabs {
        let mut after = None;
        loop {
            let filter = Filter { state: Some(State::Parked), ..Filter::default() };
            let (rows, next) = list(store, *tab, &filter, MOST_AT_ONCE as u32, after).await?;
            let keys: Vec<RowKey> = rows.iter().map(RowDoc::key).collect();
            retried += change(store, &keys, RowDoc::retry).await?;
            after = next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(retried)
}
