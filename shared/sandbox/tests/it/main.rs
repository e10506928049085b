//! The stand-ins over real HTTP, asked as a client asks.

#![expect(clippy::unwrap_used, reason = "tests")]

mod chatkit;
mod faults;
mod harness;
mod pages;
mod sheets_edits;
mod sheets_reads;
mod sheets_rules;
