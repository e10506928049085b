//! How often a member may have a provider asked, whatever browser, chat or script of theirs asks.
//!
//! The invariants: what a member does counts for that member alone, so that nobody uses up the account's own limit at Whop
//! for the others; and what is answered from what is kept counts nowhere.

use std::sync::Arc;

use domain::{Fault, fault::Quota};
use store::{Clock, Store, limiter::Limiter};

use crate::config::Config;

/// The limits of a member.
pub(crate) struct Limits {
    actions: Limiter,
    reads: Limiter,
}

impl Limits {
    /// The limits as configured, for all instances over one store together.
    pub(crate) fn new(config: &Config, store: &Arc<dyn Store>, clock: &Clock) -> Self {
        let over = |limit, name| Limiter::over(limit, store.clone(), name, clock.clone());
        Self {
            actions: over(config.limit_member_actions, "member_actions"),
            reads: over(config.limit_member_reads, "member_reads"),
        }
    }

    /// Counts something that a member has done at a provider.
    pub(crate) async fn act(&self, user: &str) -> Result<(), Fault> {
        self.actions.check(user).await.map_err(limited)
    }

    /// Counts something that is asked of a provider for a member.
    pub(crate) async fn read(&self, user: &str) -> Result<(), Fault> {
        self.reads.check(user).await.map_err(limited)
    }
}

fn limited(quota: Quota) -> Fault {
    Fault::limited(quota, "too many requests, try again later")
}
