//! Being forgotten: what is to be erased, what every service answered, and the receipt.
//!
//! An erasure is a document. While it is open it holds everything by which the person is known, since that must be told
//! to services which may not answer at once; once it has ended it holds the contact's id and numbers. Whoever runs the
//! system drives it. The invariant: an erasure ends only when nothing that names the person is left here, the
//! spreadsheet included, and no service that answered has said that it is not done.

mod belonging;
mod person;
mod stages;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use domain::{Fault, Kind, Reason, id::ErasureId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Attempts, Collection, Index, Order, Query, Store, Work};

use crate::{
    error::Error,
    people::{self, Known},
};
pub(crate) use person::Eraser;
use stages::Place;

const ERASURES: Collection<Erasure> = Collection::new("erasures");
/// The open ones and those that have ended, by when they began.
pub(crate) const BY_OPEN: Index = Index {
    collection: "erasures",
    name: "by_open",
    fields: &["open", "began_at"],
    orders: store::DESCENDING,
};

/// Longest name of a service, and longest reason of one, in characters.
const MAX_SERVICE: usize = 64;
const MAX_REASON: usize = 500;
/// Most kinds of things that a service counts.
const MAX_KINDS: usize = 50;

/// How many of each kind were blanked or deleted.
pub(crate) type Counts = BTreeMap<String, u64>;

/// One person's being forgotten.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Erasure {
    pub(crate) id: String,
    pub(crate) contact_id: String,
    pub(crate) open: bool,
    /// Microseconds, so that it sorts as a number.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub(crate) began_at: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
    /// Empty once it has ended.
    pub(crate) known: Known,
    /// In the order of the first answers.
    pub(crate) answers: Vec<Answer>,
    /// What was erased here so far.
    counts: Counts,
    /// How far it has come here.
    place: Place,
}

/// What a service answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) service: String,
    pub(crate) done: bool,
    pub(crate) erased: Counts,
    pub(crate) waiting_for: String,
    pub(crate) at: Timestamp,
}

// === impl Erasure ===

impl Erasure {
    fn new(contact_id: String, now: Timestamp) -> Self {
        // As it is read back.
        let now = Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now);
        Self {
            id: ErasureId::generate(now).to_string(),
            contact_id,
            open: true,
            began_at: now,
            ended_at: None,
            known: Known::default(),
            answers: Vec::new(),
            counts: Counts::new(),
            place: Place::default(),
        }
    }

    /// Takes in what else the person is known by. Whoever has answered has not heard of that; false if it is nothing.
    fn learn(&mut self, known: Known, now: Timestamp) -> bool {
        let grown = self.known.join(known);
        if grown {
            for answer in self.answers.iter_mut().filter(|answer| answer.done) {
                answer.done = false;
                "the person is known by more than it was told".clone_into(&mut answer.waiting_for);
                answer.at = now;
            }
        }
        grown
    }

    fn note(&mut self, answer: Answer) {
        match self.answers.iter_mut().find(|known| known.service == answer.service) {
            Some(known) => *known = answer,
            None => self.answers.push(answer),
        }
    }

    /// The first other service that is not done.
    fn unfinished(&self) -> Option<&str> {
        let others = self.answers.iter().filter(|answer| answer.service != crate::NAME);
        others.filter(|answer| !answer.done).map(|answer| answer.service.as_str()).next()
    }
}

/// Begins to forget a person, or answers the erasure that was begun.
pub(crate) async fn begin(store: &dyn Store, contact_id: &str, now: Timestamp) -> Result<Erasure, Error> {
    let mut attempts = Attempts::default();
    loop {
        let mut work = Work::new(store);
        let (contact_id, begun) = people::erasure_of(&mut work, contact_id).await?;
        let found = match &begun {
            Some(id) => work.get(&ERASURES, id).await?,
            None => None,
        };
        let is_new = found.is_none();
        let mut erasure = found.unwrap_or_else(|| Erasure::new(contact_id.clone(), now));
        if erasure.open && !erasure.place.is_cut() {
            let known = people::gather(&mut work, store, &contact_id).await?;
            if erasure.learn(known, now) || is_new {
                put(&mut work, &erasure, is_new);
            }
        }
        if is_new {
            people::mark_erasure(&mut work, &contact_id, &erasure.id).await?;
        }
        if attempts.commit(work).await? {
            if is_new {
                tracing::info!(erasure.id, contact.id = contact_id, "a person is to be forgotten");
            }
            return Ok(erasure);
        }
    }
}

fn put(work: &mut Work<'_>, erasure: &Erasure, is_new: bool) {
    if is_new {
        work.create(&ERASURES, &erasure.id, erasure);
    } else {
        work.put(&ERASURES, &erasure.id, erasure);
    }
}

/// Takes down what another service answered.
pub(crate) async fn record(store: &dyn Store, erasure_id: &str, answer: Answer) -> Result<Erasure, Error> {
    check(&answer)?;
    let mut attempts = Attempts::default();
    loop {
        let mut work = Work::new(store);
        let mut erasure = load(&mut work, erasure_id).await?;
        erasure.note(answer.clone());
        work.put(&ERASURES, erasure_id, &erasure);
        if attempts.commit(work).await? {
            return Ok(erasure);
        }
    }
}

fn check(answer: &Answer) -> Result<(), Fault> {
    let name = |text: &str| {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
        !text.is_empty() && text.len() <= MAX_SERVICE && text.bytes().all(allowed)
    };
    if !name(&answer.service) || answer.service == crate::NAME {
        return Err(Fault::invalid("service", "service must be the name of another service"));
    }
    if answer.erased.len() > MAX_KINDS || !answer.erased.keys().all(|kind| name(kind)) {
        return Err(Fault::invalid("erased", "erased must name kinds by a-z 0-9 _ -, at most 50 of them"));
    }
    if answer.waiting_for.chars().count() > MAX_REASON {
        return Err(Fault::invalid(
            "waiting_for",
            format!("waiting_for must be at most {MAX_REASON} characters"),
        ));
    }
    Ok(())
}

/// One erasure.
pub(crate) async fn get(store: &dyn Store, erasure_id: &str) -> Result<Erasure, Error> {
    load(&mut Work::new(store), erasure_id).await
}

async fn load(work: &mut Work<'_>, erasure_id: &str) -> Result<Erasure, Error> {
    let unknown = || Fault::new(Kind::NotFound, Reason::ErasureUnknown, "there is no such erasure");
    domain::id::check(erasure_id).map_err(|_| unknown())?;
    Ok(work.get(&ERASURES, erasure_id).await?.ok_or_else(unknown)?)
}

/// One page of the erasures, the open ones first, the newest first, and the cursor of the next.
pub(crate) async fn list(
    store: &dyn Store,
    open_only: bool,
    limit: u32,
    after: Option<String>,
) -> Result<(Vec<Erasure>, Option<String>), store::Error> {
    let query = Query::new(&BY_OPEN, open_only.then_some(json!(true))).limit(limit).after(after);
    let page = store.query(Query { order: Order::Descending, ..query }).await?;
    let found = page.documents.into_iter().map(|document| Ok(ERASURES.read(document)?.value));
    Ok((found.collect::<Result<_, store::Error>>()?, page.next))
}
