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
mod hand_off;
mod notices;
pub mod protocol;
mod requests;
mod threads;
mod turn;
mod wishes;

use std::sync::Arc;

use chassis::{Context, Grpc, Link, Server, Tick, run::Unusable};
use domain::workflow::Workflow;
use proto::{
    chat::v1::{
        chat_service_server::ChatServiceServer, thread_service_server::ThreadServiceServer,
        tool_service_server::ToolServiceServer,
    },
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
use tools::Toolbox;

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
    /// Makes whoever answers, given the tools that they may call.
    pub responder: MakeResponder,
    /// How long things may take.
    pub pace: Pace,
    /// Cancelled when turns should come to their end; the service's own `shutdown`, or that of the door before it.
    pub leaving: CancellationToken,
}

/// Makes whoever answers, given the tools that they may call.
pub type MakeResponder = Box<dyn FnOnce(Toolbox) -> anyhow::Result<Arc<dyn Responder>> + Send>;

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
    let links = config.links()?;
    let (kept, settings, background) = (store.clone(), config.clone(), ctx.clone());
    let responder: MakeResponder = Box::new(move |toolbox| {
        let patience = brain::Patience::default();
        let deps = brain::Deps { store: kept, links, toolbox, ctx: background, patience };
        Ok(Arc::new(brain::Agent::new(&settings, deps)?))
    });
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
    let workflows: Vec<_> = registry.iter().cloned().map(Arc::new).collect();
    let limits = requests::Limits::new(config.limit_chat, store.clone(), clock.clone());
    let backup = backup::Service::new(Backup::new(store.clone(), clock.clone(), SCHEMA.version, &[]));
    let (threads, slots) = (threads(config, store.clone(), clock.clone()), turn::Slots::default());
    let hand_offs =
        hand_offs(config, threads.clone(), slots.clone(), &workflows)?.with_tasks(ctx.tasks.clone());
    let tick = ticking(&ctx, threads.clone(), hand_offs.clone());
    let toolbox = brain::toolbox(config, config.links()?, Arc::new(hand_offs.clone()))?;
    let responder = responder(toolbox.clone())?;
    let others = grpc::Threads { threads: threads.clone(), hand_offs };
    let desk =
        requests::Desk::new((threads, slots), responder, workflows, limits, pace, leaving, ctx.clone());
    let recorder = brain::Recorder::new(Link::new(&config.sheets_writer_addr)?, ctx.clone());
    let wishes = wishes::Wishes::new(store, clock.clone());
    let tools = grpc::Tools { desk: desk.clone(), toolbox, wishes, recorder, clock };
    let operations = erasing::Service::new(tick.clone(), desk.clone());
    let grpc = Grpc::new(proto::FILE_DESCRIPTOR_SET)
        .add(ToolServiceServer::new(tools))
        .add(ChatServiceServer::new(grpc::Service { desk }))
        .add(ThreadServiceServer::new(others))
        .add(OperationsServiceServer::new(operations))
        .add(BackupServiceServer::new(backup))
        .tick(tick);
    Ok(grpc.into())
}

fn threads(config: &Config, store: Arc<dyn Store>, clock: Clock) -> threads::Threads {
    let (patience, timeout) = (config.handoff_patience, config.handoff_timeout);
    threads::Threads::new(store, clock).with_times(hand_off::Times { patience, timeout })
}

fn hand_offs(
    config: &Config,
    threads: threads::Threads,
    slots: turn::Slots,
    workflows: &[Arc<Workflow>],
) -> anyhow::Result<hand_off::HandOffs> {
    let books = hand_off::Books::new(Link::new(&config.sheets_writer_addr)?, config.links()?.ops_copilot);
    Ok(hand_off::HandOffs::new(threads, books, slots, workflows))
}

/// What is due by the clock: hand-offs are looked after, and threads go that nobody has touched for too long.
fn ticking(ctx: &Context, threads: threads::Threads, hand_offs: hand_off::HandOffs) -> Tick {
    Tick::new(ctx, move || {
        let (threads, hand_offs) = (threads.clone(), hand_offs.clone());
        async move {
            let mut ticked = threads.sweep().await.map_err(|error| error::fault(error.into()))?;
            let attended = hand_offs.tick().await.map_err(error::fault)?;
            attended.done.iter().for_each(|(kind, number)| ticked.count(kind, *number));
            Ok(ticked)
        }
    })
}
