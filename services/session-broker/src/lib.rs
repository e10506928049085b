//! Sessions of chats, each of one visitor with one workflow. A hosted one comes with a short-lived client secret that
//! OpenAI makes; one of our own is a record, and the gateway signs its secret.
//!
//! It exists so that a browser never comes near the API key, and so that a visitor who reloads, opens a second tab
//! or is rate limited costs OpenAI nothing. The invariant: OpenAI's client secret stays in the memory of the process
//! that minted it, and is answered only to the visitor that it was minted for.

mod cancel;
mod config;
mod erasure;
mod error;
mod failure;
mod grpc;
mod limits;
mod memory;
mod mint;
mod mode;
mod openai;
mod sessions;
mod state;

use std::{sync::Arc, time::Duration};

use chassis::{Context, Grpc, Server, Tick, Ticked, run::Unusable};
use proto::{
    common::v1::{
        backup_service_server::BackupServiceServer, operations_service_server::OperationsServiceServer,
    },
    session::v1::session_service_server::SessionServiceServer,
};
use store::{
    Clock, Store,
    backup::{self, Backup},
    erasing::{self, Erasures},
};

pub use config::Config;
pub use sessions::SCHEMA;

/// The service's name, which is its store's too.
pub const NAME: &str = "session-broker";
/// Longest wait for one answer of OpenAI.
const ATTEMPT: Duration = Duration::from_secs(5);

/// What the service stands on.
pub struct Parts {
    /// Where session records are kept.
    pub store: Arc<dyn Store>,
    /// Where the time is read.
    pub clock: Clock,
    /// Longest wait for one answer of OpenAI; there may be two.
    pub attempt: Duration,
}

/// The service as its process runs it.
///
/// # Errors
/// The store cannot be opened.
pub async fn service(config: Config, ctx: Context) -> anyhow::Result<Server> {
    let clock = store::system_clock();
    let store = config.store.open(NAME, SCHEMA, clock.clone()).map_err(Unusable::new)?;
    assemble(&config, ctx, Parts { store, clock, attempt: ATTEMPT })
}

/// The service over given parts.
///
/// # Errors
/// A workflow's definition is unsound.
pub fn assemble(config: &Config, ctx: Context, parts: Parts) -> anyhow::Result<Server> {
    let Parts { store, clock, attempt } = parts;
    let registry =
        config.registry().map_err(|problems| anyhow::anyhow!("{}", chassis::config::listed(&problems)))?;
    let openai = openai::Client::new(&config.openai_base_url, config.openai_api_key.clone(), attempt);
    let memory = memory::Memory::new(clock.clone());
    let limits = limits::Limits::new(config, &store, &clock);
    let backup = backup::Service::new(Backup::new(store.clone(), clock.clone(), SCHEMA.version, &[]));
    let erasures = Erasures::new(store.clone(), clock.clone());
    let sessions = sessions::Sessions::new(store);
    // Nothing is due by the clock: records of sessions expire by themselves, a day after the session's end.
    let tick = Tick::new(&ctx, async || Ok(Ticked::default()));
    let erasure = erasure::Erasure {
        hosted: registry.iter().any(|workflow| workflow.hosted.is_some()),
        openai: openai.clone(),
        memory: memory.clone(),
        sessions: sessions.clone(),
        erasures,
        clock: clock.clone(),
    };
    let operations = erasing::Service::new(tick.clone(), erasure);
    let service = grpc::Service {
        cancel: cancel::Cancel { openai: openai.clone(), memory: memory.clone(), sessions: sessions.clone() },
        mint: Arc::new(mint::Mint { registry, limits, openai, memory, sessions, clock, ctx }),
    };
    let grpc = Grpc::new(proto::FILE_DESCRIPTOR_SET)
        .add(SessionServiceServer::new(service))
        .add(OperationsServiceServer::new(operations))
        .add(BackupServiceServer::new(backup))
        .tick(tick);
    Ok(grpc.into())
}
