//! By what a person can be found again in documents when they are to be forgotten.
//!
//! Each trace is a document of its own, from one thing that somebody is known by (hashed) to one document. The invariant:
//! a document that names somebody has its traces from the very commit that names them.

use domain::id::digest;
use proto::common::v1::Person;
use serde::{Deserialize, Serialize};
use store::{Collection, Error, Index, Query, Store, Work};

use crate::{known::Known, owner::Owner};

const TRACES: Collection<Trace> = Collection::new("traces");
/// The traces of one thing that somebody is known by.
pub static BY_KEY: Index =
    Index { collection: TRACES.name(), name: "by_key", fields: &["key"], orders: store::ASCENDING };
/// Most traces of a key that one step reads.
const PORTION: u32 = 100;

/// That somebody stands in a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// What they are known by, hashed.
    key: String,
    /// The document's id, which says by its beginning what it is.
    pub thing: String,
}

/// Notes as part of `work` that these stand in the document `thing`.
pub async fn leave(
    work: &mut Work<'_>,
    thing: &str,
    owner: &Owner,
    email: &str,
    phone: &str,
) -> Result<(), Error> {
    for key in keys_of(owner, email, phone) {
        let trace = Trace { thing: thing.to_owned(), key };
        let id = trace.id();
        if work.get(&TRACES, &id).await?.is_none() {
            work.put(&TRACES, &id, &trace);
        }
    }
    Ok(())
}

/// Some of a person's traces.
pub async fn find(store: &dyn Store, person: &Person) -> Result<Vec<Trace>, Error> {
    for key in Known::of(person).iter().map(key) {
        let page = store.query(Query::new(&BY_KEY, [key.into()]).limit(PORTION)).await?;
        let found: Vec<Trace> = page
            .documents
            .into_iter()
            .map(|one| Ok(TRACES.read(one)?.value))
            .collect::<Result<_, Error>>()?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// Removes as part of `work` a trace, and with it what these have left in the same document.
pub async fn remove(
    work: &mut Work<'_>,
    trace: &Trace,
    owner: &Owner,
    email: &str,
    phone: &str,
) -> Result<(), Error> {
    let others =
        keys_of(owner, email, phone).into_iter().map(|key| Trace { key, thing: trace.thing.clone() });
    for id in others.map(|other| other.id()).chain([trace.id()]) {
        if work.get(&TRACES, &id).await?.is_some() {
            work.delete(&TRACES, &id);
        }
    }
    Ok(())
}

fn keys_of(owner: &Owner, email: &str, phone: &str) -> Vec<String> {
    Known::in_document(owner, email, phone).iter().map(key).collect()
}

fn key(known: &Known) -> String {
    known.hash(TRACES.name())
}

// === impl Trace ===

impl Trace {
    /// Whether it is of somebody whom a document names.
    pub fn is_of(&self, owner: &Owner, email: &str, phone: &str) -> bool {
        keys_of(owner, email, phone).contains(&self.key)
    }

    fn id(&self) -> String {
        digest(&[&self.key, &self.thing])
    }
}
