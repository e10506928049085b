//! The ways to the services behind the tools, and which of them there are.
//!
//! The invariant: a tool whose service has no way to it is not offered, so nothing is promised that cannot be kept.

use chassis::client::Link;

/// The ways to the services behind the tools.
#[derive(Clone, Debug)]
pub struct Links {
    /// The books.
    pub sheets_writer: Link,
    /// Meetings and payments, if that service runs.
    pub booking_payments: Option<Link>,
    /// Members, if that service runs.
    pub whop_gateway: Option<Link>,
    /// Reports and notices, if that service runs.
    pub ops_copilot: Option<Link>,
}

/// A service that not every installation has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    BookingPayments,
    WhopGateway,
    OpsCopilot,
}

// === impl Links ===

impl Links {
    /// The books alone.
    pub fn to_books(sheets_writer: Link) -> Self {
        Self { sheets_writer, booking_payments: None, whop_gateway: None, ops_copilot: None }
    }

    /// Whether one of these is there; of none, everything is.
    pub(crate) fn have(&self, needs: &[Service]) -> bool {
        let has = |service: &Service| match service {
            Service::BookingPayments => self.booking_payments.is_some(),
            Service::WhopGateway => self.whop_gateway.is_some(),
            Service::OpsCopilot => self.ops_copilot.is_some(),
        };
        needs.is_empty() || needs.iter().any(has)
    }
}
