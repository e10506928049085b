//! The Firestore engine, on Google's emulator.

use std::{any::Any, env, sync::Arc};

use store::{
    Clock, Schema, Store,
    firestore::{Firestore, Place},
};

use crate::conformance::{Engine, conformance};

/// A database of its own for every case.
pub(crate) struct Fresh;

impl Engine for Fresh {
    async fn fresh(self, schema: Schema, clock: Clock) -> (Arc<dyn Store>, Box<dyn Any + Send>) {
        (Arc::new(Firestore::open(place(), "it", schema, clock).unwrap()), Box::new(()))
    }
}

/// A database that nobody has used.
#[expect(clippy::disallowed_methods, reason = "the variable that all of Google's libraries know")]
pub(crate) fn place() -> Place {
    let emulator =
        env::var("FIRESTORE_EMULATOR_HOST").expect("FIRESTORE_EMULATOR_HOST says where the emulator is");
    let mut random = [0; 8];
    getrandom::fill(&mut random).unwrap();
    let database = format!("it-{:x}", u64::from_be_bytes(random));
    Place { project: "demo-test".into(), database, emulator: Some(emulator) }
}

conformance!(
    [#[ignore = "needs Google's emulator; .ci/run starts it"]]
    crate::firestore::Fresh
);
