//! Pages of threads and of the items that are shown.
//!
//! The invariant: a page is as long as was asked unless it is the last one, whatever is hidden.

use std::ops::Bound;

use serde_json::{Value, json};
use store::{Document, Error, Order, Query, Range};

use super::{
    Owner, Record, Threads,
    record::{BY_OWNER, BY_SIGHT, ITEMS, THREADS},
};
use crate::protocol::{Item, Page};

/// In which direction a list is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Oldest first.
    Ascending,
    /// Newest first.
    Descending,
}

/// Which page is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Paging {
    /// How long it shall be.
    pub(crate) limit: u32,
    /// In which direction.
    pub(crate) direction: Direction,
    /// Id of the last one of the page before.
    pub(crate) after: Option<String>,
}

impl From<Direction> for Order {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Ascending => Self::Ascending,
            Direction::Descending => Self::Descending,
        }
    }
}

impl Threads {
    /// One page of a thread's items, without hidden ones. `None` if there is no item `after`.
    pub(crate) async fn items(&self, thread: &str, paging: &Paging) -> Result<Option<Page<Item>>, Error> {
        let mut query =
            Query::new(&BY_SIGHT, [Value::from(thread), Value::from(false)]).limit(paging.limit + 1);
        query.order = paging.direction.into();
        if let Some(after) = &paging.after {
            let Some(last) = self.item(thread, after).await? else { return Ok(None) };
            query.range = Some(after_place(last.seq, paging.direction));
        }
        let found = self.store.query(query).await?.documents;
        let items = found
            .into_iter()
            .map(|document| Ok(ITEMS.read(document)?.value.item))
            .collect::<Result<_, Error>>()?;
        Ok(Some(page(items, paging.limit, |item: &Item| item.id().to_owned())))
    }

    /// One page of the threads of an owner. `None` if there is no thread `after`.
    pub(crate) async fn list(&self, owner: &Owner, paging: &Paging) -> Result<Option<Page<Record>>, Error> {
        let equal = [Value::from(owner.visitor.as_str()), Value::from(&*owner.workflow)];
        let mut query = Query::new(&BY_OWNER, equal).limit(paging.limit + 1);
        query.order = paging.direction.into();
        let last = match &paging.after {
            None => None,
            Some(after) => match self.find(owner, after).await? {
                None => return Ok(None),
                last => last,
            },
        };
        if let Some(last) = &last {
            query.range = Some(from_time(last.updated_us, paging.direction));
        }
        let wanted = paging.limit as usize + 1;
        let mut threads = Vec::new();
        loop {
            let found = self.store.query(query.clone()).await?;
            threads.extend(found.documents.into_iter().map(read).collect::<Result<Vec<_>, _>>()?);
            threads.retain(|thread: &Record| thread.updated_us > self.idle_since());
            if let Some(last) = &last {
                threads.retain(|thread| is_after(thread, last, paging.direction));
            }
            if threads.len() >= wanted || found.next.is_none() {
                break;
            }
            query.after = found.next;
        }
        threads.truncate(wanted);
        Ok(Some(page(threads, paging.limit, |record: &Record| record.thread.id.clone())))
    }
}

pub(super) fn read(document: Document) -> Result<Record, Error> {
    Ok(THREADS.read(document)?.value)
}

/// The places behind `seq`.
pub(super) fn after_place(seq: i64, direction: Direction) -> Range {
    let seq = Bound::Excluded(json!(seq));
    match direction {
        Direction::Ascending => Range { from: seq, to: Bound::Unbounded },
        Direction::Descending => Range { from: Bound::Unbounded, to: seq },
    }
}

fn from_time(us: i64, direction: Direction) -> Range {
    let us = Bound::Included(json!(us));
    match direction {
        Direction::Ascending => Range { from: us, to: Bound::Unbounded },
        Direction::Descending => Range { from: Bound::Unbounded, to: us },
    }
}

/// Threads of the same microsecond are told apart by their ids, as the index does.
fn is_after(thread: &Record, last: &Record, direction: Direction) -> bool {
    let place = |record: &Record| (record.updated_us, record.thread.id.clone());
    match direction {
        Direction::Ascending => place(thread) > place(last),
        Direction::Descending => place(thread) < place(last),
    }
}

/// The first `limit` of what was found; one more tells that there is more.
fn page<T>(mut found: Vec<T>, limit: u32, id: impl Fn(&T) -> String) -> Page<T> {
    let has_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let after = found.last().filter(|_| has_more).map(id);
    Page { data: found, has_more, after }
}
