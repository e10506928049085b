//! How a process of Frontdesk lives: settings, telemetry, serving, draining, and how it speaks to the others.
//!
//! It exists so that a service's `main.rs` is one call and its code holds nothing but the service. The invariant: a
//! process reads its environment once, before it binds a port, and leaves within the ten seconds that Cloud Run
//! grants after SIGTERM.

pub mod auth;
pub mod brink;
pub mod client;
pub mod config;
pub mod deadline;
pub mod gate;
pub mod google;
pub mod http;
pub mod local;
pub mod request_id;
pub mod retry;
pub mod run;
pub mod server;
pub mod status;
pub mod telemetry;
pub mod tick;
pub mod workflows;

pub use client::Link;
pub use config::{Config, Problem, Vars};
pub use run::{Spec, run};
pub use server::{Context, Drain, Grpc, Server, bind, serve};
pub use tick::{Tick, Ticked};
