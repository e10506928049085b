//! All of Frontdesk in one process: `cargo run`, the tests' harness, and a fit deployment for a small site.
//!
//! The services are wired as everywhere else and talk real gRPC, over loopback. The invariant: nothing here does what
//! a service does; this crate only starts them, in the order in which they need each other, and stops them in the
//! opposite one.

mod addresses;
pub mod banner;
mod clock;
pub mod command;
mod invented;
mod options;
mod provider;
mod system;

pub use options::{Options, page};
pub use provider::Provider;
pub use system::{System, start};
