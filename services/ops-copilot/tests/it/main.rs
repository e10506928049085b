//! The service from outside: real gRPC, real HTTP, real SMTP, and books that are made for the purpose.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod books;
mod erasing;
mod limiting;
mod lot;
mod mail;
mod notifying;
mod odd;
mod reporting;
mod rig;
mod slack;
mod sql;
mod year;
