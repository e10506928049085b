//! The owner's assistant: tells people of the business at once what cannot wait, and each week what the books say.
//!
//! It keeps nothing but what is on its way and what was told; everything else is read from the ledger. The invariants: what
//! is taken is told once or parked with its reason; a figure is counted from rows, never estimated; and nothing personal
//! leaves unless the owner wishes it.

mod anomalies;
mod books;
mod config;
pub mod doctor;
mod email;
mod erasure;
mod error;
mod grpc;
mod notices;
mod reports;
mod slack;

use std::{sync::Arc, time::Duration};

use chassis::{Context, Grpc, Link, Server, Tick, Ticked, run::Unusable};
use domain::Fault;
use proto::{
    common::v1::{
        backup_service_server::BackupServiceServer, operations_service_server::OperationsServiceServer,
    },
    ops::v1::{notify_service_server::NotifyServiceServer, report_service_server::ReportServiceServer},
};
use store::{
    Clock, Index, Schema, Store,
    backup::{self, Backup},
    erasing::{self, Erasures},
};

use anomalies::Anomalies;
use books::Books;
pub use config::{Budget, Config, People, ReportAt, Sender, Smtp, Wanted, Webhook};
use error::fault;
use notices::{NEWEST, NOTICES, Notices, Post, SENDINGS, Words};
use reports::Reports;

/// The service's name, which is its store's too.
pub const NAME: &str = "ops-copilot";
/// What this service declares about its documents.
pub const SCHEMA: Schema = Schema { version: 1, indexes: INDEXES, expiring: EXPIRING };
const INDEXES: &[&Index] = &[&NEWEST, SENDINGS.index()];
const EXPIRING: &[&str] =
    &[anomalies::EXPIRING, erasing::COLLECTION, "limits", NOTICES.name(), SENDINGS.collection()];
/// The pause between two messages to Slack.
const PACE: Duration = Duration::from_secs(1);
/// Longest wait for a page of the books.
const PAGE: Duration = Duration::from_secs(20);
/// Most sendings of a tick.
const SENT: usize = 100;

/// What the service stands on.
pub struct Parts {
    /// Where notices are kept.
    pub store: Arc<dyn Store>,
    /// Where the time is read.
    pub clock: Clock,
    /// The pause between two messages to Slack.
    pub pace: Duration,
}

/// The service as its process runs it.
///
/// # Errors
/// The store cannot be opened, or the settings are unsound.
pub async fn service(config: Config, ctx: Context) -> anyhow::Result<Server> {
    let clock = store::system_clock();
    let store = config.store.open(NAME, SCHEMA, clock.clone()).map_err(Unusable::new)?;
    assemble(&config, ctx, Parts { store, clock, pace: PACE })
}

/// The service over given parts. Call it within the runtime.
///
/// # Errors
/// An address or the file of thresholds is unsound.
pub fn assemble(config: &Config, ctx: Context, parts: Parts) -> anyhow::Result<Server> {
    let Parts { store, clock, pace } = parts;
    let unsound = |problem: chassis::Problem| anyhow::anyhow!("{problem}");
    let ways = notices::ways(config, pace).map_err(unsound)?;
    let thresholds = config.thresholds().map_err(unsound)?;
    let books = Books::new(Link::new(&config.sheets_writer_addr)?.with_default_deadline(PAGE));
    let post = Post::new(ways, config.limit_notices, store.clone(), clock.clone());
    let notices = Notices::new(store.clone(), clock.clone(), post);
    ctx.spawn(notices.worker().clone().run(ctx.shutdown.clone()));
    let reports = Reports::new(reports::Deps {
        books: books.clone(),
        notices: notices.clone(),
        store: store.clone(),
        clock: clock.clone(),
        zone: config.time_zone(),
        at: config.report_at,
        ctx: ctx.clone(),
    });
    let anomalies = Anomalies::new(anomalies::Deps {
        books,
        notices: notices.clone(),
        store: store.clone(),
        clock: clock.clone(),
        zone: config.time_zone(),
        thresholds,
        budget: config.budget_day.0,
    });
    let tick = tick(&ctx, notices.clone(), reports.clone(), anomalies.clone());
    let restored = notices.worker().clone();
    let backup = Backup::new(store.clone(), clock.clone(), SCHEMA.version, &[]);
    let backup = backup::Service::waking(backup, move || restored.wake());
    let erasure = erasure::Erasure { store: store.clone(), erasures: Erasures::new(store, clock) };
    let operations = grpc::operations::Service { tick: tick.clone(), notices: notices.clone(), erasure };
    let words = Words { base: config.public_base_url.clone(), personal: config.notify_personal };
    let notify = grpc::notices::Service { notices, words, wanted: config.notify_events.clone() };
    let grpc = Grpc::new(proto::FILE_DESCRIPTOR_SET)
        .add(NotifyServiceServer::new(notify))
        .add(ReportServiceServer::new(grpc::reports::Service { reports, anomalies }))
        .add(OperationsServiceServer::new(operations))
        .add(BackupServiceServer::new(backup))
        .tick(tick);
    Ok(grpc.into())
}

/// Sends what is due, then reports, then looks what is unusual; what fails keeps no other from being done.
fn tick(ctx: &Context, notices: Notices, reports: Reports, anomalies: Anomalies) -> Tick {
    Tick::new(ctx, move || {
        let (notices, reports, anomalies) = (notices.clone(), reports.clone(), anomalies.clone());
        async move {
            let sent = notices.worker().tick(SENT).await.map_err(|error| fault(&error.into()));
            let duties =
                [("notices", sent), ("reports", reports.tick().await), ("anomalies", anomalies.tick().await)];
            let (mut ticked, mut failed) = (Ticked::default(), None);
            for (duty, outcome) in duties {
                match outcome {
                    Ok(Ticked { done, more }) => {
                        done.into_iter().for_each(|(kind, number)| ticked.count(&kind, number));
                        ticked.more |= more;
                    }
                    Err(fault) => {
                        report(duty, &fault);
                        failed = Some(fault);
                    }
                }
            }
            failed.map_or(Ok(ticked), Err)
        }
    })
}

fn report(duty: &'static str, fault: &Fault) {
    let reason = fault.reason.as_str();
    tracing::warn!(duty, reason, "a duty failed");
}
