//! Members: the only service that speaks Whop.
//!
//! It says who a member is, what they pay for and what they may ask for, takes Whop's webhooks, and states memberships and
//! payments to sheets-writer. The invariant: a caller sees and does what belongs to the Whop user whose token was checked,
//! and nothing else.

mod actions;
mod config;
pub mod doctor;
mod drive;
mod files;
mod grpc;
mod identity;
mod limits;
mod members;
mod mrr;
mod notion;
mod schema;
#[cfg(test)]
mod tests;
mod whop;

use std::sync::Arc;

use chassis::{Context, Server, google::Tokens, run::Unusable};
use proto::whop::v1::{
    directory_service_server::DirectoryServiceServer, membership_service_server::MembershipServiceServer,
};
use providers::{
    books::{TELLINGS, Teller},
    system::System,
    webhooks::Providers,
};
use store::{Clock, Store, queue::Worker};

pub use config::Config;
pub use schema::SCHEMA;

use actions::Desk;
use grpc::{actions::Actions, directory, memberships};
use identity::Verifier;
use limits::Limits;
use members::{Deps, Documents, Members};

/// The service's name, which is its store's too.
pub const NAME: &str = "whop-gateway";

/// What the service stands on.
pub struct Parts {
    /// Where memberships, payments and all that waits are kept.
    pub store: Arc<dyn Store>,
    /// Where the time is read.
    pub clock: Clock,
}

/// The service as its process runs it.
///
/// # Errors
/// The store cannot be opened, or the settings are unsound.
pub async fn service(config: Config, ctx: Context) -> anyhow::Result<Server> {
    let clock = store::system_clock();
    let store = config.store.open(NAME, SCHEMA, clock.clone()).map_err(Unusable::new)?;
    assemble(config, ctx, Parts { store, clock })
}

/// The service over given parts. Call it within the runtime.
///
/// # Errors
/// The file of quick actions or an address is unsound.
pub fn assemble(config: Config, ctx: Context, parts: Parts) -> anyhow::Result<Server> {
    let Parts { store, clock } = parts;
    let book = config.book().map_err(|problems| anyhow::anyhow!("{}", chassis::config::listed(&problems)))?;
    if config.whop_app_id.is_none() {
        tracing::warn!("WHOP_APP_ID is not set: nobody is recognised as a member");
    }
    let teller = Teller::new(&config.ledgers, Arc::new(Documents(store.clone())))?;
    let tellings = Worker::new(&TELLINGS, store.clone(), clock.clone(), Arc::new(teller));
    let members = Members::new(Deps {
        whop: whop::Client::new(&config.whop_base_url, config.whop_api_key.clone(), &config.whop_account_id),
        secrets: config.whop_webhook_secrets.clone(),
        store: store.clone(),
        clock: clock.clone(),
        tellings: tellings.clone(),
        limits: Limits::new(&config, &store, &clock),
        noted: book.noted(),
    });
    let drive = Tokens::new(config.google_access_token.clone(), drive::SCOPE);
    let drive = drive::Client::new(&config.drive_base_url, drive);
    let notion = config.notion_api_key.clone().map(|key| notion::Client::new(&config.notion_base_url, key));
    let verifier = Verifier::new(config.whop_app_id.clone(), &config.whop_jwks_url, clock.clone());
    let system = System {
        ctx,
        store,
        clock,
        schema: SCHEMA,
        tellings,
        providers: Providers::new(vec![Arc::new(members.clone())]),
        duties: Vec::new(),
        forgets: vec![Arc::new(members.clone())],
    };
    let actions = Actions(Desk::new(members.clone(), book, drive, notion));
    let asked = memberships::Service { members: members.clone(), verifier, actions };
    let grpc = system
        .open()
        .add(MembershipServiceServer::new(asked))
        .add(DirectoryServiceServer::new(directory::Service { members }));
    Ok(grpc.into())
}
