//! By what a person can be found again in the till's documents when they are to be forgotten.
//!
//! Each trace is a document of its own, from one thing that somebody is known by (hashed) to one document. The invariant:
//! a document that names somebody has its traces from the very commit that names them.

use domain::id::digest;
use proto::common::v1::Person;
use serde::{Deserialize, Serialize};
use store::{Collection, Error, Index, Query, Store, Work};

use super::payment::Payer;
use crate::owner::Owner;

const TRACES: Collection<Trace> = Collection::new("traces");
/// The traces of one thing that somebody is known by.
pub(crate) static BY_KEY: Index =
    Index { collection: TRACES.name(), name: "by_key", fields: &["key"], orders: store::ASCENDING };
/// Most traces of a key that one step reads.
const PORTION: u32 = 100;

/// That somebody stands in a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trace {
    /// What they are known by, hashed.
    key: String,
    /// `chk_…`, `pi_…`, `in_…` or `sub_…`.
    pub(super) thing: String,
}

/// Notes as part of `work` that these stand in the document `thing`.
pub(super) async fn leave(
    work: &mut Work<'_>,
    thing: &str,
    owner: &Owner,
    payer: &Payer,
) -> Result<(), Error> {
    for key in keys_of(owner, payer) {
        let trace = Trace { thing: thing.to_owned(), key };
        let id = trace.id();
        if work.get(&TRACES, &id).await?.is_none() {
            work.put(&TRACES, &id, &trace);
        }
    }
    Ok(())
}

/// Some of a person's traces.
pub(super) async fn find(store: &dyn Store, person: &Person) -> Result<Vec<Trace>, Error> {
    for key in keys_of_person(person) {
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
pub(super) async fn remove(
    work: &mut Work<'_>,
    trace: &Trace,
    owner: &Owner,
    payer: &Payer,
) -> Result<(), Error> {
    let others = keys_of(owner, payer).into_iter().map(|key| Trace { key, thing: trace.thing.clone() });
    for id in others.map(|other| other.id()).chain([trace.id()]) {
        if work.get(&TRACES, &id).await?.is_some() {
            work.delete(&TRACES, &id);
        }
    }
    Ok(())
}

fn keys_of(owner: &Owner, payer: &Payer) -> Vec<String> {
    let known = [
        ("visitor", owner.visitor.clone()),
        ("whop_user", owner.whop_user.clone()),
        ("email", email(&payer.email)),
        ("phone", phone(&payer.phone)),
    ];
    known.iter().filter(|(_, value)| !value.is_empty()).map(|(kind, value)| digest(&[kind, value])).collect()
}

fn keys_of_person(person: &Person) -> impl Iterator<Item = String> + '_ {
    let visitors = person.visitor_ids.iter().map(|id| ("visitor", id.clone()));
    let users = person.whop_user_ids.iter().map(|id| ("whop_user", id.clone()));
    let emails = person.emails.iter().map(|text| ("email", email(text)));
    let phones = person.phones.iter().map(|text| ("phone", phone(text)));
    let all = visitors.chain(users).chain(emails).chain(phones);
    all.filter(|(_, value)| !value.is_empty()).map(|(kind, value)| digest(&[kind, &value]))
}

fn email(text: &str) -> String {
    text.trim().to_lowercase()
}

/// The digits, since some write a number with blanks and some without.
fn phone(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

// === impl Trace ===

impl Trace {
    fn id(&self) -> String {
        digest(&[&self.key, &self.thing])
    }
}
