//! The chassis over real sockets: how servers drain, what travels with a call, how links behave.
#![expect(clippy::unwrap_used, reason = "tests")]

mod drain;
mod health;
mod link;
mod stage;
mod telemetry;
mod tick;
mod travel;
mod web;
