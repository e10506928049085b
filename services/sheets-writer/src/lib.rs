//! Events, contacts and the seven-tab ledger; the only service that speaks Google Sheets.
//!
//! A row is acknowledged when the store has it and projected to the spreadsheet in batches. The invariant: every
//! acknowledged row reaches the spreadsheet once, whatever dies in between.

mod bookings;
mod claims;
mod config;
mod error;
mod event;
mod grpc;
mod ingest;
mod leads;
mod ledger;
mod people;
mod rows;
mod sheets;
mod wire;

use std::sync::Arc;

use chassis::{Context, Grpc, Server, run::Unusable};
use proto::sheets::v1::{
    contact_service_server::ContactServiceServer, event_service_server::EventServiceServer,
    lead_service_server::LeadServiceServer, ledger_service_server::LedgerServiceServer,
};
use store::{Index, Schema};

pub use config::Config;

/// The service's name: directory, package, binary, Cloud Run service.
pub const NAME: &str = "sheets-writer";

/// What this service declares about its documents.
pub const SCHEMA: Schema = Schema { version: 1, indexes: INDEXES, expiring: &[] };

/// The indexes that its queries name.
pub const INDEXES: &[&Index] = &[&rows::BY_AGE, &rows::BY_STATE, &rows::BY_TAB];

/// Wires the service: store, Sheets client, the ledger's own task, four gRPC services.
pub async fn service(config: Config, ctx: Context) -> anyhow::Result<Server> {
    let clock = store::system_clock();
    let store = config.store.open(NAME, SCHEMA, clock.clone()).map_err(Unusable::new)?;
    let sheets = sheets::Client::new(&config);
    let ledger =
        Arc::new(ledger::Ledger::new(store.clone(), sheets, config.time_zone.clone(), clock.clone()));
    ctx.spawn(ledger.clone().run(ctx.shutdown.clone()));

    let books = grpc::Books::new(store, ledger, ingest::Rules::new(&config), clock);
    let grpc = Grpc::new(proto::FILE_DESCRIPTOR_SET)
        .add(EventServiceServer::new(books.clone()))
        .add(ContactServiceServer::new(books.clone()))
        .add(LeadServiceServer::new(books.clone()))
        .add(LedgerServiceServer::new(books));
    Ok(grpc.into())
}
