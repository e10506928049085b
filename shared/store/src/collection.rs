//! A collection of one type of document.

use std::marker::PhantomData;

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Document, Error, Key, Op, Precondition, Store, Version, Write, read_body};

/// A named collection whose documents are `T`.
pub struct Collection<T> {
    name: &'static str,
    of: PhantomData<fn() -> T>,
}

/// A document that was found, and which state of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Found<T> {
    /// Its id within its collection.
    pub id: String,
    /// Which state of it this is.
    pub version: Version,
    /// The content.
    pub value: T,
}

impl<T> Collection<T> {
    /// The collection of this name.
    pub const fn new(name: &'static str) -> Self {
        Self { name, of: PhantomData }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The key of one of its documents.
    pub fn key(&self, id: impl Into<String>) -> Key {
        Key { collection: self.name, id: id.into() }
    }
}

impl<T: Serialize + DeserializeOwned> Collection<T> {
    /// Reads one document.
    pub async fn get(&self, store: &dyn Store, id: &str) -> Result<Option<Found<T>>, Error> {
        store.get(&self.key(id)).await?.map(|document| self.read(document)).transpose()
    }

    /// Reads `T` out of a document of this collection.
    pub fn read(&self, document: Document) -> Result<Found<T>, Error> {
        let value = read_body(format_args!("{}/{}", self.name, document.id), &document.body)?;
        Ok(Found { id: document.id, version: document.version, value })
    }

    /// The write that makes a document `value`.
    pub fn put(&self, id: impl Into<String>, value: &T, precondition: Precondition) -> Write {
        self.put_until(id, value, precondition, None)
    }

    /// As [`Self::put`]; the document counts as absent from `expires_at` on.
    pub fn put_until(
        &self,
        id: impl Into<String>,
        value: &T,
        precondition: Precondition,
        expires_at: Option<Timestamp>,
    ) -> Write {
        let body = serde_json::to_value(value).expect("a document type serializes to JSON");
        Write { key: self.key(id), precondition, op: Op::Put { body, expires_at } }
    }
}
