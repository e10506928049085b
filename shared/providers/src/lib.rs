//! What the services that speak with a provider have in common: how its API is called, how its webhooks are taken, how
//! what it did reaches the books, how a person is forgotten.
//!
//! A provider is somebody whose objects we keep a picture of: Cal.com, Stripe, Whop. The invariant: what a provider says
//! is never believed beyond what it was asked, and none of its words reach a log.

pub mod api;
pub mod books;
pub mod duty;
pub mod erasure;
pub mod error;
pub mod forgotten;
pub mod jobs;
pub mod known;
pub mod notice;
mod operations;
pub mod owner;
pub mod provider;
pub mod reconciliation;
pub mod second;
pub mod system;
#[cfg(test)]
mod tests;
pub mod traces;
pub mod webhooks;
pub mod wire;

pub use error::Error;
pub use provider::Provider;
