//! Where a page ended: the position of its last document.
//!
//! A position and not a count, so the invariant: documents that come or go between two pages make no other document
//! appear twice or not at all. A cursor carries the query that it belongs to and is refused by any other.

use std::ops::Bound;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Document, Error, Order, Query, rules::Scalar};

/// The place of a document in the order of a query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Its values of the fields that the order goes by.
    pub(crate) at: Vec<Scalar>,
    /// Its id.
    pub(crate) id: String,
}

impl Position {
    /// `None` when the document has no place in an order by `fields`.
    pub(crate) fn of(document: &Document, fields: &[&str]) -> Option<Self> {
        let at = fields.iter().map(|field| Scalar::of(&document.body[*field])).collect::<Option<_>>()?;
        Some(Self { at, id: document.id.clone() })
    }
}

#[derive(Serialize, Deserialize)]
struct Cursor {
    of: Value,
    #[serde(flatten)]
    position: Position,
}

/// The cursor of the page that ends at `position`.
pub(crate) fn encode(position: Position, query: &Query) -> String {
    let cursor = Cursor { of: identity(query), position };
    BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor).expect("a cursor is plain JSON"))
}

/// The position in a cursor of this very query.
pub(crate) fn decode(text: &str, query: &Query) -> Result<Position, Error> {
    let ordered = query.index.fields.len().saturating_sub(query.equal.len());
    BASE64_URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .and_then(|json| serde_json::from_slice::<Cursor>(&json).ok())
        .filter(|cursor| cursor.of == identity(query) && cursor.position.at.len() == ordered)
        .map(|cursor| cursor.position)
        .ok_or_else(|| Error::Invalid("the cursor does not belong to this query".into()))
}

/// What makes two queries the same one, whatever the size of their pages.
fn identity(query: &Query) -> Value {
    let range = query.range.as_ref().map(|range| [bound(&range.from), bound(&range.to)]);
    let descending = query.order == Order::Descending;
    json!([query.index.collection, query.index.name, query.index.fields, query.equal, range, descending])
}

fn bound(bound: &Bound<Value>) -> Value {
    match bound {
        Bound::Included(value) => json!(["included", value]),
        Bound::Excluded(value) => json!(["excluded", value]),
        Bound::Unbounded => Value::Null,
    }
}
