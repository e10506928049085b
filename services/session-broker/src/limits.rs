//! How often sessions may be asked for: by visitor, by network address, by site.
//!
//! The invariant: every call counts, whether it is served from memory, mints, or is refused later on. A stranger who
//! guesses workflows uses up a limit like anybody else.

use domain::fault::Quota;
use store::limiter::Limiter;

use crate::{config::Config, mint::Caller};

/// The three limits of a call.
pub(crate) struct Limits {
    visitor: Limiter,
    ip: Limiter,
    site: Limiter,
}

impl Limits {
    /// The limits as configured.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            visitor: Limiter::new(config.limit_visitor),
            ip: Limiter::new(config.limit_ip),
            site: Limiter::new(config.limit_site),
        }
    }

    /// Counts one call; the first limit that refuses it answers.
    pub(crate) fn check(&self, caller: &Caller) -> Result<(), Quota> {
        self.visitor.check(caller.visitor.as_str())?;
        // Without an address there is nothing that callers could share.
        if !caller.ip_key.is_empty() {
            self.ip.check(&caller.ip_key)?;
        }
        // Calls from outside a browser are one site together, or leaving `Origin` out would be the way round.
        self.site.check(&caller.site)
    }
}
