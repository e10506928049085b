//! Meetings: what can be booked and when, who booked what, and what became of it at Cal.com.
//!
//! Cal.com is asked, our documents remember. Every change of a document goes through [`Calendar::refresh`], whether a
//! webhook, a look or a call of ours gave the hint. The invariants: a visitor sees and changes what they asked for, and
//! nothing else; a meeting keeps its id through reschedules; every change is told to the books in the commit that makes it.

mod erasure;
mod event_types;
mod feed;
mod guests;
mod holds;
mod intents;
mod link;
mod meeting;
mod moves;
mod orders;
mod owned;
mod refresh;
mod slots;
mod statement;
pub(crate) mod terms;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use chassis::config::Secrets;
use jiff::Timestamp;
use providers::books::Telling;
use store::{ASCENDING, Clock, Index, Store, queue::Worker};
use url::Url;

pub(crate) use event_types::Shown;
pub(crate) use holds::Hold;
pub(crate) use meeting::{Meeting, Status};
pub(crate) use orders::{NotBooked, Order};
pub(crate) use slots::local;
pub(crate) use statement::statement;
pub(crate) use terms::Asked;

use crate::{Core, Part, calcom, grpc};

/// The meetings of a visitor.
pub(crate) static BY_VISITOR: Index = index("meetings", "by_visitor", &["visitor"]);
/// The meetings of a verified Whop user.
pub(crate) static BY_WHOP_USER: Index = index("meetings", "by_whop_user", &["whop_user"]);
/// The meetings to which an e-mail was asked.
pub(crate) static BY_EMAIL: Index = index("meetings", "by_email", &["email"]);
/// The meetings to which a phone was asked.
pub(crate) static BY_PHONE: Index = index("meetings", "by_phone", &["phone"]);
/// What a visitor asked for.
pub(crate) static INTENTS_BY_VISITOR: Index = index("booking_intents", "by_visitor", &["visitor"]);
/// What a verified Whop user asked for.
pub(crate) static INTENTS_BY_WHOP_USER: Index = index("booking_intents", "by_whop_user", &["whop_user"]);
/// The collections of these documents that expire.
pub(crate) const EXPIRING: [&str; 2] = [intents::INTENTS.name(), holds::HOLDS.name()];

/// The calendar. Clones share everything.
#[derive(Clone)]
pub(crate) struct Calendar(Arc<Inner>);

/// What a calendar stands on.
pub(crate) struct Inner {
    store: Arc<dyn Store>,
    clock: Clock,
    client: calcom::Client,
    tellings: Worker<Telling>,
    slots: slots::Shelf,
    event_types: event_types::Shelf,
    /// The calendar's public page.
    page: Option<Url>,
    /// Cal.com is no stand-in.
    live: bool,
    /// Slugs of the event types that are sold by link.
    sold: HashSet<String>,
    /// Secrets of its webhook.
    secrets: Option<Secrets>,
    /// Triggers that were heard of once and mean nothing to us.
    unknown_triggers: Mutex<HashSet<String>>,
}

const fn index(collection: &'static str, name: &'static str, fields: &'static [&'static str]) -> Index {
    Index { collection, name, fields, orders: ASCENDING }
}

/// What the service takes from here.
pub(crate) fn part(calendar: &Calendar) -> Part<grpc::bookings::Service> {
    Part {
        service: grpc::bookings::Service::new(calendar.clone()),
        provider: Arc::new(calendar.clone()),
        duties: Vec::new(),
        forgets: Arc::new(calendar.clone()),
    }
}

// === impl Calendar ===

impl std::ops::Deref for Calendar {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Calendar {
    /// The calendar of this service; one of them, since its pace and what it remembers of slots are shared.
    pub(crate) fn new(core: &Core) -> Self {
        let Core { config, registry, store, clock, tellings } = core;
        let offers = registry.iter().flat_map(|workflow| &workflow.offers);
        let key = config.calcom_api_key.clone();
        Self(Arc::new(Inner {
            store: store.clone(),
            clock: clock.clone(),
            client: calcom::Client::new(&config.calcom_base_url, key, store.clone(), clock.clone()),
            tellings: tellings.clone(),
            slots: slots::Shelf::default(),
            event_types: event_types::Shelf::default(),
            page: config.calcom_booking_link.clone(),
            live: !config.calcom_is_invented(),
            sold: offers.filter_map(|offer| offer.meeting.clone()).collect(),
            secrets: config.calcom_webhook_secrets.clone(),
            unknown_triggers: Mutex::default(),
        }))
    }
}

impl Inner {
    /// Whether this event type is sold by link.
    pub(crate) fn is_sold(&self, slug: &str) -> bool {
        self.sold.contains(slug)
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }
}
