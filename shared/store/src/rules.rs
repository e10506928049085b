//! The rules of [`crate::Store`] that hold for every engine.
//!
//! An engine asks here before it does anything, so the invariant: what one engine refuses as invalid, every other one
//! refuses too.

use std::{collections::HashSet, ops::Bound};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Error, Index, Key, Op, Order, Query, Range, Schema, Write,
    cursor::{self, Position},
};

/// Most bytes of a document's JSON.
const BODY: usize = 900_000;
/// Most bytes of an id.
const ID: usize = 256;
/// Most bytes of a text in an index. Firestore keeps no more than 1,500 of a value there.
const INDEXED: usize = 1_500;
/// Most documents of a page.
const PAGE: u32 = 1_000;
/// How deep a document may nest. A reader of JSON stops at 128, and what is written must be readable.
const DEPTH: usize = 100;

fn invalid<T>(why: impl Into<String>) -> Result<T, Error> {
    Err(Error::Invalid(why.into()))
}

/// Checks what a service declares.
pub(crate) fn check_schema(schema: &Schema) -> Result<(), Error> {
    if schema.version == 0 {
        return invalid("schema versions count from 1");
    }
    let mut seen = HashSet::new();
    for index in schema.indexes {
        let fields: HashSet<_> = index.fields.iter().collect();
        let named = is_name(index.collection) && is_name(index.name);
        if !named
            || index.orders.is_empty()
            || fields.len() != index.fields.len()
            || !index.fields.iter().all(|field| is_field(field))
        {
            return invalid(format!("index {}.{} is malformed", index.collection, index.name));
        }
        if !seen.insert((index.collection, index.name)) {
            return invalid(format!("index {}.{} is declared twice", index.collection, index.name));
        }
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_'))
}

fn is_field(name: &str) -> bool {
    let digit = name.starts_with(|first: char| first.is_ascii_digit());
    !name.is_empty() && !digit && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Checks the name of a document.
pub(crate) fn check_key(key: &Key) -> Result<(), Error> {
    if !is_name(key.collection) {
        return invalid("a collection's name is made of a-z and _");
    }
    if key.id.is_empty() || key.id.len() > ID || key.id.contains('/') {
        return invalid(format!("an id of {} is not 1 to {ID} bytes without /", key.collection));
    }
    Ok(())
}

/// Checks the writes of a commit, except for the size of their bodies.
pub(crate) fn check_writes(writes: &[Write], schema: &Schema) -> Result<(), Error> {
    let mut seen = HashSet::with_capacity(writes.len());
    for write in writes {
        check_key(&write.key)?;
        if !seen.insert(&write.key) {
            return invalid(format!("a document of {} is written twice", write.key.collection));
        }
        let Op::Put { body, expires_at } = &write.op else { continue };
        if expires_at.is_some() && !schema.expiring.contains(&write.key.collection) {
            return invalid(format!("documents of {} are not declared to expire", write.key.collection));
        }
        if let Some(field) = too_long_for_an_index(write.key.collection, body, schema) {
            return invalid(format!(
                "{field} of a document of {} is too long for an index",
                write.key.collection
            ));
        }
        if !body.is_object() || !nests_within(body, DEPTH) {
            return invalid(format!("a document of {} is no object or too deep", write.key.collection));
        }
    }
    Ok(())
}

/// An indexed field whose text Firestore would cut in its index.
fn too_long_for_an_index(collection: &str, body: &Value, schema: &Schema) -> Option<&'static str> {
    let of = |index: &&&Index| index.collection == collection;
    let mut fields = schema.indexes.iter().filter(of).flat_map(|index| index.fields);
    fields.find(|field| body[**field].as_str().is_some_and(|text| text.len() > INDEXED)).copied()
}

fn nests_within(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(items) => depth > 0 && items.iter().all(|item| nests_within(item, depth - 1)),
        Value::Object(fields) => depth > 0 && fields.values().all(|field| nests_within(field, depth - 1)),
        _ => true,
    }
}

/// The text of a document's body, if it is small enough.
pub(crate) fn encode(collection: &str, body: &Value) -> Result<String, Error> {
    let text = body.to_string();
    if text.len() > BODY {
        return invalid(format!("a document of {collection} has {} bytes, {BODY} at most", text.len()));
    }
    Ok(text)
}

/// A value that an index can hold. Values of different types are never equal and no range spans two types.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Scalar {
    /// True or false.
    Flag(bool),
    /// An integer.
    Integer(i64),
    /// A string, ordered by its bytes.
    Text(String),
}

impl Scalar {
    /// `None` when an index leaves the value out.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(flag) => Some(Self::Flag(*flag)),
            Value::Number(number) => number.as_i64().map(Self::Integer),
            Value::String(text) => Some(Self::Text(text.clone())),
            _ => None,
        }
    }
}

/// A query that keeps the rules.
pub(crate) struct Plan {
    pub(crate) index: &'static Index,
    pub(crate) equal: Vec<Scalar>,
    pub(crate) range: (Bound<Scalar>, Bound<Scalar>),
    pub(crate) order: Order,
    pub(crate) limit: usize,
    pub(crate) after: Option<Position>,
}

impl Plan {
    /// Checks a query against what its service has declared.
    pub(crate) fn new(query: &Query, schema: &Schema) -> Result<Self, Error> {
        let index = query.index;
        if !schema.indexes.contains(&index) {
            return invalid(format!("index {}.{} is not declared", index.collection, index.name));
        }
        if !index.orders.contains(&query.order) {
            return invalid(format!("index {}.{} is not read that way", index.collection, index.name));
        }
        let taken = query.equal.len() + usize::from(query.range.is_some());
        if taken > index.fields.len() {
            return invalid(format!("index {}.{} has fewer fields", index.collection, index.name));
        }
        if !(1..=PAGE).contains(&query.limit) {
            return invalid(format!("a page has 1 to {PAGE} documents"));
        }
        Ok(Self {
            index,
            equal: query.equal.iter().map(scalar).collect::<Result<_, _>>()?,
            range: query.range.as_ref().map_or(Ok((Bound::Unbounded, Bound::Unbounded)), bounds)?,
            order: query.order,
            limit: query.limit as usize,
            after: query.after.as_deref().map(|text| cursor::decode(text, query)).transpose()?,
        })
    }

    /// The fields that the order goes by, before the id.
    pub(crate) fn ordered(&self) -> &'static [&'static str] {
        &self.index.fields[self.equal.len()..]
    }
}

fn bounds(range: &Range) -> Result<(Bound<Scalar>, Bound<Scalar>), Error> {
    let (from, to) = (bound(&range.from)?, bound(&range.to)?);
    if let (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b) | Bound::Excluded(b)) = (&from, &to)
        && std::mem::discriminant(a) != std::mem::discriminant(b)
    {
        return invalid("a range has bounds of one type");
    }
    Ok((from, to))
}

fn bound(bound: &Bound<Value>) -> Result<Bound<Scalar>, Error> {
    Ok(match bound {
        Bound::Included(value) => Bound::Included(scalar(value)?),
        Bound::Excluded(value) => Bound::Excluded(scalar(value)?),
        Bound::Unbounded => Bound::Unbounded,
    })
}

fn scalar(value: &Value) -> Result<Scalar, Error> {
    Scalar::of(value).map_or_else(|| invalid("an index holds strings, integers and booleans"), Ok)
}
