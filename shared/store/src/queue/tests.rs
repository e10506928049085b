//! The queue over SQLite, with a clock of its own and a handler that does what a test says.

mod bench;
mod claims;
mod crashes;
mod failures;
mod listing;
mod loops;
mod purging;
mod troubles;
