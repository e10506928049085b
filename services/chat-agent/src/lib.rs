//! A ChatKit server: threads of visitors, and turns that answer them.
//!
//! It exists because OpenAI's element needs a server once Agent Builder is gone. The invariant: a thread belongs to
//! one visitor and one workflow, and whatever dies in the middle of a turn, what a reload shows is consistent.

mod brain;
mod card;
mod config;
pub mod doctor;
mod error;
mod grpc;
mod notices;
pub mod protocol;
mod requests;
mod threads;
mod turn;

use std::sync::Arc;

use chassis::{Context, Grpc, Link, Server, Tick, run::Unusable};
use proto::{
    chat::v1::{chat_service_server::ChatServiceServer, thread_service_server::ThreadServiceServer},
    common::v1::{
        backup_service_server::BackupServiceServer, operations_service_server::OperationsServiceServer,
    },
};
use store::{
    Clock, Store,
    backup::{self, Backup},
    erasing,
};
use tokio_util::sync::CancellationToken;

pub use config::{Cap, Config};
pub use threads::SCHEMA;
pub use turn::{Input, Pace, Responder, Session, Turn, TurnError};

/// The service's name: directory, package, binary, Cloud Run service.
pub const NAME: &str = "chat-agent";

/// What the service stands on.
pub struct Parts {
    /// Where threads are kept.
    pub store: Arc<dyn Store>,
    /// Where the time is read.
    pub clock: Clock,
    /// Who answers.
    pub responder: Arc<dyn Responder>,
    /// How long things may take.
    pub pace: Pace,
    /// Cancelled when turns should come to their end; the service's own `shutdown`, or that of the door before it.
    pub leaving: CancellationToken,
}

/// The service as its process runs it.
///
/// # Errors
/// The store cannot be opened, or the settings are unsound.
pub async fn service(config: Config, ctx: Context) -> anyhow::Result<Server> {
    let leaving = ctx.shutdown.clone();
    service_until(config, ctx, leaving, Pace::default()).await
}

/// The service as part of a process that begins to leave before this service does: turns come to their end
/// `pace.drain` after `leaving`.
///
/// # Errors
/// As [`service`].
pub async fn service_until(
    config: Config,
    ctx: Context,
    leaving: CancellationToken,
    pace: Pace,
) -> anyhow::Result<Server> {
    let clock = store::system_clock();
    let store = config.store.open(NAME, SCHEMA, clock.clone()).map_err(Unusable::new)?;
    let deps = brain::Deps {
        store: store.clone(),
        sheets_writer: Link::new(&config.sheets_writer_addr)?,
        whop_gateway: config.whop_gateway_addr.as_ref().map(Link::new).transpose()?,
        ctx: ctx.clone(),
        patience: brain::Patience::default(),
    };
    let responder = Arc::new(brain::Agent::new(&config, deps)?);
    assemble(&config, ctx, Parts { store, clock, responder, pace, leaving })
}

/// The service over given parts.
///
/// # Errors
/// A workflow's definition is unsound.
pub fn assemble(config: &Config, ctx: Context, parts: Parts) -> anyhow::Result<Server> {
    let Parts { store, clock, responder, pace, leaving } = parts;
    let registry =
        config.registry().map_err(|problems| anyhow::anyhow!("{}", chassis::config::listed(&problems)))?;
    let workflows = registry.iter().cloned().map(Arc::new).collect();
    let limits = requests::Limits::new(config.limit_chat, store.clone(), clock.clone());
    let backup = backup::Service::new(Backup::new(store.clone(), clock.clone(), SCHEMA.version, &[]));
    let threads = threads::Threads::new(store, clock);
    let tick = sweeping(&ctx, threads.clone());
    let notices = grpc::Notices { threads: threads.clone() };
    let desk = requests::Desk::new(threads, responder, workflows, limits, pace, leaving, ctx);
    let operations = erasing::Service::new(tick.clone(), desk.clone());
    let grpc = Grpc::new(proto::FILE_DESCRIPTOR_SET)
        .add(ChatServiceServer::new(grpc::Service { desk }))
        .add(ThreadServiceServer::new(notices))
        .add(OperationsServiceServer::new(operations))
        .add(BackupServiceServer::new(backup))
        .tick(tick);
    Ok(grpc.into())
}

/// What is due by the clock: threads go that nobody has touched for too long.
fn sweeping(ctx: &Context, threads: threads::Threads) -> Tick {
    Tick::new(ctx, move || {
        let threads = threads.clone();
        async move { threads.sweep().await.map_err(|error| error::fault(error.into())) }
    })
}
