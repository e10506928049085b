//! The ledger through its gRPC door, over a real store. Google is not there: what is acknowledged waits.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod bookkeeping;
mod contacts;
mod deliveries;
mod desk;
mod events;
mod leads;
mod ledger;
mod lists;
mod notices;
