//! The system as it runs in the cloud: two instances of every service over one Firestore, and what goes wrong there.
//!
//! Firestore is Google's own emulator, a real process over gRPC; every test has a database of its own in it.

mod commits;
mod fleet;
mod hands;
mod ledger;
mod limits;
mod relay;
mod sessions;
mod story;

use std::net::SocketAddr;

/// HOST:PORT of the emulator.
#[expect(clippy::disallowed_methods, reason = "the variable that all of Google's libraries know")]
fn emulator() -> SocketAddr {
    let set = std::env::var("FIRESTORE_EMULATOR_HOST")
        .expect("FIRESTORE_EMULATOR_HOST must say where Google's emulator is, such as 127.0.0.1:8181");
    set.parse()
        .unwrap_or_else(|_| panic!("FIRESTORE_EMULATOR_HOST must be an address with a port, not {set}"))
}

/// A database that nobody has used.
fn database() -> String {
    let mut random = [0; 8];
    getrandom::fill(&mut random).unwrap();
    format!("it-{:x}", u64::from_be_bytes(random))
}
