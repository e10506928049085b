//! What is kept of members: their memberships and payments as Whop had them last.
//!
//! The invariants: a document is a picture of what was fetched, never of what a webhook said; whatever changes one tells the
//! books in the same commit; and nobody is shown a document of another user.

mod ending;
mod feed;
mod forgetting;
mod fresh;
mod hints;
mod membership;
mod payment;
mod record;
mod refresh;
mod statement;
mod users;

use std::{sync::Arc, time::Duration};

use chassis::config::Secrets;
use jiff::Timestamp;
use moka::future::Cache;
use providers::{api::Failure, books::Telling};
use store::{Clock, Index, Store, queue::Worker};

use crate::{
    limits::Limits,
    whop::{self, wire::Plan},
};

pub(crate) use forgetting::Gone;
pub(crate) use fresh::Fresh;
pub(crate) use membership::{MEMBERSHIPS, Membership};
pub(crate) use payment::{BY_PAYER, Payment};
pub(crate) use record::owner;
pub(crate) use statement::Documents;

/// The memberships of a user, the newest first.
pub(crate) static BY_USER: Index = Index {
    collection: MEMBERSHIPS.name(),
    name: "by_user",
    fields: &["user", "created_at"],
    orders: store::DESCENDING,
};
/// How long the name and the price of a plan are believed.
const PLAN_LIFE: Duration = Duration::from_secs(10 * 60);
/// Most plans that are remembered.
const MOST_PLANS: u64 = 1_000;

/// Keeps what members have.
#[derive(Clone)]
pub(crate) struct Members(Arc<Parts>);

struct Parts {
    whop: whop::Client,
    secrets: Option<Secrets>,
    store: Arc<dyn Store>,
    clock: Clock,
    tellings: Worker<Telling>,
    /// Plans by id; `None` for one that Whop does not know.
    plans: Cache<String, Option<Plan>>,
    /// Users for whose memberships Whop is asked just now. Nothing stays in it.
    asking: Cache<String, Timestamp>,
    /// Whether Whop is left alone for a moment.
    rest: fresh::Rest,
    limits: Limits,
    /// The names of what is noted at Whop for a member and needed here: folders, links.
    noted: Vec<String>,
}

/// What members stand on.
pub(crate) struct Deps {
    pub(crate) whop: whop::Client,
    /// Of the webhook, newest first.
    pub(crate) secrets: Option<Secrets>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    /// Woken after a commit that told something.
    pub(crate) tellings: Worker<Telling>,
    /// How often a member may have Whop asked.
    pub(crate) limits: Limits,
    /// Names of a membership's metadata that are kept.
    pub(crate) noted: Vec<String>,
}

// === impl Members ===

impl Members {
    pub(crate) fn new(deps: Deps) -> Self {
        let Deps { whop, secrets, store, clock, tellings, limits, noted } = deps;
        let plans = Cache::builder().max_capacity(MOST_PLANS).time_to_live(PLAN_LIFE).build();
        let asking = Cache::builder().time_to_live(Duration::ZERO).build();
        let rest = fresh::Rest::default();
        Self(Arc::new(Parts { whop, secrets, store, clock, tellings, plans, asking, rest, limits, noted }))
    }

    pub(crate) fn whop(&self) -> &whop::Client {
        &self.0.whop
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.0.store
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.0.clock)()
    }

    /// Somebody tells the books now.
    fn wake(&self) {
        self.0.tellings.wake();
    }

    /// A plan; what Whop does not know has none.
    async fn plan(&self, id: &str) -> Result<Option<Plan>, Arc<Failure>> {
        self.0.plans.try_get_with_by_ref(id, self.whop().plan(id)).await
    }
}
