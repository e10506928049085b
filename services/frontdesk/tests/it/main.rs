//! The whole system: one process or many, real gRPC, real HTTP, real files.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod arrows;
mod backup;
mod books;
mod chat;
mod cloud;
mod commands;
mod crash;
mod deliveries;
mod edits;
mod forgetting;
mod forgotten;
mod injection;
mod invented;
mod life;
mod once;
mod processes;
mod stories;
mod story;
mod world;
