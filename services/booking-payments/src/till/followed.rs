//! Up to which event a thing of Stripe's was followed, and in which documents of ours that ended.
//!
//! The inbox knows that a message was worked on; what came of it stands here. The invariant: this is committed after the
//! documents that it names, so a document that is missing, or older than it was then, is seen.

use std::collections::HashMap;

use jiff::SignedDuration;
use providers::error::Error;
use serde::{Deserialize, Serialize};
use store::{Attempts, Collection, Work};

use super::{Till, checkout::CHECKOUTS, payment::PAYMENTS, subscription::SUBSCRIPTIONS};
use crate::stripe::Event;

/// What was followed, by the id of the thing. It expires.
pub(crate) const FOLLOWED: Collection<Followed> = Collection::new("followed");
/// Longer than Stripe lists its events.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 35);
/// Most events of one second that are remembered; one that is forgotten is followed once more.
const MOST: usize = 32;

/// Ids of the documents in which looking at something ended: `chk_…`, `pi_…`, `in_…`, `sub_…`.
pub(super) type Ends = Vec<String>;

/// How far a thing was followed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Followed {
    /// When its last event happened, in unix seconds of Stripe's clock.
    at: i64,
    /// Its events of that second: another one may still come.
    events: Vec<String>,
    /// The documents, with the version of each.
    ends: Vec<(String, u64)>,
}

// === impl Followed ===

impl Followed {
    /// An event of it was followed, and ended so.
    fn add(&mut self, event: &Event, ends: Vec<(String, u64)>) {
        if event.created > self.at {
            (self.at, self.events) = (event.created, Vec::new());
        }
        let id = event.id.to_string();
        if event.created == self.at && !self.events.contains(&id) && self.events.len() < MOST {
            self.events.push(id);
        }
        self.ends = ends;
    }

    /// What an event tells was fetched since it happened.
    fn covers(&self, event: &Event) -> bool {
        event.created < self.at || self.events.iter().any(|id| *id == *event.id)
    }
}

impl Till {
    /// Notes that an event about `thing` was followed and ended in these documents.
    pub(super) async fn note_followed(&self, thing: &str, event: &Event, ends: &Ends) -> Result<(), Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(self.store());
            let mut versions = Vec::with_capacity(ends.len());
            for id in ends {
                versions.extend(version(&mut work, id).await?.map(|version| (id.clone(), version)));
            }
            let known = work.get(&FOLLOWED, thing).await?;
            let mut followed = known.clone().unwrap_or_default();
            followed.add(event, versions);
            if known.as_ref() == Some(&followed) {
                return Ok(());
            }
            work.put_until(&FOLLOWED, thing, &followed, self.now().checked_add(KEPT).ok());
            if attempts.commit(work).await? {
                return Ok(());
            }
        }
    }

    /// Of these events, each with the thing that it is about, those whose outcome our documents lack.
    pub(super) async fn lacking<'a, T>(&self, events: Vec<(&'a Event, &'a str, T)>) -> Result<Vec<T>, Error> {
        let mut work = Work::new(self.store());
        work.prefetch(keys(events.iter().map(|(_, thing, _)| FOLLOWED.key(*thing)))).await?;
        let mut followed: HashMap<&str, Followed> = HashMap::new();
        for (_, thing, _) in &events {
            if let Some(known) = work.get(&FOLLOWED, thing).await? {
                followed.insert(thing, known);
            }
        }
        let ends = followed.values().flat_map(|followed| &followed.ends);
        work.prefetch(keys(ends.map(|(id, _)| key(id)))).await?;
        let mut lacking = Vec::new();
        for (event, thing, it) in events {
            let known = match followed.get(thing).filter(|followed| followed.covers(event)) {
                Some(followed) => all_stand(&mut work, followed).await?,
                None => false,
            };
            if !known {
                lacking.push(it);
            }
        }
        Ok(lacking)
    }
}

async fn all_stand(work: &mut Work<'_>, followed: &Followed) -> Result<bool, Error> {
    for (id, then) in &followed.ends {
        if version(work, id).await?.is_none_or(|now| now < *then) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The version of a document; a link has none, and is there or not.
async fn version(work: &mut Work<'_>, id: &str) -> Result<Option<u64>, Error> {
    Ok(match kind(id) {
        "chk" => work.get(&CHECKOUTS, id).await?.map(|_| 0),
        "sub" => work.get(&SUBSCRIPTIONS, id).await?.map(|subscription| subscription.version),
        _ => work.get(&PAYMENTS, id).await?.map(|payment| payment.version),
    })
}

fn key(id: &str) -> store::Key {
    match kind(id) {
        "chk" => CHECKOUTS.key(id),
        "sub" => SUBSCRIPTIONS.key(id),
        _ => PAYMENTS.key(id),
    }
}

fn kind(id: &str) -> &str {
    id.split('_').next().unwrap_or_default()
}

/// Each of them once.
fn keys(all: impl Iterator<Item = store::Key>) -> Vec<store::Key> {
    all.collect::<std::collections::HashSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, created: i64) -> Event {
        let body = format!(r#"{{"id":"{id}","type":"x","created":{created},"data":{{"object":{{}}}}}}"#);
        Event::read(body.as_bytes()).unwrap()
    }

    #[test]
    fn of_a_second_only_what_was_followed_is_known() {
        let mut followed = Followed::default();
        followed.add(&event("evt_2", 20), vec![("pi_1".into(), 1)]);
        followed.add(&event("evt_1", 10), vec![("pi_1".into(), 2)]);
        let covers = |id: &str, created| followed.covers(&event(id, created));
        assert!(
            covers("evt_2", 20) && covers("evt_1", 10) && covers("evt_0", 19),
            "it was fetched afterwards"
        );
        assert!(!covers("evt_3", 20), "it may have happened after it was fetched");
        assert!(!covers("evt_3", 21));
        assert_eq!((followed.at, &followed.ends), (20, &vec![("pi_1".to_owned(), 2)]));
    }
}
