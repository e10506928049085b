//! The only public door of Frontdesk: REST and server-sent events outside, gRPC inside.
//!
//! It establishes who is calling, translates, limits what is read, and answers. The invariant: it holds no
//! provider's secret and no store, and whatever goes wrong leaves it as a problem document with a request id, or as a
//! page where somebody looks.

mod answer;
mod base;
mod body;
mod caller;
mod chatkit;
mod checkout;
mod client_ip;
mod config;
mod cors;
mod docs;
mod door;
mod edge;
pub mod erasure;
mod error;
mod events;
mod forgeries;
mod health;
mod host;
mod key;
mod mcp;
mod member;
mod openapi;
mod operator;
mod origin;
mod portal;
mod problem;
mod reason;
mod script;
mod session;
mod site;
mod webhooks;
mod widget;

use axum::Router;
use chassis::{Context, Server};

pub use config::Config;
pub use mcp::{OPERATORS, Tokens};
pub use origin::Origins;

/// The name of this service: directory, package, binary, Cloud Run service.
pub const NAME: &str = "gateway";

/// The gateway as the chassis serves it.
pub async fn service(config: Config, ctx: Context) -> anyhow::Result<Server> {
    Ok(router(&config, &ctx)?.into())
}

/// The public routes with everything that wraps them.
pub fn router(config: &Config, ctx: &Context) -> anyhow::Result<Router> {
    router_with(config, ctx, Router::new())
}

/// As [`router`], with `more` routes behind the same layers: request id, origins, deadline, panics, headers.
pub fn router_with(config: &Config, ctx: &Context, more: Router) -> anyhow::Result<Router> {
    let door = door::Door::new(config, ctx)?;
    let routes = openapi::routes(config, ctx).with_state(door.clone()).merge(more);
    Ok(edge::wrap(routes, door))
}
