//! The service as others meet it: real gRPC, a real store, a responder that plays its part.

#![expect(clippy::unwrap_used, reason = "tests")]

mod books;
mod checker;
mod crash;
mod desk;
mod disconnects;
mod erasing;
mod golden;
mod limits;
mod notices;
mod ownership;
mod paging;
mod people;
mod pressure;
mod random;
mod script;
mod settings;
mod stores;
mod sweeping;
mod threads;
mod tools;
#[path = "../../../../shared/tools/src/tests/world.rs"]
mod world;
