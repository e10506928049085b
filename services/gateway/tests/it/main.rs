//! The gateway over a real socket, with scripted services behind it.

#![expect(clippy::unwrap_used, reason = "tests")]

mod address;
mod backend;
mod books;
mod calls;
mod chats;
mod checkout;
mod contract;
mod cors;
mod erasures;
mod events;
mod faults;
mod identity;
mod keepers;
mod mcp;
mod members;
mod operator;
mod portal;
mod refusals;
mod requests;
mod secrecy;
mod sessions;
mod site;
mod threads;
mod till;
mod webhooks;
mod whop;
mod world;
