//! The two engines of a round, and the words for what is in their documents.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use store::{
    Commit, Key, Op, Precondition, Schema, Store, Version, Write,
    firestore::{Firestore, Place},
    system_clock,
};

use crate::cloud::{
    emulator,
    relay::{Mishap, Relay},
};

pub(super) const COLLECTION: &str = "desk";
const SCHEMA: Schema = Schema { version: 1, indexes: &[], expiring: &[COLLECTION] };
/// Paths of commits end in it.
pub(super) const COMMIT: &str = "/Commit";

/// What a commit was told to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Told {
    Done,
    Conflict,
    Unknown,
}

/// Two engines over one database.
pub(super) struct Desk {
    /// Through the relay.
    ours: Firestore,
    pub(super) relay: Relay,
    /// Straight to the emulator.
    pub(super) theirs: Theirs,
}

/// The engine of somebody else, who also knows the truth.
#[derive(Clone)]
pub(super) struct Theirs(Arc<Firestore>);

/// An engine at an emulator.
fn engine(database: &str, emulator: &str) -> Firestore {
    let place = Place {
        project: "demo-test".into(),
        database: database.to_owned(),
        emulator: Some(emulator.to_owned()),
    };
    Firestore::open(place, "it", SCHEMA, system_clock()).unwrap()
}

fn key(id: &str) -> Key {
    Key { collection: COLLECTION, id: id.to_owned() }
}

/// The write that makes a document somebody's.
pub(super) fn put(id: &str, by: &str, precondition: Precondition) -> Write {
    Write { key: key(id), precondition, op: Op::Put { body: json!({"by": by}), expires_at: None } }
}

/// As [`put`], until so many seconds from now.
pub(super) fn put_for(seconds: i64, id: &str, by: &str, precondition: Precondition) -> Write {
    let expires_at = Some(Timestamp::now() + SignedDuration::from_secs(seconds));
    Write { key: key(id), precondition, op: Op::Put { body: json!({"by": by}), expires_at } }
}

pub(super) fn delete(id: &str, precondition: Precondition) -> Write {
    Write { key: key(id), precondition, op: Op::Delete }
}

// === impl Desk ===

impl Desk {
    pub(super) async fn open(database: &str) -> Self {
        let relay = Relay::over(&[emulator()]).await;
        let ours = engine(database, &relay.address.to_string());
        let theirs = Theirs(Arc::new(engine(database, &emulator().to_string())));
        // Connecting commits, too, the first time.
        assert_eq!(ours.get(&key("nothing")).await.unwrap(), None);
        Self { ours, relay, theirs }
    }

    pub(super) fn ours(&self) -> &dyn Store {
        &self.ours
    }

    pub(super) async fn commit(&self, writes: Vec<Write>) -> Told {
        match self.ours.commit(writes).await.unwrap() {
            Commit::Done(_) => Told::Done,
            Commit::Conflict => Told::Conflict,
            Commit::Unknown => Told::Unknown,
        }
    }

    /// Commits through `mishap`, which its so-manieth request must meet.
    pub(super) async fn lose(&self, nth: u64, writes: Vec<Write>, mishap: Mishap) -> Told {
        self.relay.nth(nth, COMMIT, "", mishap);
        let told = self.commit(writes).await;
        assert_eq!(self.relay.unmet(), 0, "nothing was lost");
        told
    }
}

// === impl Theirs ===

impl Theirs {
    /// Commits what must be possible.
    pub(super) async fn commit(&self, writes: Vec<Write>) -> Version {
        match self.0.commit(writes).await.unwrap() {
            Commit::Done(version) => version,
            other => panic!("{other:?} where nobody interferes"),
        }
    }

    /// Whose a document is; nobody's if it is absent.
    pub(super) async fn whose(&self, id: &str) -> Option<String> {
        let document = self.0.get(&key(id)).await.unwrap()?;
        let Value::String(by) = &document.body["by"] else { panic!("{document:?}") };
        Some(by.clone())
    }

    /// Makes the document theirs, guarded by the state in which they find it; whose it was.
    pub(super) async fn overwrite(&self, id: &str) -> Option<String> {
        let found = self.0.get(&key(id)).await.unwrap();
        let precondition =
            found.as_ref().map_or(Precondition::Absent, |it| Precondition::Version(it.version));
        self.commit(vec![put(id, "theirs", precondition)]).await;
        found.and_then(|found| found.body["by"].as_str().map(str::to_owned))
    }
}
