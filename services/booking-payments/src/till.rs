//! The till: links to pay, and what became of the money.
//!
//! A link is stored before Stripe is asked for it, and what Stripe reports is fetched and committed against the version
//! that was read before. The invariant: nobody who calls chooses an amount or sees another's link, and whatever order
//! Stripe's messages come in, and however often, the same payments stand in the books.

mod book;
mod calendar;
mod catalogue;
mod checkout;
mod followed;
mod forgetting;
mod hints;
mod lanes;
mod link;
mod looks;
mod making;
mod meeting;
mod mrr;
mod origin;
mod payment;
mod record;
mod request;
mod return_page;
mod share;
mod statement;
mod subscription;
mod task;

#[cfg(test)]
mod tests;

use std::sync::{Arc, atomic::AtomicBool};

use jiff::Timestamp;
use proto::booking::v1::Booking;
use providers::{books::Telling, error::Error};
use store::{Clock, Store, queue::Worker};
use tokio::sync::OnceCell;
use url::Url;

pub(crate) use catalogue::{Catalogue, Item};
pub(crate) use checkout::{Attendee, BY_GUEST, BY_HOLDER, Checkout, Meeting, Order, Status};
pub(crate) use followed::FOLLOWED;
pub(crate) use meeting::Meetings;
pub(crate) use payment::Payment;
pub(crate) use return_page::Shown;
pub(crate) use share::SHARES;
pub(crate) use statement::{payment_statement, subscription_statement, wire};
pub(crate) use task::{TASKS, Task};

use crate::{Core, Part, bookings::Calendar, grpc, stripe};

/// The till. Clones share one.
#[derive(Clone)]
pub(crate) struct Till(Arc<Inner>);

/// What the till stands on.
pub(crate) struct Deps {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    pub(crate) stripe: stripe::Client,
    pub(crate) secrets: Option<chassis::config::Secrets>,
    pub(crate) catalogue: Catalogue,
    pub(crate) meetings: Arc<dyn Meetings>,
    /// Where the public reaches the page to which links return.
    pub(crate) public: Url,
    /// How long a link lives.
    pub(crate) minutes: u16,
    /// Woken after a commit that told something.
    pub(crate) tellings: Option<Worker<Telling>>,
}

struct Inner {
    deps: Deps,
    /// What signs the addresses to which links return.
    keys: OnceCell<domain::token::Keys>,
    /// Woken after a commit that put a task.
    tasks: OnceCell<Worker<Task>>,
    /// Who makes which link.
    lanes: lanes::Lanes,
    /// Who was looked at just now.
    looks: looks::Looks,
    /// It was said that the webhooks do not fit the key.
    told_of_foreign: AtomicBool,
}

/// What the service takes from here.
pub(crate) fn part(core: &Core, calendar: &Calendar) -> Part<grpc::payments::Service> {
    let Core { config, registry, store, clock, tellings, .. } = core;
    let till = Till::new(Deps {
        store: store.clone(),
        clock: clock.clone(),
        stripe: stripe::Client::new(&config.stripe_base_url, config.stripe_secret_key.clone()),
        secrets: config.stripe_webhook_secrets.clone(),
        catalogue: Catalogue::new(registry.clone()),
        meetings: Arc::new(calendar::Slots { calendar: calendar.clone(), clock: clock.clone() }),
        public: config.public_base_url.clone(),
        minutes: config.checkout_minutes,
        tellings: Some(tellings.clone()),
    });
    let worker = till.worker();
    Part {
        service: grpc::payments::Service { till: till.clone() },
        provider: Arc::new(till.clone()),
        duties: vec![Arc::new(worker)],
        forgets: Arc::new(till),
    }
}

// === impl Till ===

impl Till {
    /// The till over what it stands on.
    pub(crate) fn new(deps: Deps) -> Self {
        Self(Arc::new(Inner {
            deps,
            keys: OnceCell::new(),
            tasks: OnceCell::new(),
            lanes: lanes::Lanes::default(),
            looks: looks::Looks::default(),
            told_of_foreign: AtomicBool::new(false),
        }))
    }

    /// Who does what the till does later.
    pub(crate) fn worker(&self) -> Worker<Task> {
        let worker = Worker::new(
            &TASKS,
            self.0.deps.store.clone(),
            self.0.deps.clock.clone(),
            Arc::new(task::Hands(Arc::downgrade(&self.0))),
        );
        // A second one would do as well; it is woken by nobody.
        let _ = self.0.tasks.set(worker.clone());
        worker
    }

    /// What is sold.
    pub(crate) fn catalogue(&self) -> &Catalogue {
        &self.0.deps.catalogue
    }

    /// What became of the money of a link.
    pub(crate) async fn payment_of(&self, checkout: &Checkout) -> Result<Option<Payment>, Error> {
        if checkout.payment.is_empty() {
            return Ok(None);
        }
        Ok(payment::PAYMENTS.get(self.store(), &checkout.payment).await?.map(|found| found.value))
    }

    /// The meeting of a link, once it is booked.
    pub(crate) async fn booking_of(&self, checkout: &Checkout) -> Result<Option<Booking>, Error> {
        if checkout.booking.is_empty() { Ok(None) } else { self.meetings().booking(checkout).await }
    }

    fn store(&self) -> &dyn Store {
        &*self.0.deps.store
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        (self.0.deps.clock)()
    }

    fn stripe(&self) -> &stripe::Client {
        &self.0.deps.stripe
    }

    fn meetings(&self) -> &dyn Meetings {
        &*self.0.deps.meetings
    }

    /// After a commit: whoever waits for what it put looks now.
    fn wake(&self) {
        if let Some(tellings) = &self.0.deps.tellings {
            tellings.wake();
        }
        if let Some(tasks) = self.0.tasks.get() {
            tasks.wake();
        }
    }
}

/// A time of Stripe's, in unix seconds.
fn time(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_second(seconds).ok()
}
