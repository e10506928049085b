//! Meetings and payments: the only service that speaks Cal.com and Stripe.
//!
//! It gives agents a calendar and a till, takes both providers' webhooks, and states what became of everything to
//! sheets-writer. The invariant: what a provider did reaches the books once, whatever was lost, doubled or came in another
//! order; and a caller sees nothing that another visitor asked for.

mod bookings;
mod calcom;
mod config;
pub mod doctor;
mod grpc;
mod notices;
mod schema;
mod stripe;
mod till;

use std::sync::Arc;

use chassis::{Context, Server, run::Unusable};
use domain::workflow::Registry;
use proto::booking::v1::{
    booking_service_server::BookingServiceServer, payment_service_server::PaymentServiceServer,
};
use providers::{
    Provider,
    books::{self, Stated, TELLINGS, Teller, Telling},
    duty::Duty,
    erasure::Forgets,
    second::SecondLedger,
    system::System,
    webhooks::Providers,
};
use store::{Clock, Store, queue::Worker};

pub use config::Config;
pub use schema::SCHEMA;

use bookings::Calendar;

/// The service's name, which is its store's too.
pub const NAME: &str = "booking-payments";

/// What the service stands on.
pub struct Parts {
    /// Where bookings, payments and all that waits are kept.
    pub store: Arc<dyn Store>,
    /// Where the time is read.
    pub clock: Clock,
}

/// What the calendar and the till stand on.
#[derive(Clone)]
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) registry: Arc<Registry>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    /// Woken after a commit that told something.
    pub(crate) tellings: Worker<Telling>,
}

/// What the calendar and the till give: a door of their own and what all share.
pub(crate) struct Part<S> {
    /// Implements the generated server trait.
    pub(crate) service: S,
    pub(crate) provider: Arc<dyn Provider>,
    /// Its queues of things to do later.
    pub(crate) duties: Vec<Arc<dyn Duty>>,
    pub(crate) forgets: Arc<dyn Forgets>,
}

/// The documents of both, as the books are told of them.
struct Documents {
    store: Arc<dyn Store>,
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
/// A workflow's definition or an address is unsound.
pub fn assemble(config: Config, ctx: Context, parts: Parts) -> anyhow::Result<Server> {
    let Parts { store, clock } = parts;
    let registry =
        config.registry().map_err(|problems| anyhow::anyhow!("{}", chassis::config::listed(&problems)))?;
    let documents = Documents { store: store.clone() };
    let teller = Teller::new(&config.ledgers, Arc::new(documents))?;
    let tellings = Worker::new(&TELLINGS, store.clone(), clock.clone(), Arc::new(teller));
    let second = SecondLedger::of(&config.ledgers)?.map(|second| Arc::new(second) as Arc<dyn Forgets>);
    let core = Core { config, registry: Arc::new(registry), store, clock, tellings };
    let calendar = Calendar::new(&core);
    let (meetings, payments) = (bookings::part(&calendar), till::part(&core, &calendar));
    let Core { store, clock, tellings, .. } = core;
    let system = System {
        ctx,
        store,
        clock,
        schema: SCHEMA,
        tellings,
        providers: Providers::new(vec![meetings.provider, payments.provider]),
        duties: meetings.duties.into_iter().chain(payments.duties).collect(),
        forgets: [meetings.forgets, payments.forgets].into_iter().chain(second).collect(),
    };
    let grpc = system
        .open()
        .add(BookingServiceServer::new(meetings.service))
        .add(PaymentServiceServer::new(payments.service));
    Ok(grpc.into())
}

#[async_trait::async_trait]
impl books::Documents for Documents {
    async fn state(&self, telling: &Telling) -> Result<Option<Stated>, store::Error> {
        let store = &*self.store;
        match telling {
            Telling::Booking(id) => bookings::statement(store, id).await,
            Telling::Payment(id) => till::payment_statement(store, id).await,
            Telling::Subscription(id) => till::subscription_statement(store, id).await,
            // It says all itself.
            Telling::Event { .. } | Telling::Contact { .. } | Telling::Notice(_) => Ok(None),
        }
    }
}
