//! The service as others meet it: real gRPC, a real store, providers over real HTTP.

#![expect(clippy::unwrap_used, reason = "tests")]

mod actions;
mod books;
mod ending;
mod forgetting;
mod identifying;
mod limits;
mod members;
mod money;
mod order;
mod outages;
mod passing;
mod privacy;
mod reconciling;
mod rig;
mod tickets;
mod token;
mod webhooks;
mod whop;
