//! What all parts share, over gRPC and SQLite, with a provider that a test scripts and a sheets-writer that can be away.

mod books;
mod duties;
mod erasing;
mod inbox;
mod provider;
mod reconciling;
mod telling;
mod world;
