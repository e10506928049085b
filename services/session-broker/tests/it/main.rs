//! The service as others meet it: real gRPC, a real store, a provider over real HTTP.

#![expect(clippy::unwrap_used, reason = "tests")]

mod broker;
mod cancelling;
mod erasing;
mod failures;
mod limits;
mod log;
mod minting;
mod modes;
mod refreshing;
mod settings;
mod shared;
mod upstream;
