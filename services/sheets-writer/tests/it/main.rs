//! The ledger through its gRPC door, over a real store. Google is not there: what is acknowledged waits.

mod contacts;
mod desk;
mod events;
mod ledger;
