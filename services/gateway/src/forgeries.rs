//! How many tokens that are not good a network address may show.
//!
//! To find out that a token of a Whop user is forged costs a call inward and a signature's check, so nobody gets to make us
//! do it without end. Only what was refused is counted: all members behind Whop's proxy may be one address. The invariant:
//! whoever shows no wrong token is never refused on account of anybody at another address.

use std::time::Instant;

use chassis::gate::{Gate, Rate};
use domain::{Fault, limit::Limit};

/// What each address has shown lately.
pub(crate) struct Forgeries {
    /// Absent if there is no limit.
    gate: Option<Gate>,
    begun: Instant,
}

// === impl Forgeries ===

impl Forgeries {
    pub(crate) fn new(limit: Limit) -> Self {
        Self { gate: Rate::new(limit).map(Gate::new), begun: Instant::now() }
    }

    /// Whether this address may show one more.
    pub(crate) fn check(&self, ip_key: &str) -> Result<(), Fault> {
        let Some(gate) = &self.gate else { return Ok(()) };
        let message = "too many tokens from this address were not accepted, try again later";
        gate.peek(ip_key, self.now()).map_err(|quota| Fault::limited(quota, message))
    }

    /// Counts one that was not accepted.
    pub(crate) fn note(&self, ip_key: &str) {
        if let Some(gate) = &self.gate {
            gate.charge(ip_key, self.now());
        }
    }

    fn now(&self) -> i64 {
        i64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(i64::MAX)
    }
}
