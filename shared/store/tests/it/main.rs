//! The trait's rules on every engine, and what is each engine's own.

#![expect(clippy::unwrap_used, reason = "tests")]

mod conformance;
mod firestore;
mod sqlite;
