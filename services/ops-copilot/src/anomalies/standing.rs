//! What is unusual at the moment, and what of it was told; and when what was looked at last.
//!
//! One document, which few commits change. The invariant: what lasts was noticed when it began, and is told once.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use store::{Attempts, Collection, Error, Store, Work};

use super::{Anomaly, Kind, now::Condition};

const ANOMALIES: Collection<Standing> = Collection::new("anomalies");
const ID: &str = "standing";

/// What lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Lasting {
    kind: String,
    since: Timestamp,
    /// The anomaly as which it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<String>,
}

/// The document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    /// What lasts, by kind and subject.
    #[serde(default)]
    lasting: BTreeMap<String, Lasting>,
    /// The last day whose trends were looked at.
    #[serde(default)]
    pub(super) day: Option<Date>,
    /// When it was last looked what is stuck.
    #[serde(default)]
    pub(super) stuck_at: Option<Timestamp>,
    /// When it was last looked what the day has cost.
    #[serde(default)]
    pub(super) budget_at: Option<Timestamp>,
}

// === impl Standing ===

impl Standing {
    pub(super) async fn read(store: &dyn Store) -> Result<Self, Error> {
        Ok(ANOMALIES.get(store, ID).await?.map(|found| found.value).unwrap_or_default())
    }

    /// Since when it lasts, as far as it was noticed.
    pub(super) fn since(&self, kind: Kind, subject: &str) -> Option<Timestamp> {
        self.lasting.get(&name(kind, subject)).map(|lasting| lasting.since)
    }

    /// The anomaly as which it was told, if it lasts.
    pub(super) fn told_as(&self, kind: Kind, subject: &str) -> Option<&str> {
        self.lasting.get(&name(kind, subject))?.told.as_deref()
    }

    /// Whether what was looked at last at `at` is to be looked at again.
    pub(super) fn is_due(&self, at: Option<Timestamp>, every: SignedDuration, now: Timestamp) -> bool {
        at.is_none_or(|at| now.duration_since(at) >= every)
    }
}

/// Notes what is stuck, and lets go of what is not any more.
pub(super) async fn notice(
    store: &dyn Store,
    found: &[Condition],
    now: Timestamp,
) -> Result<Standing, Error> {
    let names: BTreeMap<String, Kind> =
        found.iter().map(|condition| (name(condition.kind, &condition.subject), condition.kind)).collect();
    note(store, |standing| {
        keep(standing, &Kind::STUCK, |name| names.contains_key(name));
        for (name, kind) in &names {
            let begin = || Lasting { kind: kind.as_str().to_owned(), since: now, told: None };
            standing.lasting.entry(name.clone()).or_insert_with(begin);
        }
    })
    .await
}

/// Lets go of what was told of these kinds and is not found any more.
pub(super) async fn settle(store: &dyn Store, kinds: &[Kind], found: &[Anomaly]) -> Result<(), Error> {
    let names: Vec<_> = found.iter().map(|anomaly| name(anomaly.kind, &anomaly.subject)).collect();
    note(store, |standing| keep(standing, kinds, |name| names.iter().any(|known| known == name)))
        .await
        .map(drop)
}

/// It was told.
pub(super) async fn told(store: &dyn Store, anomaly: &Anomaly, now: Timestamp) -> Result<(), Error> {
    let Anomaly { kind, subject, anomaly_id, .. } = anomaly;
    note(store, |standing| {
        let begin = || Lasting { kind: kind.as_str().to_owned(), since: now, told: None };
        standing.lasting.entry(name(*kind, subject)).or_insert_with(begin).told = Some(anomaly_id.clone());
    })
    .await
    .map(drop)
}

/// Changes the document; answers what it is then.
pub(super) async fn note(store: &dyn Store, change: impl Fn(&mut Standing)) -> Result<Standing, Error> {
    let mut attempts = Attempts::default();
    loop {
        let mut work = Work::new(store);
        let before = work.get(&ANOMALIES, ID).await?.unwrap_or_default();
        let mut standing = before.clone();
        change(&mut standing);
        if standing == before {
            return Ok(standing);
        }
        work.put(&ANOMALIES, ID, &standing);
        if attempts.commit(work).await? {
            return Ok(standing);
        }
    }
}

fn keep(standing: &mut Standing, kinds: &[Kind], lasts: impl Fn(&str) -> bool) {
    let is_of = |lasting: &Lasting| kinds.iter().any(|kind| kind.as_str() == lasting.kind);
    standing.lasting.retain(|name, lasting| !is_of(lasting) || lasts(name));
}

fn name(kind: Kind, subject: &str) -> String {
    format!("{} {subject}", kind.as_str())
}
