//! The whole system: one process or many, real gRPC, real HTTP, real files.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod arrows;
mod books;
mod chat;
mod cloud;
mod commands;
mod deliveries;
mod edits;
mod killed;
mod life;
mod processes;
mod story;
mod world;
