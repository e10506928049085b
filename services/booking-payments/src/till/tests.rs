//! The till over a Stripe that a test scripts, over real HTTP, and SQLite.

mod forgetting;
mod forms;
mod hints;
mod links;
mod looking;
mod meetings;
mod money;
mod noticed;
mod orders;
mod owners;
mod returning;
mod stripe;
mod subscriptions;
mod world;
