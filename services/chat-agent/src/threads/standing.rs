//! How threads stand with people: one commit for every change of it, and what is asked about all of them.

use std::ops::Bound;

use serde_json::{Value, json};
use store::{Attempts, Error, Order, Query, Range, Work};

use super::{
    Edit, Owner, Record, Threads,
    pages::read,
    record::{BY_AGE, BY_ATTENTION, BY_OWNER, ITEMS, THREADS, item_key},
};
use crate::{
    hand_off::{Standing, Times},
    protocol::Item,
};

/// What became of a change.
pub(crate) struct Stood {
    /// The thread as it is now.
    pub(crate) record: Record,
    /// The items that this has put into it.
    pub(crate) put: Vec<Item>,
    /// What was there already; nothing was changed then.
    pub(crate) there: Option<Item>,
}

/// Records, and the cursor of the next ones.
type Found = (Vec<Record>, Option<String>);

// === impl Threads ===

impl Threads {
    /// How long hand-offs may take.
    pub(crate) fn times(&self) -> Times {
        self.times
    }

    /// These threads with other times for hand-offs.
    pub(crate) fn with_times(self, times: Times) -> Self {
        Self { times, ..self }
    }

    /// Changes how a thread stands with people and puts the items that follow from it. If the first of them is there
    /// already, nothing changes. `None` if there is no such thread, or it is not the owner's.
    pub(crate) async fn stand(
        &self,
        owner: Option<&Owner>,
        id: &str,
        change: impl Fn(&mut Standing) -> Vec<Item> + Send + Sync,
    ) -> Result<Option<Stood>, Error> {
        if domain::id::check(id).is_err() {
            return Ok(None);
        }
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            let idle = self.idle_since();
            let found: Option<Record> = work.get(&THREADS, id).await?;
            let found = found.filter(|record| record.updated_us > idle);
            let Some(mut record) = found.filter(|record| owner.is_none_or(|owner| record.belongs_to(owner)))
            else {
                return Ok(None);
            };
            let before = record.standing.clone();
            let put = change(&mut record.standing);
            if let Some(first) = put.first()
                && let Some(placed) = work.get(&ITEMS, &item_key(id, first.id())).await?
            {
                record.standing = before;
                return Ok(Some(Stood { record, put: Vec::new(), there: Some(placed.item) }));
            }
            if put.is_empty() && record.standing == before {
                return Ok(Some(Stood { record, put, there: None }));
            }
            if put.is_empty() {
                // what nobody sees does not make it younger
                self.keep(&mut work, &record);
            } else {
                let edits: Vec<_> = put.iter().cloned().map(Edit::Put).collect();
                self.apply(&mut work, &mut record, &edits).await?;
            }
            if attempts.commit(work).await? {
                return Ok(Some(Stood { record, put, there: None }));
            }
        }
    }

    /// A thread, whoever's it is.
    pub(crate) async fn any(&self, id: &str) -> Result<Option<Record>, Error> {
        if domain::id::check(id).is_err() {
            return Ok(None);
        }
        let idle = self.idle_since();
        let found = THREADS.get(&*self.store, id).await?.map(|found| found.value);
        Ok(found.filter(|record| record.updated_us > idle))
    }

    /// Threads that somebody has to look at, the longest ones first.
    pub(crate) async fn attended(&self, limit: u32, after: Option<String>) -> Result<Found, Error> {
        let since = Range { from: Bound::Included(json!(0)), to: Bound::Unbounded };
        let query = Query { range: Some(since), ..Query::new(&BY_ATTENTION, []) };
        self.found(query.limit(limit).after(after)).await
    }

    /// All threads, the youngest first, at most `limit` of them.
    pub(crate) async fn youngest(&self, limit: u32, after: Option<String>) -> Result<Found, Error> {
        let query = Query { order: Order::Descending, ..Query::new(&BY_AGE, []) };
        self.found(query.limit(limit).after(after)).await
    }

    /// The threads of a visitor in a workflow that were touched at `until`, in microseconds, or before it, the youngest
    /// first, at most `limit` of them.
    pub(crate) async fn of_visitor(
        &self,
        visitor: &str,
        workflow: &str,
        limit: u32,
        until: Option<i64>,
    ) -> Result<Vec<Record>, Error> {
        let to = until.map_or(Bound::Unbounded, |until| Bound::Included(json!(until)));
        let range = until.is_some().then_some(Range { from: Bound::Unbounded, to });
        let equal = [Value::from(visitor), Value::from(workflow)];
        let query = Query { range, order: Order::Descending, ..Query::new(&BY_OWNER, equal) };
        Ok(self.found(query.limit(limit)).await?.0)
    }

    async fn found(&self, query: Query) -> Result<Found, Error> {
        let page = self.store.query(query).await?;
        let mut records = page.documents.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let idle = self.idle_since();
        records.retain(|record| record.updated_us > idle);
        Ok((records, page.next))
    }
}
