//! The stand-ins over real HTTP, asked as a client asks.

#![expect(clippy::unwrap_used, reason = "tests")]

mod chatkit;
mod concierge;
mod faults;
mod harness;
mod moderation;
mod pages;
mod responses;
mod sheets_edits;
mod sheets_filters;
mod sheets_reads;
mod sheets_rules;
mod streams;
