//! How often sessions may be asked for: by visitor, by network address, by site.
//!
//! The invariants: every call that the limits let through counts in each of them, whether it is served from memory,
//! mints, or is refused later on, so that a stranger who guesses workflows uses up a limit like anybody else; a call
//! that one of them refuses uses up none, so that one visitor's flood is not its site's.

use std::sync::Arc;

use domain::fault::Quota;
use store::{
    Clock, Store,
    limiter::{Limiter, Permit},
};

use crate::{config::Config, mint::Caller};

/// The three limits of a call.
pub(crate) struct Limits {
    visitor: Limiter,
    ip: Limiter,
    site: Limiter,
}

impl Limits {
    /// The limits as configured, for all instances over one store together.
    pub(crate) fn new(config: &Config, store: &Arc<dyn Store>, clock: &Clock) -> Self {
        let over = |limit, name| Limiter::over(limit, Arc::clone(store), name, clock.clone());
        Self {
            visitor: over(config.limit_visitor, "visitor"),
            ip: over(config.limit_ip, "ip"),
            site: over(config.limit_site, "site"),
        }
    }

    /// Counts one call; the first limit that refuses it answers.
    pub(crate) async fn check(&self, caller: &Caller) -> Result<(), Quota> {
        let visitor = caller.visitor.as_str();
        // Without an address there is nothing that callers could share.
        let ip = Some(caller.ip_key.as_str()).filter(|key| !key.is_empty());
        // Calls from outside a browser are one site together, or leaving `Origin` out would be the way round.
        let site = caller.site.as_str();

        // A refusal that is known already asks nothing of the others.
        self.visitor.peek(visitor)?;
        ip.map_or(Ok(()), |key| self.ip.peek(key))?;
        self.site.peek(site)?;
        let by_ip = async {
            match ip {
                Some(key) => self.ip.acquire(key).await.map(Some),
                None => Ok(None),
            }
        };
        let (visitor, ip, site) = tokio::join!(self.visitor.acquire(visitor), by_ip, self.site.acquire(site));
        [Some(visitor?), ip?, Some(site?)].into_iter().flatten().for_each(Permit::spend);
        Ok(())
    }
}
