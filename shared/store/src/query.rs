//! Queries: each names an index that its service has declared.

use std::ops::Bound;

use serde_json::Value;

use crate::Document;

/// An index over some top-level fields of a collection, in this order, then the id. Only strings, integers and
/// booleans are indexed.
#[derive(Debug, PartialEq, Eq)]
pub struct Index {
    /// The collection.
    pub collection: &'static str,
    /// The index's own name, unique within the collection: `a-z` and `_`.
    pub name: &'static str,
    /// The fields.
    pub fields: &'static [&'static str],
    /// In which directions it is read: one of [`ASCENDING`], [`DESCENDING`] and [`BOTH`]. In Firestore each is an
    /// index of its own.
    pub orders: &'static [Order],
}

/// [`Index::orders`] of an index that is read from its beginning.
pub const ASCENDING: &[Order] = &[Order::Ascending];
/// [`Index::orders`] of an index that is read from its end.
pub const DESCENDING: &[Order] = &[Order::Descending];
/// [`Index::orders`] of an index that is read both ways.
pub const BOTH: &[Order] = &[Order::Ascending, Order::Descending];

/// A range of the field that follows the equal ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// From.
    pub from: Bound<Value>,
    /// To.
    pub to: Bound<Value>,
}

/// In which direction the index is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Smallest first.
    #[default]
    Ascending,
    /// Largest first.
    Descending,
}

/// A question to a store.
#[derive(Clone, Debug)]
pub struct Query {
    /// Which index answers it.
    pub index: &'static Index,
    /// Values of the index's first fields, in their order.
    pub equal: Vec<Value>,
    /// Range of the field after those.
    pub range: Option<Range>,
    /// The order: the remaining fields, then the id.
    pub order: Order,
    /// At most this many documents, 1 to 1000.
    pub limit: u32,
    /// `next` of the page before.
    pub after: Option<String>,
}

impl Query {
    /// All documents whose first index fields equal `equal`, at most 100, ascending.
    pub fn new(index: &'static Index, equal: impl IntoIterator<Item = Value>) -> Self {
        Self {
            index,
            equal: equal.into_iter().collect(),
            range: None,
            order: Order::Ascending,
            limit: 100,
            after: None,
        }
    }

    /// Sets the most documents of a page.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    /// Continues after a page.
    pub fn after(mut self, cursor: Option<String>) -> Self {
        self.after = cursor;
        self
    }
}

/// What a query found.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The documents, in the query's order.
    pub documents: Vec<Document>,
    /// Cursor of the next page; `None` when there is none.
    pub next: Option<String>,
}
