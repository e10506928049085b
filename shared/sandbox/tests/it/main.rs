//! The stand-ins over real HTTP, asked as a client asks.

#![expect(clippy::unwrap_used, reason = "tests")]

mod calcom;
mod calcom_bookings;
mod calcom_slots;
mod calcom_webhooks;
mod chatkit;
mod concierge;
mod drive;
mod faults;
mod harness;
mod moderation;
mod pages;
mod providers;
mod responses;
mod sheets_edits;
mod sheets_filters;
mod sheets_reads;
mod sheets_rules;
mod streams;
mod stripe;
mod told;
mod whop;
