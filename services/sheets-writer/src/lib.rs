//! Events, contacts and the seven-tab ledger; the only service that speaks Google Sheets.
//!
//! A row is acknowledged when the store has it and projected to the spreadsheet in batches. The invariant: every
//! acknowledged row reaches the spreadsheet once, whatever dies in between.

mod bookings;
mod claims;
mod config;
mod deliveries;
pub mod doctor;
mod erasure;
mod error;
mod event;
mod grpc;
mod ingest;
mod leads;
mod ledger;
mod people;
mod rows;
mod sheets;
mod statements;
mod told;
mod wire;

use std::sync::Arc;

use chassis::{Context, Grpc, Server, run::Unusable};
use proto::common::v1::{
    backup_service_server::BackupServiceServer, operations_service_server::OperationsServiceServer,
};
use proto::sheets::v1::{
    bookkeeping_service_server::BookkeepingServiceServer, contact_service_server::ContactServiceServer,
    delivery_service_server::DeliveryServiceServer, event_service_server::EventServiceServer,
    lead_service_server::LeadServiceServer, ledger_service_server::LedgerServiceServer,
};
use store::{
    Index, Schema,
    backup::{self, Backup, Own},
};

use deliveries::{Deliveries, Destination, Guard, Notices, Post};
use grpc::{deliveries::Dispatch, operations::Operations};

pub use config::Config;
pub use deliveries::{Address, Destinations, Header, Keys};

/// The service's name: directory, package, binary, Cloud Run service.
pub const NAME: &str = "sheets-writer";

/// What this service declares about its documents.
pub const SCHEMA: Schema = Schema {
    version: 1,
    indexes: INDEXES,
    expiring: &["deliveries", "edited_leads", "given_up_identities", "saved_leads"],
};

/// Every start makes a ledger.
const OWN: &[Own] =
    &[Own { collection: ledger::LEDGER.name(), id: ledger::HEAD, prepare: ledger::restored::mark }];

/// The indexes that its queries name.
pub const INDEXES: &[&Index] = &[
    &deliveries::record::BY_STATE,
    &erasure::BY_OPEN,
    &people::BY_CONTACT,
    &rows::BY_AGE,
    &rows::BY_STATE,
    &rows::BY_SUBJECT,
    &rows::BY_TAB,
];

/// Wires the service: store, Sheets client, the tasks of the ledger and of the deliveries, its gRPC services.
pub async fn service(config: Config, ctx: Context) -> anyhow::Result<Server> {
    let clock = store::system_clock();
    let store = config.store.open(NAME, SCHEMA, clock.clone()).map_err(Unusable::new)?;
    let notices = config.ops_copilot_addr.as_ref().map(Notices::new).transpose()?;
    let post = Post::new(Guard { local: !ctx.cloud }, deliveries::TIMEOUT).telling(notices);
    let deliveries = Arc::new(Deliveries::new(store.clone(), Destination::all(&config), post, clock.clone()));
    ctx.spawn(deliveries.clone().run(ctx.shutdown.clone()));
    let silent = store;
    // whoever writes the books through this tells of it
    let store = deliveries.outbox();

    let sheets = sheets::Client::new(&config);
    let ledger =
        Arc::new(ledger::Ledger::new(store.clone(), sheets, config.time_zone.clone(), clock.clone()));
    ctx.spawn(ledger.clone().run(ctx.shutdown.clone()));

    let backup = Backup::new(silent.clone(), clock.clone(), SCHEMA.version, OWN);
    let (awaiting, lanes) = (ledger.clone(), deliveries.clone());
    let backup = backup::Service::waking(backup, move || {
        awaiting.look_again();
        lanes.look_again();
    });
    let books = grpc::Books::new(store, ledger, ingest::Rules::new(&config), clock);
    let operations = Operations::new(&ctx, books.clone(), silent);
    let grpc = Grpc::new(proto::FILE_DESCRIPTOR_SET)
        .tick(operations.tick())
        .add(EventServiceServer::new(books.clone()))
        .add(BookkeepingServiceServer::new(books.clone()))
        .add(ContactServiceServer::new(books.clone()))
        .add(LeadServiceServer::new(books.clone()))
        .add(LedgerServiceServer::new(books))
        .add(OperationsServiceServer::new(operations))
        .add(BackupServiceServer::new(backup))
        .add(DeliveryServiceServer::new(Dispatch(deliveries)));
    Ok(grpc.into())
}
